"""Landmarks of missed faces come from the mean of their own pose."""

import numpy as np
import pytest

from dagan_tf.embedders.mobilefacenet import MobileFaceNet, five_points
from dagan_tf.errors import DaganError
from dagan_tf.evaluation.layout import locate_faces
from dagan_tf.faces.detector import FaceBox
from dagan_tf.faces.face import Face, FaceFinder, FaceNotFoundError


class _Finder(FaceFinder):
    """Finds a face in images whose first pixel is not 0; its landmarks equal that pixel."""

    def find_one(self, photo, *, box=None, landmarks=None) -> Face:
        value = float(photo[0, 0, 0])
        if not value:
            raise FaceNotFoundError("no face")
        detector = "cnn" if value > 100 else "hog"
        return Face(FaceBox(0, 0, 1, 1, 1, detector), np.full((68, 2), value, np.float32))


def _images(*values: int) -> list[np.ndarray]:
    return [np.full((8, 8, 3), value, np.uint8) for value in values]


def test_missed_faces_take_the_mean_of_their_layout() -> None:
    located = locate_faces(_images(10, 20, 0, 200, 0), [45, 45, 45, -45, -45], _Finder())
    np.testing.assert_array_equal(located.landmarks[:, 0, 0], [10, 20, 15, 200, 200])
    assert list(located.ways) == ["hog", "hog", "mean layout", "cnn", "mean layout"]
    assert located.share("mean layout") == pytest.approx(0.4)


def test_a_layout_without_any_face_is_an_error() -> None:
    with pytest.raises(DaganError, match="layout -45"):
        locate_faces(_images(10, 0), [45, -45], _Finder())


def test_five_points() -> None:
    landmarks = np.zeros((68, 2))
    landmarks[36:42], landmarks[42:48] = (1, 2), (3, 4)
    landmarks[30], landmarks[48], landmarks[54] = (5, 6), (7, 8), (9, 10)
    np.testing.assert_array_equal(five_points(landmarks), np.arange(1, 11).reshape(5, 2))
    with pytest.raises(ValueError, match="expected"):
        five_points(landmarks[:67])


def test_mobilefacenet_knows_a_turned_and_smaller_face(models_dir, astronaut) -> None:
    """The same face at half the size and mirrored is near; a scrambled one is not."""
    network = MobileFaceNet(models_dir / "mobilefacenet" / "MobileFaceNet.tflite")
    finder = FaceFinder(["blaze", "hog"])
    face = finder.find_one(astronaut)
    whole = network.embed(astronaut, face.landmarks)
    half = astronaut.reshape(256, 2, 256, 2, 3).mean(axis=(1, 3)).astype(np.uint8)
    small = network.embed(half, (face.landmarks - 0.5) / 2)
    upside_down = network.embed(astronaut[::-1], face.landmarks)
    assert whole.shape == (192,)
    assert np.linalg.norm(whole) == pytest.approx(1, abs=1e-5)
    assert whole @ small > 0.9
    assert whole @ upside_down < 0.5


def test_a_missing_network_is_named(tmp_path) -> None:
    with pytest.raises(DaganError, match="no such file"):
        MobileFaceNet(tmp_path / "absent.tflite")
