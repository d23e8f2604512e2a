"""Folders to records: content, reuse, repacking, skipped photos."""

import os

import numpy as np
import pytest
import tensorflow as tf

from dagan_tf.data.manifest import read_skipped
from dagan_tf.data.photos import list_photos
from dagan_tf.data.record_format import parse_example
from dagan_tf.data.records import read_index, shard_paths
from dagan_tf.errors import DaganError
from dagan_tf.faces.face import FaceFinder
from dagan_tf.faces.filling import frame_photo
from dagan_tf.faces.photo_io import read_photo, write_png
from dagan_tf.folders.pack import pack_real, pack_simulated
from dagan_tf.simulator.profile_frame import profile_matrix
from dagan_tf.simulator.simulator import Simulator
from tests.helpers.toy_folders import make_real, make_simulated


def load(folder):
    index = read_index(folder)
    return [
        parse_example(item, index.image_size)
        for item in tf.data.TFRecordDataset(shard_paths(folder, index))
    ]


def stamp(folder):
    return (folder / "index.json").stat().st_mtime_ns


def test_simulated_records_carry_image_mask_and_pose(tmp_path):
    source = make_simulated(tmp_path / "sim", people=2, views=2)
    index = pack_simulated(source, tmp_path / "out", image_size=16, progress=False)
    assert (index.domain, index.count, index.identities) == ("simulated", 4, ["p0", "p1"])
    by_source = {item["source"].numpy().decode(): item for item in load(tmp_path / "out")}
    item = by_source["p1/v0_yaw+030.png"]
    pixels = read_photo(source / "p1/v0_yaw+030.png")
    np.testing.assert_allclose(item["image"], pixels / 127.5 - 1, atol=1e-6)
    np.testing.assert_array_equal(item["mask"][0, :, 0], [0] * 4 + [1] * 12)
    assert (item["identity"].numpy(), float(item["yaw"])) == (b"p1", 30.0)


def test_images_are_resized(tmp_path):
    source = make_simulated(tmp_path / "sim", people=1, views=1, size=32)
    pack_simulated(source, tmp_path / "out", image_size=16, progress=False)
    (item,) = load(tmp_path / "out")
    pixels = read_photo(source / "p0/v0_yaw+030.png").astype(float)
    means = pixels.reshape(16, 2, 16, 2, 3).mean((1, 3))
    np.testing.assert_allclose((item["image"] + 1) * 127.5, means, atol=0.51)


def test_same_inputs_reuse_and_changed_inputs_repack(tmp_path):
    source = make_simulated(tmp_path / "sim", people=1, views=2)
    out = tmp_path / "out"
    pack_simulated(source, out, image_size=16, progress=False)
    first = stamp(out)
    pack_simulated(source, out, image_size=16, progress=False)
    assert stamp(out) == first
    os.utime(source / "p0/v0_yaw+030.png", ns=(1, 1))
    pack_simulated(source, out, image_size=16, progress=False)
    second = stamp(out)
    assert second != first
    pack_simulated(source, out, image_size=32, progress=False)
    assert read_index(out).image_size == 32


def test_unusable_simulated_folders(tmp_path):
    with pytest.raises(DaganError, match=r"manifest\.csv"):
        pack_simulated(tmp_path, tmp_path / "out", image_size=16, progress=False)
    source = make_simulated(tmp_path / "sim", people=1, views=1)
    image = source / "p0/v0_yaw+030.png"
    write_png(image, np.zeros((8, 16, 3), np.uint8))
    with pytest.raises(DaganError, match="16x8, expected a square"):
        pack_simulated(source, tmp_path / "out", image_size=16, progress=False)
    image.unlink()
    with pytest.raises(DaganError, match="No such file"):
        pack_simulated(source, tmp_path / "out", image_size=16, progress=False)


def test_aligned_reals_and_skipped_photos(tmp_path):
    folder = make_real(tmp_path / "real", people=2, photos=2)
    write_png(folder / "p0" / "wide.png", np.zeros((8, 16, 3), np.uint8))
    (folder / "p1" / "broken.png").write_bytes(b"nothing")
    photos = list_photos(folder, "folder")
    out = tmp_path / "out"
    index = pack_real(photos, out, image_size=16, aligned=True, progress=False)
    assert (index.domain, index.count, index.identities) == ("real", 4, ["p0", "p1"])
    reasons = {os.path.basename(row.source): row.reason for row in read_skipped(out)}
    assert set(reasons) == {"wide.png", "broken.png"}
    assert "16x8" in reasons["wide.png"]
    first = stamp(out)
    pack_real(photos, out, image_size=16, aligned=True, progress=False)
    assert stamp(out) == first


def test_no_usable_real_photo(tmp_path):
    (tmp_path / "real" / "p0").mkdir(parents=True)
    (tmp_path / "real" / "p0" / "x.png").write_bytes(b"nothing")
    photos = list_photos(tmp_path / "real", "folder")
    with pytest.raises(DaganError, match=r"none of 1 real photos could be used.*x\.png"):
        pack_real(photos, tmp_path / "out", image_size=16, aligned=True, progress=False)


def test_real_photos_are_framed_by_the_simulator(tmp_path, astronaut):
    (tmp_path / "real" / "collins").mkdir(parents=True)
    write_png(tmp_path / "real" / "collins" / "a.png", astronaut)
    (tmp_path / "real" / "nobody").mkdir()
    write_png(tmp_path / "real" / "nobody" / "b.png", np.zeros((64, 64, 3), np.uint8))
    photos = list_photos(tmp_path / "real", "folder")
    simulator = Simulator(image_size=64)
    out = tmp_path / "out"
    index = pack_real(photos, out, image_size=64, simulator=simulator, progress=False)
    assert index.identities == ["collins"]
    crop, _, pose, _, _ = simulator.align(astronaut)
    (item,) = load(out)
    np.testing.assert_allclose((item["image"] + 1) * 127.5, crop, atol=1e-3)
    assert float(item["yaw"]) == pytest.approx(pose.yaw, abs=1e-3)
    assert [os.path.basename(row.source) for row in read_skipped(out)] == ["b.png"]


def test_profiles_are_framed_by_the_detector(tmp_path, astronaut, monkeypatch):
    """What a layout calls a profile bears no landmarks: the detector's box frames it."""
    box = FaceFinder().find_one(astronaut).box
    for view in ("neutral_right_profile", "neutral_left_profile"):
        (tmp_path / "real" / view).mkdir(parents=True)
        write_png(tmp_path / "real" / view / "001_03.png", astronaut)
    simulator = Simulator(image_size=64)
    monkeypatch.setattr(simulator, "fit", lambda *_, **__: pytest.fail("fitted a profile"))
    # They are most of what finding a face costs.
    monkeypatch.setattr(simulator.finder, "_predictor", None)
    out = tmp_path / "out"
    photos = list_photos(tmp_path / "real", "frll")
    pack_real(photos, out, image_size=64, simulator=simulator, progress=False)
    items = {float(item["yaw"]): item for item in load(out)}
    assert set(items) == {-90.0, 90.0}
    for yaw, item in items.items():
        crop = frame_photo(astronaut, profile_matrix(box, yaw, 64), 64).image
        np.testing.assert_allclose((item["image"] + 1) * 127.5, crop, atol=1e-3)


@pytest.mark.slow
def test_workers_pack_what_one_process_packs_in_the_same_order(tmp_path, astronaut):
    for n in range(6):
        (tmp_path / "real" / f"p{n}").mkdir(parents=True)
        photo = np.zeros((64, 64, 3), np.uint8) if n == 3 else np.roll(astronaut, 5 * n, axis=1)
        write_png(tmp_path / "real" / f"p{n}" / "a.png", photo)
    photos = list_photos(tmp_path / "real", "folder")
    packed = {}
    for workers in (1, 2):
        out = tmp_path / f"out{workers}"
        pack_real(photos, out, image_size=32, workers=workers, progress=False)
        packed[workers] = [item["image"].numpy() for item in load(out)]
        assert [row.source for row in read_skipped(out)] == [str(photos[3].path)]
    np.testing.assert_array_equal(packed[1], packed[2])
    assert len(packed[1]) == 5
