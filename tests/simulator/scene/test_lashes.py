"""What is dark about the eyes of profiles becomes darker, and nothing else changes."""

import numpy as np
import pytest

from dagan_tf.simulator.scene.lashes import with_dark_lashes

SIDE = 128
SKIN = (200, 150, 130)


@pytest.fixture
def view():
    image = np.full((SIDE, SIDE, 3), SKIN, np.uint8)
    image[60:62, 40:70] = (120, 90, 80)  # lashes
    image[64:66, 40:70] = (240, 235, 230)  # the white of the eye
    eyes = np.zeros((SIDE, SIDE), np.float32)
    eyes[50:76, 30:80] = 1.0
    return image, eyes


@pytest.mark.parametrize("turn", [80.0, -90.0])
def test_lashes_of_a_profile_are_darker_and_the_white_of_the_eye_no_brighter(view, turn):
    image, eyes = view
    found = with_dark_lashes(image, eyes, turn).astype(int)
    assert (found[60:62, 45:65] < 0.8 * image[60:62, 45:65]).all()
    assert (found <= image.astype(int)).all()
    np.testing.assert_array_equal(found[eyes == 0], image[eyes == 0])
    np.testing.assert_allclose(found[52, 35:75], image[52, 35:75], atol=1)


def test_halfway_it_is_done_by_half_and_not_at_all_near_the_front_or_elsewhere(view):
    image, eyes = view
    whole, half = (with_dark_lashes(image, eyes, turn)[60, 55, 0] for turn in (90.0, 70.0))
    assert whole < half < image[60, 55, 0]
    np.testing.assert_array_equal(with_dark_lashes(image, eyes, 60.0), image)
    np.testing.assert_array_equal(with_dark_lashes(image, 0.0 * eyes, 90.0), image)


def test_what_is_very_dark_becomes_darker_by_no_more_than_a_third(view):
    image, eyes = view
    image[60:62, 40:70] = (12, 10, 8)
    found = with_dark_lashes(image, eyes, 90.0).astype(float)
    darkest = 0.05 * 255.0
    ratio = (found[60, 45:65] + darkest) / (image[60, 45:65] + darkest)
    np.testing.assert_allclose(ratio, np.exp(-0.35), atol=0.05)
