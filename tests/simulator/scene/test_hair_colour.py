import colorsys

import numpy as np
import pytest

from dagan_tf.simulator.scene.hair_colour import hair_like_brows, plausible_hair


@pytest.mark.parametrize(
    "hair", [(30, 27, 25), (90, 62, 45), (200, 165, 120), (130, 75, 40), (170, 170, 168)]
)
def test_colours_that_hair_has_stay(hair):
    np.testing.assert_allclose(plausible_hair(np.array(hair, float)), hair, rtol=0.02)


def test_no_colour_becomes_purple_pink_green_or_blue():
    colours = np.random.default_rng(0).uniform(5, 160, (500, 3))
    out = plausible_hair(colours)
    luma = np.array([0.299, 0.587, 0.114])
    free = out.max(axis=1) < 255
    np.testing.assert_allclose((out @ luma)[free], (colours @ luma)[free], rtol=1e-4)
    for red, green, blue in out / 255.0:
        hue, saturation, _ = colorsys.rgb_to_hsv(red, green, blue)
        assert saturation < 0.02 or 0.0 <= hue * 360 <= 62
        assert green >= 0.98 * np.sqrt(red * blue)


def test_lavender_becomes_grey_of_its_brightness():
    np.testing.assert_allclose(plausible_hair(np.array([150.0, 140.0, 190.0])), 149.0, atol=3.0)


def test_hair_is_like_the_darkest_of_the_brows_and_darker_than_skin():
    skin = np.array([210.0, 160.0, 140.0])
    around = np.tile(skin, (100, 1))
    around[:20] = (60, 45, 38)
    hair = hair_like_brows(around, skin)
    assert 25 < hair.mean() < 60
    # Brows that cannot be seen leave the hair darker than the skin.
    assert hair_like_brows(np.tile(skin, (100, 1)), skin).sum() < 0.6 * skin.sum()
