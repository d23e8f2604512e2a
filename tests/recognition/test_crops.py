"""Real photos and simulated views come out framed alike, and are aligned once only."""

import csv
import os

import numpy as np
import pytest

from dagan_tf.data.manifest import ManifestRow, ManifestWriter
from dagan_tf.data.photos import list_photos
from dagan_tf.faces.detector import FaceBox
from dagan_tf.faces.face import FaceFinder
from dagan_tf.faces.photo_io import write_png
from dagan_tf.recognition import crops as crops_module
from dagan_tf.recognition.crops import make_crops
from dagan_tf.simulator.simulator import Simulator

SIZE = 64


@pytest.fixture(scope="module")
def folders(tmp_path_factory, astronaut):
    """Photos in FRLL's layout and a folder of views, all of one portrait."""
    root = tmp_path_factory.mktemp("crops")
    portrait = np.ascontiguousarray(astronaut[:280, 90:370])
    turned = Simulator(image_size=288).simulate(portrait, yaws=(90,))[0].image
    for view, photo in (
        ("neutral_front", portrait),
        ("neutral_right_profile", turned),
        ("smiling_front", np.full((100, 100, 3), 128, np.uint8)),
    ):
        (root / "photos" / view).mkdir(parents=True)
        write_png(root / "photos" / view / "001_03.png", photo)
    folder = root / "views"
    folder.mkdir()
    with ManifestWriter(folder) as manifest:
        for view in Simulator(image_size=2 * SIZE).simulate(portrait, yaws=(90, 60)):
            name = f"{view.pose.yaw:+.0f}.png"
            write_png(folder / name, view.image)
            points = " ".join(f"{x:.1f},{y:.1f}" for x, y in view.landmarks)
            manifest.write(
                ManifestRow(name, "", "p", "001", view.pose.yaw, 0.0, 0.0, 0.02, landmarks=points)
            )
    return root


@pytest.fixture(scope="module")
def crops(folders):
    photos = list_photos(folders / "photos", "frll")
    return make_crops(
        photos,
        {"simulated": folders / "views"},
        folders / "made",
        image_size=SIZE,
        progress=False,
    )


def test_what_they_show(crops):
    assert [(row.kind, row.yaw) for row in crops.rows] == [
        ("real", 0.0),
        ("real", 90.0),
        ("simulated", 90.0),
        ("simulated", 60.0),
    ]
    assert {row.identity for row in crops.rows} == {"001"}
    assert crops.images.shape == (4, SIZE, SIZE, 3)
    assert crops.landmarks.shape == (4, 68, 2)


def test_a_photo_without_a_face_is_named(folders, crops):
    with (folders / "made" / "skipped.csv").open() as stream:
        (row,) = csv.DictReader(stream)
    assert row["source"].endswith("smiling_front/001_03.png")
    assert "no face found" in row["reason"]


def test_a_profile_lies_where_the_simulated_one_does(crops):
    """The "real" profile is a simulated one: the two crops show the same."""
    real, simulated = (np.asarray(crops.images[row], int) for row in (1, 2))
    apart = np.abs(real - simulated).mean()
    moved = np.abs(np.roll(real, SIZE // 8, axis=1) - simulated).mean()
    assert apart < 0.5 * moved
    assert apart < 0.5 * np.abs(real[:, ::-1] - simulated).mean()
    np.testing.assert_allclose(crops.landmarks[1], crops.landmarks[2], atol=0.05 * SIZE)


def test_crops_are_made_once_and_anew_if_an_image_changes(folders, crops, monkeypatch):
    def no_more(_):
        raise AssertionError("aligned again")

    monkeypatch.setattr(crops_module, "_Aligner", no_more)
    photos = list_photos(folders / "photos", "frll")
    views = {"simulated": folders / "views"}

    def make():
        return make_crops(photos, views, folders / "made", image_size=SIZE, progress=False)

    again = make()
    np.testing.assert_array_equal(again.images, crops.images)
    assert list(again.rows) == list(crops.rows)
    os.utime(folders / "views" / "+60.png", (1, 1))
    with pytest.raises(AssertionError, match="aligned again"):
        make()


class Killed(BaseException):
    """Not KeyboardInterrupt, which would end the whole test run if the test failed."""


def test_a_killed_run_is_gone_on_with(folders, crops, tmp_path, monkeypatch):
    photos = list_photos(folders / "photos", "frll")
    views = {"simulated": folders / "views"}
    box = FaceBox(46.3, 39.2, 186.5, 186.5, 1.0, "cnn")
    monkeypatch.setattr(FaceFinder, "locate", lambda *_: box)
    monkeypatch.setattr(crops_module, "_PART", 1)
    aligned, real_one = [], crops_module._Aligner.real

    def killed(self, item):
        if len(aligned) == 2:
            raise Killed
        aligned.append(item)
        return real_one(self, item)

    def make(size=SIZE):
        return make_crops(photos, views, tmp_path, image_size=size, progress=False)

    monkeypatch.setattr(crops_module._Aligner, "real", killed)
    with pytest.raises(Killed):
        make()
    # The third photo has no face: all that needs aligning is left to the second run.
    aligned.clear()
    made = make()
    assert [item.path for item in aligned] == [photos[2].path]
    np.testing.assert_array_equal(made.images, crops.images)
    np.testing.assert_array_equal(made.landmarks, crops.landmarks)
    assert list(made.rows) == list(crops.rows)
    # Made anew, at another size: the photo without a face is listed once, as before.
    for _ in range(2):
        with (tmp_path / "skipped.csv").open() as stream:
            assert len(list(csv.DictReader(stream))) == 1
        aligned.clear()
        monkeypatch.setattr(crops_module._Aligner, "real", real_one)
        make(SIZE // 2)
    assert not (tmp_path / "parts").exists()
