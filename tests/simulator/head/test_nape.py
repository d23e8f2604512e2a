import numpy as np
import pytest

from dagan_tf.simulator.head.morphable_model import MorphableModel
from dagan_tf.simulator.head.nape import nape_offsets


@pytest.fixture(scope="module")
def model() -> MorphableModel:
    return MorphableModel.load()


def depth(model, vertices):
    """Of the neck a little below the chin, the sides' and the whole's, face heights."""
    points = model.mean[model.landmark_vertices]
    height = points[17:27, 1].mean() - points[8, 1]
    level = np.abs(model.mean[:, 1] - (points[8, 1] - 0.08 * height)) < 0.06 * height
    sides = level & (np.abs(model.mean[:, 0]) > 0.3 * height)
    return [-vertices[part, 2].min() / height for part in (sides, level)]


def test_the_neck_is_thinner_behind_and_most_at_its_sides(model):
    before = depth(model, model.mean)
    after = depth(model, model.mean + model.nape)
    assert after[0] < 0.75 * before[0]
    assert 0.75 * before[1] < after[1] < 0.95 * before[1]


def test_the_face_and_its_landmarks_stay(model):
    assert np.abs(model.nape[model.landmark_vertices]).max() < 0.01
    chin = model.mean[model.landmark_vertices[8]]
    in_front = model.mean[:, 2] > model.mean[model.landmark_vertices[[0, 16]], 2].mean()
    above = model.mean[:, 1] > chin[1]
    assert np.abs(model.nape[in_front & above][:, 2]).max() == 0.0
    high = model.mean[:, 1] > model.mean[model.landmark_vertices[33], 1]
    assert np.abs(model.nape[high]).max() == 0.0


def test_the_throat_lies_farther_back(model):
    points = model.mean[model.landmark_vertices]
    height = points[17:27, 1].mean() - points[8, 1]
    level = np.abs(model.mean[:, 1] - (points[8, 1] - 0.15 * height)) < 0.05 * height
    throat = level & (np.abs(model.mean[:, 0]) < 0.05 * height) & (model.mean[:, 2] > 0.0)
    before, after = model.mean[throat, 2].max(), (model.mean + model.nape)[throat, 2].max()
    assert float(after) == pytest.approx(before - 0.075 * height, abs=float(0.015 * height))


def test_both_sides_alike(model):
    offsets = nape_offsets(model.mean, model.landmark_vertices)
    np.testing.assert_allclose(offsets[model.mirror] * [-1, 1, 1], offsets, atol=2e-3)
