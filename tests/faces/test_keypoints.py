"""Angles of keypoints: of a symmetric face exactly, of others by symmetry and by turning them."""

import numpy as np
import pytest

from dagan_tf.faces.keypoints import roll_of, upright_roll, yaw_of

FRONT = np.array([[-1, 0], [1, 0], [0, 1.2], [0, 2.1], [-2, 0.4], [2, 0.4]], float) * 20 + 100
# The same head seen from its right: the nose ahead of the eyes, the far ear behind the cheek.
TURNED = FRONT + np.array([[12, 0], [4, 0], [34, 0], [18, 0], [-4, 0], [-36, 0]], float)
# Of a full profile that looks to the right: the means of the London Set's.
PROFILE = np.array([[5, -12], [11, -13], [30, 7], [20, 25], [-46, -3], [-20, -3]], float)


def turned_by(points, degrees):
    """Clockwise in the image, where y points down."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return points @ np.array([[c, s], [-s, c]])


def mirrored(points):
    return (points * [-1, 1])[[1, 0, 2, 3, 5, 4]]


def test_a_symmetric_face_looks_straight_ahead():
    assert yaw_of(FRONT) == pytest.approx(0.0, abs=1e-6)
    assert roll_of(FRONT) == pytest.approx(0.0, abs=1e-6)
    assert upright_roll(FRONT) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("degrees", [-170, -90, -30, 45, 90, 179])
def test_roll_is_clockwise_and_no_yaw(degrees):
    assert roll_of(turned_by(FRONT, degrees)) == pytest.approx(degrees, abs=1e-6)
    assert yaw_of(turned_by(TURNED, degrees)) == pytest.approx(yaw_of(TURNED), abs=1e-6)


def test_yaw_is_positive_to_the_right_and_its_mirror_image_s_opposite():
    assert 15 < yaw_of(TURNED) < 45
    assert yaw_of(mirrored(TURNED)) == pytest.approx(-yaw_of(TURNED), abs=1e-6)
    assert upright_roll(mirrored(TURNED)) == pytest.approx(-upright_roll(TURNED), abs=1e-6)


def test_a_full_profile_is_upright_and_one():
    assert yaw_of(PROFILE) == pytest.approx(90, abs=5)
    assert yaw_of(mirrored(PROFILE)) == pytest.approx(-90, abs=5)
    assert upright_roll(PROFILE) == pytest.approx(0, abs=5)


def test_neither_size_nor_place_counts():
    assert yaw_of(3.7 * TURNED - 55) == pytest.approx(yaw_of(TURNED), abs=1e-6)
