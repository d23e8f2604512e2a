"""Halo, stain and blur, each painted by hand in a known strength."""

import cv2
import numpy as np
import pytest

from dagan_tf.errors import DaganError
from dagan_tf.evaluation.looks import backdrop_change, colour_distance, top_octave_power

SIDE = 112


def head(yaw=-90):
    image = np.full((SIDE, SIDE, 3), 200, np.uint8)
    image[20:, 50:] = (180, 130, 100)
    return image if yaw < 0 else image[:, ::-1].copy()


@pytest.mark.parametrize("yaw", [-90, 90])
def test_a_halo_is_counted_in_grey_levels_and_a_change_of_the_head_is_not(yaw):
    simulated, refined = head(yaw), head(yaw)
    refined[simulated[..., 2] == 100] = 0
    assert backdrop_change(simulated, refined, yaw) == (0.0, 0.0)
    refined[simulated[..., 2] == 200] = 206
    mean, high = backdrop_change(simulated, refined, yaw)
    assert (mean, high) == pytest.approx((6.0, 6.0))


def test_no_plain_backdrop_no_figure():
    busy = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)
    assert backdrop_change(busy, busy, -45) is None
    with pytest.raises(DaganError, match="expected"):
        backdrop_change(busy, busy[:-1], -45)


def test_a_stain_has_the_distance_of_its_colours_and_a_shade_has_none():
    inside = np.full((SIDE, SIDE), 255, np.uint8)
    inside[:, 56:] = 0
    grey = np.full((SIDE, SIDE, 3), 120, np.uint8)
    shade = np.full((SIDE, SIDE, 3), 60, np.uint8)
    assert colour_distance(grey, shade, inside) == pytest.approx(0.0, abs=0.1)
    stained = grey.copy()
    stained[:28, :56] = (150, 110, 120)
    stained[:, 56:] = (0, 255, 0)  # outside
    pixel = np.float32([[[150 / 255, 110 / 255, 120 / 255]]])
    distance = np.linalg.norm(cv2.cvtColor(pixel, cv2.COLOR_RGB2LAB)[0, 0, 1:])
    assert distance > 10
    # A quarter of what is compared.
    assert colour_distance(stained, grey, inside) == pytest.approx(distance / 4, rel=0.02)
    with pytest.raises(DaganError, match="found none"):
        colour_distance(grey, grey, 0 * inside)


def test_the_finest_pattern_is_all_top_octave_and_blur_takes_it():
    inside = np.full((SIDE, SIDE), 255, np.uint8)
    checks = np.full((SIDE, SIDE, 3), 100, np.uint8)
    checks[::2, ::2], checks[1::2, 1::2] = 120, 120
    # 110 on average, 10 off everywhere.
    assert top_octave_power(checks, inside) == pytest.approx(100.0, rel=1e-4)
    assert top_octave_power(cv2.blur(checks, (2, 2)), inside) < 1.0
    with pytest.raises(DaganError, match="found none"):
        top_octave_power(checks, 0 * inside)
