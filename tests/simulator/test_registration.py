"""A drawn head moved, scaled and turned by known amounts is laid back onto itself."""

import numpy as np
import pytest

from dagan_tf.simulator.registration import APART, person_share, register
from tests.helpers.drawn_head import SIDE, drawn_head, moved


@pytest.mark.parametrize("yaw", [-90, 90, -45])
def test_a_moved_picture_comes_back(yaw):
    view, head = drawn_head(yaw)
    photo = moved(view, 1.05, 3.0, -2.0, 2.5)
    before = np.abs(photo.astype(int) - view)[head > 0].mean()
    found = register(photo, view, head, yaw)
    after = np.abs(found.photo.astype(int) - view)[found.inside > 0].mean()
    assert before > 3
    assert after < 0.35 * before
    assert found.cost < 0.02
    assert 0.8 < (found.inside > 0).sum() / (head > 0).sum() < 1
    assert not np.any(found.inside[head == 0])


def test_the_eye_of_a_profile_is_not_compared_and_that_of_a_three_quarter_view_is():
    view, head = drawn_head(-90)
    profile = register(view, view, head, -90).inside
    assert (profile[46, 44], profile[84, 70]) == (APART, 255)
    assert register(view, view, head, -45).inside[46, 44] == 255


@pytest.mark.parametrize("yaw", [-90, 90])
def test_the_person_is_what_the_backdrop_does_not_reach(yaw):
    image, head = drawn_head(yaw)
    hole = (slice(50, 58), slice(70, 78)) if yaw < 0 else (slice(50, 58), slice(34, 42))
    image[hole] = (193, 193, 193)  # as light as the wall, but inside
    share = person_share(image, yaw)
    assert share[head > 0].mean() > 0.99
    ahead = slice(0, 60) if yaw < 0 else slice(52, SIDE)
    assert share[:, ahead][head[:, ahead] == 0].max() < 0.05
    assert share[hole].min() == 1.0
