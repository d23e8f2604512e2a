import numpy as np
import pytest

from dagan_tf.simulator.head.morphable_model import MorphableModel
from dagan_tf.simulator.head.roundness import eyes_in_profile, round_features


@pytest.fixture(scope="module")
def landmarks() -> np.ndarray:
    model = MorphableModel.load()
    return model.mean[model.landmark_vertices].astype(np.float64)


def test_the_eyes_stand_out_before_their_outer_corners(landmarks):
    height = landmarks[27, 1] - landmarks[8, 1]
    middle = landmarks[42:48].mean(axis=0)
    half = abs(landmarks[42, 0] - landmarks[45, 0]) / 2
    outer = [middle[0] + half, middle[1], 0.0]
    points = np.array([middle, outer, landmarks[8], landmarks[30]], np.float32)
    # The corner's landmark, where it is in the middle of what goes back with it, lies there.
    landmarks = landmarks.copy()
    landmarks[45] = outer
    moved = round_features(points, landmarks, 1.0) - points
    np.testing.assert_array_equal(moved[:, :2], 0.0)  # a front does not change
    ring = landmarks[42:48].mean(axis=0)
    half = abs(landmarks[42, 0] - landmarks[45, 0]) / 2
    expected = []
    for point in points[:2]:
        across, along = (point[:2] - ring[:2]) / half
        aside = (point[:2] - outer[:2]) / half
        expected.append(
            0.055 * np.exp(-((across / 0.82) ** 2) - (along / 0.61) ** 2)
            - 0.055 * np.exp(-((across / 1.3) ** 2) - (along / 1.2) ** 2)
            - 0.02 * np.exp(-((aside / 0.6) ** 2).sum())
        )
    np.testing.assert_allclose(moved[:2, 2], height * np.array(expected), rtol=1e-3)
    assert moved[0, 2] - moved[1, 2] > 0.03 * height
    # Chin and tip of the nose are neither eyes nor mouth.
    assert np.abs(moved[2:, 2]).max() < 0.002 * height


def test_the_lips_come_forward_and_the_corners_of_the_mouth_go_back(landmarks):
    height = landmarks[27, 1] - landmarks[8, 1]
    points = landmarks[[48, 51, 54, 57]].astype(np.float32)
    moved = (round_features(points, landmarks, 1.0) - points)[:, 2] / height
    # Lips and corners hardly reach each other.
    np.testing.assert_allclose(moved[[0, 2]], -0.045, atol=0.003)
    assert (moved[[1, 3]] > 0.0015).all()


def test_both_eyes_alike_and_none_of_a_photo_that_shows_them_itself(landmarks):
    eyes = landmarks[36:48].astype(np.float32)
    moved = round_features(eyes, landmarks, 1.0)[:, 2] - eyes[:, 2]
    np.testing.assert_allclose(moved[[3, 2, 1, 0, 5, 4]], moved[6:], atol=2e-3)
    half = round_features(eyes, landmarks, 0.5)[:, 2] - eyes[:, 2]
    np.testing.assert_allclose(half, moved / 2, atol=1e-6)
    np.testing.assert_array_equal(round_features(eyes, landmarks, 0.0), eyes)


def test_a_profile_s_eyeballs_hide_the_inner_corners(landmarks):
    height = landmarks[27, 1] - landmarks[8, 1]
    middles = np.stack([landmarks[36:42].mean(axis=0), landmarks[42:48].mean(axis=0)])
    inner, others = landmarks[[39, 42]], landmarks[[36, 45, 8, 30, 48, 54]]
    forward = eyes_in_profile(np.concatenate([middles, inner, others]), landmarks) / height
    assert (forward[:2] > 0.005).all()
    np.testing.assert_allclose(forward[2:4], 0.015 * np.exp(-((1 / 0.82) ** 2)) - 0.045, atol=2e-3)
    assert np.abs(forward[4:]).max() < 0.005
    np.testing.assert_allclose(forward[0], forward[1], atol=1e-3)
