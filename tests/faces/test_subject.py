"""Of several faces the subject's is the one in the middle, or in the given box."""

import numpy as np
import pytest

from dagan_tf.errors import DaganError
from dagan_tf.faces.detector import FaceBox
from dagan_tf.faces.face import Face, FaceFinder, FaceNotFoundError
from dagan_tf.faces.subject import find_subject


class Finder:
    """Finds a face at every white pixel: a box of 20 around it, its place as landmarks."""

    def find_all(self, photo):
        places = np.argwhere(photo[..., 0] == 255)[:, ::-1]
        return [
            Face(FaceBox(x - 10.0, y - 10.0, 20.0, 20.0, 1.0, "hog"), np.full((68, 2), (x, y)))
            for x, y in places.tolist()
        ]

    def find_one(self, photo, *, box):
        return Face(box, np.full((68, 2), -1.0, np.float32))


def photo(*places):
    image = np.zeros((100, 200, 3), np.uint8)
    for x, y in places:
        image[y, x] = 255
    return image


def test_the_face_nearest_the_centre_is_the_subjects():
    found = find_subject(Finder(), photo((30, 50), (120, 60), (199, 0)))
    assert found.landmarks[0].tolist() == [120, 60]
    with pytest.raises(FaceNotFoundError, match="no face found in the photo of 200x100"):
        find_subject(Finder(), photo())


def test_in_a_box_only_what_lies_near_it_counts():
    image = photo((100, 50), (30, 40), (48, 40))
    # Looked at: x from 2 to 58, y from 12 to 68; its middle is (30, 40).
    found = find_subject(Finder(), image, (20, 30, 20, 20))
    assert found.landmarks[0].tolist() == [30, 40]
    assert found.box == FaceBox(20.0, 30.0, 20.0, 20.0, 1.0, "hog")
    # None there: the box itself is taken.
    found = find_subject(Finder(), image, (150, 10, 20, 20))
    assert found.box.left == 150.0
    assert found.landmarks[0].tolist() == [-1, -1]
    with pytest.raises(DaganError, match=r"box \[300.0, 10.0, 20.0, 20.0\] lies outside the photo"):
        find_subject(Finder(), image, (300, 10, 20, 20))


def test_two_people_side_by_side(astronaut):
    """The ordinary way refuses such a photo; here either is found by what lies in the middle."""
    portrait = astronaut[:280, 90:370]
    pair = np.ascontiguousarray(np.concatenate([portrait, portrait], axis=1)[:, :520])
    finder = FaceFinder(["blaze", "hog"])
    with pytest.raises(DaganError, match="2 faces found"):
        finder.find_one(pair)
    middle = find_subject(finder, pair).landmarks.mean(axis=0)
    left = find_subject(finder, pair, (80, 60, 110, 110)).landmarks.mean(axis=0)
    assert abs(left[0] + 280 - middle[0]) < 3 or abs(left[0] - middle[0]) < 3
    right = find_subject(finder, pair, (360, 60, 110, 110)).landmarks.mean(axis=0)
    np.testing.assert_allclose(right - left, (280, 0), atol=3)
