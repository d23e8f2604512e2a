"""Streaks beside the nose and along the jaw go; what is dark by the nose, and the rest, stays."""

import numpy as np
import pytest

from dagan_tf.simulator.scene.streaks import without_streaks

SIDE = 96
SKIN = (180, 140, 120)


def view():
    image = np.full((SIDE, SIDE, 3), SKIN, np.uint8)
    image[:, 80:] = (230, 235, 240)  # backdrop
    image[20:70, 50:53] = (235, 225, 220)  # a streak
    image[40:43, 30:40] = (60, 40, 40)
    skin = np.ones((SIDE, SIDE), bool)
    skin[:, 80:] = False
    return image, skin


def cleared(turn, beside_nose=1.0, jaw_slope=0.0):
    image, skin = view()
    shares = (np.full((SIDE, SIDE), share, np.float32) for share in (beside_nose, jaw_slope))
    return without_streaks(image, *shares, skin, turn)


@pytest.mark.parametrize("turn", [90.0, -90.0])
def test_a_streak_of_a_profile_becomes_as_bright_as_what_is_around(turn):
    image, _ = view()
    found = cleared(turn).astype(int)
    middle = found[45, 51]
    assert (np.abs(image[45, 51].astype(int) - SKIN) > 50).all()
    assert (np.abs(middle - SKIN) < 45).all()
    assert np.ptp(middle - np.array(SKIN)) < 25  # nor is it grey, as what shines was
    np.testing.assert_array_equal(found[:, 80:], image[:, 80:])
    np.testing.assert_array_equal(found[41, 32:38], image[41, 32:38])  # dark things stay
    # As elsewhere far from any edge.
    assert np.abs(found[10, 20] - image[10, 20]).max() <= 1


def test_halfway_it_is_done_by_half_and_not_at_all_near_the_front_or_elsewhere():
    image, _ = view()
    whole, half = (cleared(turn)[45, 51, 2] for turn in (90.0, 70.0))
    assert whole < half < image[45, 51, 2]
    np.testing.assert_array_equal(cleared(60.0), image)
    np.testing.assert_array_equal(cleared(90.0, 0.0), image)


def test_along_the_jaw_creases_go_like_streaks_and_pores_stay():
    image, skin = view()
    image[60, 20] = (140, 100, 80)  # a pore
    jaw = np.ones((SIDE, SIDE), np.float32)
    found = without_streaks(image, 0 * jaw, jaw, skin, 90.0).astype(int)
    for place in ((45, 51), (41, 35)):  # streak and crease
        before, after = (np.abs(one[place].astype(int) - SKIN).max() for one in (image, found))
        assert after < 0.75 * before
    assert (found[60, 20] < np.array(SKIN) - 25).all()
    np.testing.assert_array_equal(found[:, 80:], image[:, 80:])


def test_a_crack_beside_the_nose_goes_and_a_faint_or_wide_groove_stays():
    image, skin = view()
    image[20:70, 50:53] = SKIN
    image[30:60, 20:22] = (60, 35, 30)  # a crack
    image[30:60, 35:37] = tuple(0.92 * value for value in SKIN)
    image[30:60, 55:70] = (120, 90, 75)
    all_of_it = np.ones((SIDE, SIDE), np.float32)
    found = without_streaks(image, all_of_it, 0 * all_of_it, skin, 90.0).astype(int)
    assert (np.abs(found[45, 20:22] - SKIN) < 40).all()
    for columns in (slice(35, 37), slice(60, 65)):
        assert (found[45, columns] <= image[45, columns] + 1).all()
