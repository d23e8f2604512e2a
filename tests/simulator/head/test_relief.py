"""The profile that a front lets expect: a linear map, laid on the middle of the head only."""

import numpy as np
import pytest

from dagan_tf.simulator.head.morphable_model import MorphableModel
from dagan_tf.simulator.head.relief import STEPS, Relief, level_heights, raise_relief


@pytest.fixture(scope="module")
def head():
    model = MorphableModel.load()
    return model.mean, model.mean[model.landmark_vertices]


def test_offsets_are_linear_in_the_coefficients():
    relief = Relief(
        mean=np.array([1.0, 2.0]),
        slope=np.array([[0.5, 0.0], [0.0, -1.0]]),
        centre=np.array([1.0, 1.0]),
    )
    np.testing.assert_allclose(relief.offsets(np.array([1.0, 1.0])), [1, 2])
    np.testing.assert_allclose(relief.offsets(np.array([3.0, 0.0])), [2, 3])
    # Coefficients that a smaller fit leaves out are 0.
    np.testing.assert_allclose(relief.offsets(np.array([3.0])), [2, 3])


def test_heights_go_down_the_profile(head):
    heights = level_heights(head[1])
    assert heights.shape == (14,)
    assert (np.diff(heights) < 0).all()
    np.testing.assert_allclose(heights[3], head[1][27, 1])
    np.testing.assert_allclose(heights[11], head[1][8, 1], rtol=1e-6)


def test_the_packaged_map_belongs_to_the_packaged_head():
    model = MorphableModel.load()
    offsets = model.relief.offsets(np.zeros(len(model.identity_modes)))
    assert offsets.shape == ((14 - 1) * STEPS + 1,)
    assert np.abs(offsets).max() < 0.2  # Heights from nasion to chin.


def test_only_depth_moves_in_the_middle_most_and_at_the_sides_hardly(head):
    vertices, landmarks = head
    tip = landmarks[30]
    offsets = np.full(27, 0.1)
    raised = raise_relief(vertices, landmarks, offsets)
    np.testing.assert_array_equal(raised[:, :2], vertices[:, :2])
    moved = (raised - vertices)[:, 2]
    height = landmarks[27, 1] - landmarks[8, 1]
    at_tip = np.linalg.norm(vertices - tip, axis=1).argmin()
    np.testing.assert_allclose(moved[at_tip], 0.1 * height, rtol=0.02)
    ears = np.abs(vertices[:, 0]) > 0.9 * np.abs(vertices[:, 0]).max()
    assert np.abs(moved[ears]).max() < 0.02 * height


def test_no_offsets_leave_the_head_as_it_is(head):
    np.testing.assert_array_equal(raise_relief(*head, np.zeros(27)), head[0])
