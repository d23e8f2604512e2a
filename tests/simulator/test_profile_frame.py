"""The frame of profiles from a box: where a simulated profile is known to lie."""

import numpy as np
import pytest

from dagan_tf.errors import DaganError
from dagan_tf.faces.alignment import apply_similarity
from dagan_tf.faces.detector import FaceBox
from dagan_tf.simulator.profile_frame import profile_matrix


@pytest.mark.parametrize(
    ("detector", "side", "forward", "down"),
    [("cnn", 1.544, 0.021, 0.059), ("blaze", 1.551, 0.077, 0.018)],
)
def test_the_box_lands_where_it_lies_in_simulated_views(detector, side, forward, down):
    # By hand: the CNN's box, 100 wide, takes 64 / 1.544 = 41.45 px; its centre is .021 widths
    # behind the frame's centre (31.5) and .059 above it.
    matrix = profile_matrix(FaceBox(50, 70, 100, 100, 1.0, detector), 90.0, 64)
    width = 64 / side
    expected = np.array([31.5 - forward * width, 31.5 - down * width])
    np.testing.assert_allclose(apply_similarity(matrix, np.array([100.0, 120.0])), expected)
    edges = apply_similarity(matrix, np.array([[50.0, 120.0], [150.0, 120.0]]))
    assert np.ptp(edges[:, 0]) == pytest.approx(width)


def test_the_other_side_is_the_mirror_image():
    box = FaceBox(50, 70, 100, 100, 1.0, "cnn")
    point = np.array([[90.0, 130.0]])
    one = apply_similarity(profile_matrix(box, 90.0, 64), point)
    other = apply_similarity(
        profile_matrix(box, -90.0, 64), np.array([200.0, 0.0]) + point * [-1, 1]
    )
    np.testing.assert_allclose(other, np.array([63.0, 0.0]) + one * [-1, 1])


def test_three_quarter_views_are_refused():
    with pytest.raises(DaganError, match="yaw = 45"):
        profile_matrix(FaceBox(0, 0, 10, 10, 1.0, "cnn"), 45.0, 64)
