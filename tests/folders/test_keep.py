"""The filter of refined images: percentiles by hand, filtering again, true scores."""

import csv

import numpy as np
import pytest

from dagan_tf.config.settings import load_config
from dagan_tf.data.manifest import read_manifest
from dagan_tf.errors import DaganError
from dagan_tf.faces.photo_io import read_photo
from dagan_tf.folders import keep
from dagan_tf.folders.keep import filter_folder, filtered_copy, make_scorer, rejected_rows
from dagan_tf.folders.refine import refine_folder
from dagan_tf.pretrained.model_folder import load_discriminator
from dagan_tf.training.train import RealPhotos, train
from tests.helpers.toy_folders import make_real, make_simulated
from tests.training.test_train import TINY


def by_view(images, identities):
    """Costs known beforehand: 0, 1, 2, ... for the images of a batch, p2 unknown."""
    order = np.arange(len(images), dtype=float)
    costs = np.where(np.array(identities) == "p2", np.nan, order[::-1])
    return np.stack([order, costs], axis=1)


def paths(rows):
    return sorted(row.path for row in rows)


def test_both_costs_count_and_nothing_is_lost(tmp_path):
    folder = make_simulated(tmp_path / "sim")  # 12 images
    everything = paths(read_manifest(folder))
    # 75th percentiles: of 0..11 it is 8.25; of the 8 known costs 11..4 it is 9.25.
    assert filter_folder(folder, by_view, 75) == 12 - 3 - 2
    kept, gone = paths(read_manifest(folder)), paths(rejected_rows(folder))
    assert gone == everything[:2] + everything[9:]
    assert sorted(kept + gone) == everything
    rows = list(csv.DictReader((folder / "scores.csv").open()))
    assert [row["path"] for row in rows if row["kept"] == "1"] == kept
    assert rows[11]["identity_cost"] == "nan"
    assert filter_folder(folder, by_view, 75) == 7  # the same again
    assert filter_folder(folder, by_view, 100) == 12
    assert rejected_rows(folder) == []
    with pytest.raises(DaganError, match="keep_percentile = 0: expected above 0"):
        filter_folder(folder, by_view, 0)


def test_rejected_images_are_not_refined_again(tmp_path):
    folder = make_simulated(tmp_path / "sim")
    options = {"label": "same", "progress": False}
    refine_folder(folder, tmp_path / "out", lambda images: images, **options)
    filter_folder(tmp_path / "out", by_view, 75)
    again = refine_folder(folder, tmp_path / "out", lambda images: 1 / 0, **options)
    assert (again.refined, again.done_before) == (0, 12)


def test_a_copy_is_filtered_and_the_folder_left_alone(tmp_path, monkeypatch):
    folder, copy = make_simulated(tmp_path / "sim"), tmp_path / "copy"
    everything = paths(read_manifest(folder))
    judged = []

    def make(model_dir):
        judged.append(model_dir)
        return by_view

    monkeypatch.setattr(keep, "make_scorer", make)
    with pytest.raises(DaganError, match="keep_percentile = 0: expected above 0"):
        filtered_copy(folder, copy, "model", 0)
    filtered_copy(folder, copy, "model", 75)
    assert paths(read_manifest(folder)) == everything
    assert len(read_manifest(copy)) == 7
    for row in read_manifest(copy):
        np.testing.assert_array_equal(read_photo(copy / row.path), read_photo(folder / row.path))
    filtered_copy(folder, copy, "model", 75)  # It is there.
    assert judged == ["model", "model"]
    with pytest.raises(DaganError, match=r"copy: was made with keep_percentile 75, now 50; remove"):
        filtered_copy(folder, copy, "model", 50)
    with pytest.raises(DaganError, match="was made with judge model, now other"):
        filtered_copy(folder, copy, "other", 75)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["began", "patch"])
def test_scores_are_the_discriminator_s(tmp_path, form):
    folder = make_simulated(tmp_path / "sim")
    config = load_config("small-64", [*TINY, "training.steps=2", f"loss.adversarial={form}"])
    real = RealPhotos(make_real(tmp_path / "real"), aligned=True)
    train(config, folder, real, tmp_path / "m", held_out=["p2"], verbose=False)
    images = np.stack([read_photo(folder / row.path) for row in read_manifest(folder)[:2]])
    found = make_scorer(tmp_path / "m")(images, ["p1", "p2"])
    pixels = images.astype(np.float32) / 127.5 - 1
    answer, logits = (np.asarray(v) for v in load_discriminator(tmp_path / "m")(pixels))
    if form == "began":
        want = np.abs(pixels - answer).mean(axis=(1, 2, 3))
    else:
        want = np.log1p(np.exp(-answer)).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(found[:, 0], want, rtol=1e-4)
    cost = np.log(np.exp(logits[0]).sum()) - logits[0, 1]
    assert found[0, 1] == pytest.approx(cost, rel=1e-4)
    assert np.isnan(found[1, 1])
    with pytest.raises(DaganError, match="images of 8x8: the discriminator"):
        make_scorer(tmp_path / "m")(images[:, :8, :8], ["p1", "p1"])
