"""A drawn head moved, scaled and turned by known amounts is laid back onto itself."""

import numpy as np
import pytest

from dagan_tf.simulator.registration import (
    APART,
    alike,
    moved_onto,
    person_share,
    register,
)
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


def test_a_front_has_the_backdrop_on_both_sides():
    front = np.full((SIDE, SIDE, 3), 200, np.uint8)
    front[:, 30:80] = (190, 140, 110)  # from top to bottom: the walls do not touch
    front[40:48, 45:50] = front[40:48, 60:65] = (70, 40, 40)
    whole = np.full((SIDE, SIDE), 255, np.uint8)  # as if the view were head everywhere
    inside = register(front, front, whole, 8).inside
    assert not inside[:, :28].any()
    assert not inside[:, 82:].any()
    assert inside[10:-10, 33:77].all()


def test_what_lies_a_few_pixels_off_is_moved_onto_the_view():
    view, head = drawn_head(-45)
    photo = moved(view, 1.0, 0.0, 3.0, -2.0)
    inside = np.where(head > 0, np.uint8(255), np.uint8(0))
    laid, both = moved_onto(view, photo, inside, 45.0)
    eye = (slice(38, 54), slice(36, 52))
    before, after = (np.abs(one.astype(int) - view)[eye].mean() for one in (photo, laid))
    assert after < 0.4 * before
    assert both[70, 80] == 255
    assert not both[inside == 0].any()


def test_hair_on_skin_is_not_alike_and_light_a_little_brighter_is():
    view, _ = drawn_head(-45)
    photo = np.clip(view * 1.3, 0, 255).astype(np.uint8)
    photo[60:90, 60:90] = (40, 30, 20)
    found = alike(view, photo)
    assert not found[72:86, 64:86].any()
    assert found[30, 75]
    assert found[100, 75]
    _, both = moved_onto(view, photo, np.full(view.shape[:2], 255, np.uint8), 45.0)
    assert not both[76:82, 68:78].any()


def test_the_mouth_of_a_profile_lies_apart_once_it_is_moved():
    view, head = drawn_head(-90)
    inside = np.where(head > 0, np.uint8(255), np.uint8(0))
    corner = (slice(76, 80), slice(40, 45))
    for yaw, wanted in ((-90.0, APART), (-45.0, 255)):
        _, both = moved_onto(view, view, inside, yaw)
        assert (both[corner] == wanted).all()
    # Also where only the photo shows it.
    smooth = view.copy()
    smooth[74:94, 34:50] = (190, 140, 110)
    _, both = moved_onto(view, smooth, inside, -90.0)
    assert set(np.unique(both[corner])) <= {0, APART}
    _, both = moved_onto(smooth, view, inside, -90.0)
    assert set(np.unique(both[corner])) <= {0, APART}
