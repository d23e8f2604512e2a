"""Real photos and simulated views come out framed alike, and are aligned once only."""

import csv
import os

import numpy as np
import pytest

from dagan_tf.data.manifest import ManifestRow, ManifestWriter
from dagan_tf.embedders.mobilefacenet import align_five_points, five_points
from dagan_tf.faces.face import FaceFinder
from dagan_tf.faces.photo_io import read_photo, write_png
from dagan_tf.recognition import crops as crops_module
from dagan_tf.recognition.config import CropConfig
from dagan_tf.recognition.crops import make_crops
from dagan_tf.recognition.people import list_training
from dagan_tf.simulator.simulator import Simulator

pytestmark = pytest.mark.slow

SIZE = 64


@pytest.fixture(scope="module")
def folders(tmp_path_factory, astronaut):
    """Photos in FRLL's layout and a folder of views, all of one portrait."""
    root = tmp_path_factory.mktemp("crops")
    portrait = np.ascontiguousarray(astronaut[:280, 90:370])
    # At 288 or 352 pixels the detector takes this view for an eighth larger, at 256, 320 and 384
    # for what it is (docs/lab-notebook.md, a hairline that thins out).
    turned = Simulator(image_size=320).simulate(portrait, yaws=(90,))[0].image
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
    photos = list_training(folders / "photos", "frll")
    return make_crops(
        photos,
        {"simulated": folders / "views"},
        folders / "made",
        CropConfig(image_size=SIZE),
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
    with next((folders / "made").glob("real-*/skipped.csv")).open() as stream:
        (row,) = csv.DictReader(stream)
    assert row["source"].endswith("smiling_front/001_03.png")
    assert "no face found" in row["reason"]


def test_a_profile_lies_where_the_simulated_one_does(crops):
    """The "real" profile is a simulated one: the two crops show the same, a few pixels apart.

    The one is framed by what the detector finds, the other by the head that was drawn.
    """
    real, simulated = (np.asarray(crops.images[row], int) for row in (1, 2))
    inner = slice(SIZE // 8, -SIZE // 8)
    reach = range(-SIZE // 8, SIZE // 8 + 1)
    apart = {
        (x, y): np.abs(np.roll(real, (y, x), (0, 1)) - simulated)[inner, inner].mean()
        for x in reach
        for y in reach
    }
    shift = min(apart, key=lambda place: apart[place])
    assert np.abs(shift).max() <= SIZE // 12
    mirrored = np.abs(real[:, ::-1] - simulated)[inner, inner].mean()
    assert apart[shift] < 0.2 * mirrored
    np.testing.assert_allclose(crops.landmarks[1], crops.landmarks[2], atol=0.05 * SIZE)


def test_crops_are_made_once_and_anew_if_an_image_changes(folders, crops, monkeypatch):
    def no_more(*_):
        raise AssertionError("aligned again")

    monkeypatch.setattr(crops_module, "Aligner", no_more)
    photos = list_training(folders / "photos", "frll")
    views = {"simulated": folders / "views"}

    def make():
        settings = CropConfig(image_size=SIZE)
        return make_crops(photos, views, folders / "made", settings, progress=False)

    again = make()
    np.testing.assert_array_equal(again.images[:], crops.images[:])
    assert list(again.rows) == list(crops.rows)
    os.utime(folders / "views" / "+60.png", (1, 1))
    with pytest.raises(AssertionError, match="aligned again"):
        make()


class Killed(BaseException):
    """Not KeyboardInterrupt, which would end the whole test run if the test failed."""


def test_a_killed_run_is_gone_on_with(folders, crops, tmp_path, monkeypatch):
    photos = list_training(folders / "photos", "frll")
    views = {"simulated": folders / "views"}
    monkeypatch.setattr(crops_module, "_PART", 1)
    aligned, real_one = [], crops_module.Aligner._real

    def killed(self, item):
        if len(aligned) == 2:
            raise Killed
        aligned.append(item)
        return real_one(self, item)

    def make(size=SIZE):
        settings = CropConfig(image_size=size)
        return make_crops(photos, views, tmp_path, settings, progress=False)

    monkeypatch.setattr(crops_module.Aligner, "_real", killed)
    with pytest.raises(Killed):
        make()
    # The third photo has no face: all that needs aligning is left to the second run.
    aligned.clear()
    made = make()
    assert [item.path for item in aligned] == [photos[2].path]
    np.testing.assert_array_equal(made.images[:], crops.images[:])
    np.testing.assert_array_equal(made.landmarks, crops.landmarks)
    assert list(made.rows) == list(crops.rows)
    # Made anew, at another size: the photo without a face is listed once, as before.
    for _ in range(2):
        for file in tmp_path.glob("real-*/skipped.csv"):
            with file.open() as stream:
                assert len(list(csv.DictReader(stream))) == 1
        aligned.clear()
        monkeypatch.setattr(crops_module.Aligner, "_real", real_one)
        make(SIZE // 2)
    assert not list(tmp_path.glob("*/parts"))


def test_another_folder_of_views_leaves_the_real_crops_alone(folders, crops, monkeypatch):
    photos = list_training(folders / "photos", "frll")
    views = {"simulated": folders / "views"}
    settings = CropConfig(image_size=SIZE)
    make_crops(photos, views, folders / "made", settings, progress=False)
    aligned = []
    real_one = crops_module.Aligner.align
    monkeypatch.setattr(
        crops_module.Aligner,
        "align",
        lambda self, path, what: aligned.append(path) or real_one(self, path, what),
    )
    views["refined"] = folders / "views"
    more = make_crops(photos, views, folders / "made", settings, progress=False)
    assert [path.parent.name for path in aligned] == ["views", "views"]
    assert [row.kind for row in more.rows[-2:]] == ["refined", "refined"]
    np.testing.assert_array_equal(more.images[4:], more.images[2:4])


def test_five_points_lie_where_arcface_has_them(folders, monkeypatch, tmp_path):
    photos = [one for one in list_training(folders / "photos", "frll") if one.yaw == 0][:1]
    settings = CropConfig(image_size=112, alignment="five_points")
    made = make_crops(photos, {}, tmp_path, settings, workers=1, progress=False)
    points = five_points(made.landmarks[0])
    np.testing.assert_allclose(points[0], (38.3, 51.7), atol=5)
    np.testing.assert_allclose(points[1], (73.5, 51.5), atol=5)
    # The same as from the photo itself, but for one resampling more.
    photo = read_photo(photos[0].path)
    direct = align_five_points(photo, FaceFinder().find_one(photo).landmarks)
    inner = slice(20, 92)
    apart = made.images[0][inner, inner].astype(int) - direct[inner, inner]
    assert np.abs(apart).mean() < 6
