"""The signs of the angles are a contract: every one is checked on a point one can picture."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagan_tf.simulator.render.camera import (
    Camera,
    Pose,
    pose_from_rotation,
    rotation_matrix,
    turned_upright,
)

NOSE, CROWN, LEFT_EAR = np.eye(3)[2], np.eye(3)[1], np.eye(3)[0]


def test_positive_yaw_moves_the_nose_to_the_right():
    np.testing.assert_allclose(rotation_matrix(Pose(90)) @ NOSE, [1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(rotation_matrix(Pose(90)) @ LEFT_EAR, [0, 0, -1], atol=1e-12)


def test_positive_pitch_looks_up():
    half = np.sqrt(0.5)
    np.testing.assert_allclose(rotation_matrix(Pose(0, 45)) @ NOSE, [0, half, half], atol=1e-12)


def test_positive_roll_tilts_clockwise():
    np.testing.assert_allclose(rotation_matrix(Pose(0, 0, 90)) @ CROWN, [1, 0, 0], atol=1e-12)


def test_order_is_roll_pitch_yaw():
    expected = (
        rotation_matrix(Pose(0, 0, 30))
        @ rotation_matrix(Pose(0, 20))
        @ rotation_matrix(Pose(10, 0))
    )
    np.testing.assert_allclose(rotation_matrix(Pose(10, 20, 30)), expected, atol=1e-12)


def test_a_nod_turns_with_the_head():
    assert turned_upright(Pose(0, 10, 3), 0) == Pose(0, pytest.approx(10), 0)
    # sin 10° cos 60° = 0.0868
    assert turned_upright(Pose(0, 10), 60).pitch == pytest.approx(4.981, abs=1e-3)
    assert turned_upright(Pose(-20, 10), 70).pitch == pytest.approx(0, abs=1e-9)
    # A profile is seen from neither above nor below: both ears lie at one height.
    assert (rotation_matrix(turned_upright(Pose(0, 10), 90)) @ LEFT_EAR)[1] == pytest.approx(0)
    assert (rotation_matrix(Pose(90, 10)) @ LEFT_EAR)[1] < -0.1


@given(st.floats(-40, 40), st.floats(-30, 30), st.floats(-90, 90))
def test_its_pitch_is_that_of_a_turn_about_the_vertical(own, pitch, turn):
    turned = rotation_matrix(Pose(turn)) @ rotation_matrix(Pose(own, pitch))
    expected = pose_from_rotation(turned).pitch
    assert turned_upright(Pose(own, pitch), own + turn).pitch == pytest.approx(expected, abs=1e-9)


@settings(max_examples=60)
@given(st.floats(-179, 179), st.floats(-85, 85), st.floats(-179, 179))
def test_angles_survive_a_round_trip(yaw, pitch, roll):
    matrix = rotation_matrix(Pose(yaw, pitch, roll))
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(matrix) == pytest.approx(1.0)
    found = pose_from_rotation(matrix)
    assert (found.yaw, found.pitch, found.roll) == pytest.approx((yaw, pitch, roll), abs=1e-6)


@pytest.mark.parametrize("pitch", [90.0, -90.0])
def test_looking_straight_up_or_down_keeps_the_rotation(pitch):
    matrix = rotation_matrix(Pose(25, pitch, 10))
    np.testing.assert_allclose(rotation_matrix(pose_from_rotation(matrix)), matrix, atol=1e-6)


def test_projection_in_pixels():
    camera = Camera(10.0, np.eye(3), np.array([100.0, 50.0]))
    points = camera.project(np.array([[1.0, 2.0, 3.0]]))
    assert points.dtype == np.float32
    np.testing.assert_allclose(points, [[110, 30, 30]])


def test_unproject_undoes_project():
    camera = Camera(37.0, rotation_matrix(Pose(20, -10, 5)), np.array([40.0, 60.0]))
    points = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    np.testing.assert_allclose(camera.unproject(camera.project(points)), points, atol=1e-5)
