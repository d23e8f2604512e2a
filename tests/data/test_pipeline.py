"""Batches: labels, order by seed and step, flips, sample batch, refusals."""

import numpy as np
import pytest

from dagan_tf.config.settings import DataConfig
from dagan_tf.data.photos import list_photos
from dagan_tf.data.pipeline import sample_batch, training_batches
from dagan_tf.errors import DaganError
from dagan_tf.folders.pack import pack_real, pack_simulated
from tests.helpers.toy_folders import make_real, make_simulated

CONFIG = DataConfig(image_size=16, horizontal_flip=False, shuffle_buffer=5)
NAMES = ["p0", "p1", "p2"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """12 simulated records of p0-p2 and 12 reals of p0-p3."""
    root = tmp_path_factory.mktemp("records")
    pack_simulated(make_simulated(root / "s"), root / "sim", image_size=16, progress=False)
    photos = list_photos(make_real(root / "r"), "folder")
    pack_real(photos, root / "real", image_size=16, aligned=True, progress=False)
    return root / "sim", root / "real"


def take(folders, count, config=CONFIG, **kwargs):
    settings = {"batch_size": 4, "seed": 0, **kwargs}
    batches = training_batches(*folders, NAMES, config, **settings)
    return [{k: v.numpy() for k, v in batch.items()} for batch in batches.take(count)]


def same(a, b):
    return all(np.array_equal(a[key], b[key]) for key in a)


def test_shapes_ranges_and_dtypes(folders):
    (batch,) = take(folders, 1)
    assert {k: (v.shape, v.dtype.name) for k, v in batch.items()} == {
        "simulated": ((4, 16, 16, 3), "float32"),
        "real": ((4, 16, 16, 3), "float32"),
        "mask": ((4, 16, 16, 1), "float32"),
        "simulated_label": ((4,), "int32"),
        "real_label": ((4,), "int32"),
        "simulated_draws": ((4, 5), "float32"),
        "simulated_yaw": ((4,), "float32"),
        "real_draws": ((4, 5), "float32"),
        "skin": ((4, 16, 16, 1), "float32"),
        "inside": ((4, 16, 16, 1), "float32"),
        "target": ((4, 16, 16, 3), "float32"),
        "paired": ((4,), "float32"),
    }
    assert -1 <= batch["simulated"].min() < batch["simulated"].max() <= 1
    assert set(np.unique(batch["mask"])) == {0.0, 1.0}


def test_a_pass_shows_every_image_once_and_labels_fit(folders):
    batches = take(folders, 3)
    images = np.concatenate([b["simulated"] for b in batches]).reshape(12, -1)
    assert len(np.unique(images, axis=0)) == 12
    labels = np.concatenate([b["simulated_label"] for b in batches])
    assert sorted(labels) == [0] * 4 + [1] * 4 + [2] * 4
    reals = np.concatenate([b["real_label"] for b in batches])
    assert sorted(reals) == [-1] * 3 + [0] * 3 + [1] * 3 + [2] * 3


def test_reals_can_stay_unlabelled(folders):
    config = DataConfig(image_size=16, identity_on_reals=False)
    assert all((batch["real_label"] == -1).all() for batch in take(folders, 3, config))


def test_images_are_made_poorer_each_by_its_own_draws(folders):
    poorer = DataConfig(image_size=16, horizontal_flip=False, shuffle_buffer=5, degrade=1.0)
    for plain, one, again in zip(
        take(folders, 3), take(folders, 3, poorer), take(folders, 3, poorer), strict=True
    ):
        assert same(one, again)
        for key in ("simulated", "real"):
            change = np.abs(one[key] - plain[key]).mean(axis=(1, 2, 3))
            assert (change > 0.01).all()
            assert len(set(change.round(6))) == 4
        np.testing.assert_array_equal(one["mask"], plain["mask"])


@pytest.mark.slow
@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("start", [1, 3, 7])
def test_resuming_shows_what_an_unbroken_run_shows(folders, start, flip):
    config = DataConfig(image_size=16, horizontal_flip=flip, shuffle_buffer=5)
    whole = take(folders, start + 3, config)
    resumed = take(folders, 3, config, start_step=start)
    assert all(same(a, b) for a, b in zip(whole[start:], resumed, strict=True))


@pytest.mark.slow
def test_seeds_and_passes_differ(folders):
    first, other = take(folders, 6), take(folders, 6, seed=1)
    assert not same(first[0], other[0])
    assert not all(
        np.array_equal(a["simulated"], b["simulated"])
        for a, b in zip(first[:3], first[3:], strict=True)
    )


def test_flips_turn_image_mask_and_yaw_together(folders):
    plain = take(folders, 3)
    flipped = take(folders, 3, DataConfig(image_size=16, horizontal_flip=True, shuffle_buffer=5))
    seen = set()
    for a, b in zip(plain, flipped, strict=True):
        for i in range(4):
            turned = not np.array_equal(a["simulated"][i], b["simulated"][i])
            seen.add(turned)
            step = -1 if turned else 1
            np.testing.assert_array_equal(b["simulated"][i], a["simulated"][i][:, ::step])
            np.testing.assert_array_equal(b["mask"][i], a["mask"][i][:, ::step])
            assert b["simulated_yaw"][i] == step * a["simulated_yaw"][i] != 0
    assert seen == {True, False}


def test_squares_are_cut_out_of_all_images_alike_whatever_is_mirrored(folders):
    settings = {"image_size": 16, "shuffle_buffer": 5}
    whole = take(folders, 6, DataConfig(**settings, horizontal_flip=True))
    cut = take(folders, 6, DataConfig(**settings, horizontal_flip=True, crop=8))
    plain = take(folders, 6)
    places, mirrored = [], []
    for a, b, c in zip(whole, cut, plain, strict=True):
        assert {b[key].shape[1:3] for key in ("simulated", "real", "mask", "skin")} == {(8, 8)}
        for i in range(4):
            image = a["simulated"][i]
            found = [
                (y, x)
                for y in range(9)
                for x in range(9)
                if np.array_equal(image[y : y + 8, x : x + 8], b["simulated"][i])
            ]
            assert found
            assert any(
                np.array_equal(a["mask"][i][y : y + 8, x : x + 8], b["mask"][i]) for y, x in found
            )
            places.append(found[0])
            mirrored.append(not np.array_equal(image, c["simulated"][i]))
    rows = np.array(places)[:, 0]
    assert len(set(places)) > 4
    for side in (True, False):  # Both mirrored and not, above the middle and below it.
        own = rows[np.array(mirrored) == side]
        assert own.min() < 4 < own.max()


@pytest.mark.slow
def test_sample_batch_is_fixed(folders):
    a = sample_batch(*folders, CONFIG, count=5, seed=3)
    b = sample_batch(*folders, CONFIG, count=5, seed=3)
    assert a["simulated"].shape == (5, 16, 16, 3)
    np.testing.assert_array_equal(a["real"], b["real"])
    assert sample_batch(*folders, CONFIG, count=50, seed=3)["real"].shape[0] == 12


def test_another_image_size_is_refused(folders):
    with pytest.raises(DaganError, match=r"holds 16 px images, data\.image_size is 32"):
        take(folders, 1, DataConfig(image_size=32))


@pytest.mark.slow
@pytest.mark.parametrize(("workers", "devices"), [(2, 1), (4, 1), (2, 2)])
def test_workers_shares_put_together_are_the_batches_of_one(folders, workers, devices):
    config = DataConfig(image_size=16, horizontal_flip=True, shuffle_buffer=5)
    whole = take(folders, 4, config, start_step=2)
    shares = [
        take(folders, 4 * devices, config, start_step=2, worker=w, workers=workers, devices=devices)
        for w in range(workers)
    ]
    for number, batch in enumerate(whole):
        parts = [share[number * devices + d] for share in shares for d in range(devices)]
        assert same(batch, {key: np.concatenate([part[key] for part in parts]) for key in batch})
