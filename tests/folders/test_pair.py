"""Photos laid onto views: who goes with whom, what is written, going on, and records of it."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from dagan_tf.data.manifest import ManifestRow, ManifestWriter, read_manifest
from dagan_tf.data.photos import PhotoItem
from dagan_tf.data.record_format import parse_example
from dagan_tf.data.records import read_index, shard_paths
from dagan_tf.errors import DaganError
from dagan_tf.faces.photo_io import read_photo, write_png
from dagan_tf.folders import pair
from dagan_tf.folders.head_images import write_head
from dagan_tf.folders.pack import pack_paired, pack_simulated
from dagan_tf.simulator.registration import moved_onto
from tests.helpers.drawn_head import SIDE, drawn_head, moved


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """A view at -90 of two people, the second without a photo; the photo is the view, moved."""
    simulated = tmp_path / "simulated"
    view, head = drawn_head(-90)
    with ManifestWriter(simulated_folder(simulated)) as manifest:
        for person in ("a", "b"):
            name = f"{person}/1_yaw-090"
            write_png(simulated / f"{name}.png", view)
            write_png(simulated / f"{name}_mask.png", head)
            write_head(simulated / f"{name}_head.png", head, skin_of(head))
            manifest.write(
                ManifestRow(
                    f"{name}.png", f"{name}_mask.png", "x/neutral_front/1.jpg", person,
                    -90, 0, 0, 0.01, head_path=f"{name}_head.png",
                )
            )  # fmt: skip
    photos = []
    for mood, yaw, shift in (("smiling", -90.0, 9), ("neutral", 90.0, 9), ("neutral", -90.0, 2)):
        path = tmp_path / f"{mood}_{yaw:g}" / "1.png"
        path.parent.mkdir()
        write_png(path, moved(view, 1, 0, shift, 0))
        photos.append(PhotoItem(path, "a", "1", yaw))
    monkeypatch.setattr(pair, "_framed", lambda _, photo: read_photo(photo.path))
    return simulated, photos, tmp_path / "pairs"


def skin_of(head):
    skin = head.copy()
    skin[: SIDE // 3] = 0
    return skin


def simulated_folder(folder):
    for person in ("a", "b"):
        (folder / person).mkdir(parents=True)
    return folder


def test_a_view_gets_the_photo_of_its_person_side_and_expression(folders):
    simulated, photos, output = folders
    summary = pair.pair_folder(simulated, photos, output, progress=False)
    assert (summary.pairs, summary.unlike, summary.unframed) == (1, 0, 0)
    (row,) = read_manifest(output)
    assert (row.path, row.source) == ("a/1_yaw-090.png", str(photos[2].path))
    view, _ = drawn_head(-90)
    inside = read_photo(output / row.mask_path)[:, :, 0]
    change = np.abs(read_photo(output / row.path).astype(int) - view)[inside > 0]
    assert change.mean() < 1.5
    stamp = (output / row.path).stat().st_mtime_ns
    assert pair.pair_folder(simulated, photos, output, progress=False) == summary
    assert (output / row.path).stat().st_mtime_ns == stamp


def test_a_photo_need_not_be_turned_by_just_what_its_folder_says(folders):
    simulated, photos, output = folders
    photos = [dataclasses.replace(photo, yaw=photo.yaw * 82 / 90) for photo in photos]
    assert pair.pair_folder(simulated, photos, output, progress=False).pairs == 1
    photos = [dataclasses.replace(photo, yaw=photo.yaw / 2) for photo in photos]
    with pytest.raises(DaganError, match="no view has a photo of its person and side"):
        pair.pair_folder(simulated, photos, output / "half", progress=False)


def test_a_photo_that_was_lost_is_laid_on_again(folders):
    simulated, photos, output = folders
    summary = pair.pair_folder(simulated, photos, output, progress=False)
    (row,) = read_manifest(output)
    before = read_photo(output / row.path)
    (output / row.path).unlink()
    assert pair.pair_folder(simulated, photos, output, progress=False) == summary
    assert read_manifest(output) == [row]
    np.testing.assert_array_equal(read_photo(output / row.path), before)


def test_records_carry_skin_target_and_what_both_show(folders, tmp_path):
    simulated, photos, output = folders
    pair.pair_folder(simulated, photos, output, progress=False)
    pack_simulated(simulated, tmp_path / "s", image_size=SIDE, pairs=output, progress=False)
    pack_paired(output, tmp_path / "r", image_size=SIDE, progress=False)

    def load(folder):
        files = shard_paths(folder, read_index(folder))
        found = [parse_example(item, SIDE) for item in tf.data.TFRecordDataset(files)]
        return {item["identity"].numpy().decode(): item for item in found}

    views, (real,) = load(tmp_path / "s"), load(tmp_path / "r").values()
    photo = read_photo(output / "a/1_yaw-090.png")
    inside = read_photo(output / "a/1_yaw-090_mask.png")[:, :, 0]
    np.testing.assert_allclose(real["image"], photo / 127.5 - 1, atol=1e-6)
    view = read_photo(simulated / "a/1_yaw-090.png")
    laid, both = moved_onto(view, photo, inside, -90.0)
    np.testing.assert_allclose(views["a"]["target"], laid / 127.5 - 1, atol=1e-6)
    np.testing.assert_allclose(views["a"]["inside"][..., 0], both / 255, atol=1e-6)
    _, head = drawn_head(-90)
    np.testing.assert_allclose(views["b"]["skin"][..., 0], skin_of(head) / 255, atol=1e-6)
    alone = np.asarray(views["b"]["inside"])[..., 0]
    # In light that nobody was photographed in from the side, a view is its own target.
    assert float(views["b"]["paired"]) == 1.0
    np.testing.assert_array_equal(views["b"]["target"], views["b"]["image"])
    assert 0.9 < alone.sum() / (head / 255).sum() < 1.0
    assert not np.any(alone[head == 0])
    with pytest.raises(DaganError, match="but of held-out people"):
        pack_paired(output, tmp_path / "x", image_size=SIDE, held_out=["a"], progress=False)


def test_what_cannot_be_paired_is_said(folders, tmp_path):
    simulated, photos, output = folders
    with pytest.raises(DaganError, match="no view has a photo of its person and side"):
        pair.pair_folder(simulated, photos[:2], output, progress=False)
    bare = tmp_path / "bare"
    (bare / "a").mkdir(parents=True)
    with ManifestWriter(bare) as manifest:
        manifest.write(ManifestRow("a/1.png", "", "neutral_front/1.jpg", "a", -90, 0, 0, 0))
    with pytest.raises(DaganError, match="make views with --head"):
        pair.pair_folder(bare, photos, tmp_path / "other", progress=False)


def test_heads_of_an_older_version_are_refused(folders, tmp_path):
    simulated, photos, output = folders
    _, head = drawn_head(-90)
    write_png(simulated / "a/1_yaw-090_head.png", head)
    with pytest.raises(DaganError, match=r"1_yaw-090_head.png': holds no skin.* make the folder"):
        pair.pair_folder(simulated, photos, output, progress=False)
    with pytest.raises(DaganError, match="holds no skin"):
        pack_simulated(simulated, tmp_path / "s", image_size=SIDE, progress=False)


def test_records_made_without_pairs_are_made_anew_with_them(folders, tmp_path):
    """Though no photo of those who are left takes part."""
    simulated, photos, output = folders
    pair.pair_folder(simulated, photos, output, progress=False)
    settings = {"image_size": SIDE, "held_out": ["a"], "progress": False}
    for pairs, paired in ((None, 0.0), (output, 1.0)):
        pack_simulated(simulated, tmp_path / "s", pairs=pairs, **settings)
        files = shard_paths(tmp_path / "s", read_index(tmp_path / "s"))
        (view,) = (parse_example(item, SIDE) for item in tf.data.TFRecordDataset(files))
        assert float(view["paired"]) == paired


def test_a_view_that_is_hardly_turned_is_its_own_photo(folders, tmp_path):
    simulated, photos, output = folders
    pair.pair_folder(simulated, photos, output, progress=False)
    rows = read_manifest(simulated)
    (simulated / "manifest.csv").unlink()
    with ManifestWriter(simulated) as manifest:
        for row, pose in zip(rows, ("-75.0 0.0 0.0", "0.0 0.0 0.0"), strict=True):
            manifest.write(dataclasses.replace(row, identity="a", source_pose=pose))
    pack_simulated(simulated, tmp_path / "s", image_size=SIDE, pairs=output, progress=False)
    files = shard_paths(tmp_path / "s", read_index(tmp_path / "s"))
    found = [parse_example(item, SIDE) for item in tf.data.TFRecordDataset(files)]
    (own,) = (one for one in found if one["paired"] == 1.0)
    np.testing.assert_array_equal(own["target"], own["image"])
    # The other one, turned by 90 degrees, is of a person with a photo, but has none.
    assert len(found) == 2
