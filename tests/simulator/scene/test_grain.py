"""Strands for hair that is filled: fine lines that fall, as strong as the photo shows them."""

import cv2
import numpy as np
import pytest

from dagan_tf.simulator.scene.grain import (
    CURLY,
    HAIR_RANGE,
    LONG,
    SHORT,
    SIDE,
    Structure,
    strands,
    structure_of,
    style_of,
)

STYLES = {"short": SHORT, "long": LONG, "curly": CURLY}


def hair_and_luma(fine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A patch of hair whose logarithms differ by `fine`, before a bright wall."""
    luma = np.full((400, 400), 230, np.float32)
    luma[100:200, 60:340] = 90.0 * np.exp(fine[100:200, 60:340]) - 10.0
    hair = np.zeros((400, 400), np.float32)
    hair[100:200, 60:340] = 1.0
    return luma, hair


def stripes() -> np.ndarray:
    return 0.3 * np.sign(np.sin(np.arange(400) * np.pi / 3.0 + 0.1)) * np.ones((400, 1))


def test_what_a_photo_shows_of_hair_is_measured_on_hair_alone():
    luma, hair = hair_and_luma(stripes())
    found = structure_of(luma, hair)
    # Stripes of +-.3, whose mean a blur finds.
    assert found.contrast == pytest.approx(0.3, rel=0.05)
    assert found.order > 0.95
    luma[250:] = 0
    assert structure_of(luma, hair) == found


def test_curls_are_less_orderly_than_stripes_and_flat_hair_has_no_contrast():
    draws = cv2.GaussianBlur(np.random.default_rng(0).normal(size=(400, 400)), (0, 0), 2.0)
    curls = structure_of(*hair_and_luma(draws))
    assert curls.order < 0.55
    flat = structure_of(*hair_and_luma(np.zeros((400, 400))))
    assert flat.contrast < 1e-3


def test_a_strip_too_narrow_to_tell_its_order_is_straight():
    luma, hair = hair_and_luma(stripes())
    hair[:, 68:] = 0.0
    assert structure_of(luma, hair).order == 1.0


def test_curls_are_strong_and_without_order():
    assert style_of(Structure(0.42, 0.45)) is CURLY
    assert style_of(Structure(0.42, 0.67)) is LONG
    # Noise on black hair has no order either.
    assert style_of(Structure(0.1, 0.1)) is LONG
    assert style_of(None) is LONG


def test_of_too_little_hair_nothing_is_said():
    luma, hair = hair_and_luma(stripes())
    assert structure_of(luma, 0.0 * hair) is None
    hair[110:] = 0.0
    hair[:, 90:] = 0.0
    assert structure_of(luma, hair) is None


@pytest.mark.parametrize("style", STYLES)
def test_strands_are_as_strong_as_the_photo_s_within_limits(style):
    least, most = STYLES[style].contrast

    def strength(contrast, unlike=np.inf):
        tile = strands(STYLES[style], 232.0, Structure(contrast, 1.0), unlike)
        assert tile.shape == (SIDE, SIDE)
        assert tile.dtype == np.float32
        assert abs(tile.mean()) < 1e-3
        assert (1.0 + tile.max()) / (1.0 + tile.min()) <= 1.001 * HAIR_RANGE[1] / HAIR_RANGE[0]
        return float(np.log1p(tile).std())

    middle = 0.5 * (least + most)
    assert strength(middle / 0.8) == pytest.approx(middle, rel=0.05)
    assert strength(0.0) == pytest.approx(least, rel=0.05)
    assert strength(5.0) == pytest.approx(most, rel=0.05)
    # Between hair that differs little from skin there is skin.
    assert strength(5.0, 0.4) == pytest.approx(0.5 * most, rel=0.05)


def test_a_bald_head_has_no_strands_and_its_gloss_is_none():
    assert strands(SHORT, 232.0, None, 0.0).std() == 0
    glossy = strands(SHORT, 232.0, Structure(0.5, 1.0), 0.15)
    np.testing.assert_array_equal(glossy, strands(SHORT, 232.0, None, 0.15))
    assert 0.01 < glossy.std() < 0.03


@pytest.mark.parametrize("style", STYLES)
def test_they_fall_and_long_hair_farther_than_short(style):
    across, along = (
        np.abs(np.diff(strands(STYLES[style], 232.0, None), axis=axis)).mean() for axis in (1, 0)
    )
    assert across > {"short": 1.4, "long": 4.0, "curly": 1.1}[style] * along


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("axis", [0, 1])
def test_tiles_repeat_without_seams(axis, style):
    for height in (80.0, 232.0, 400.0):
        tile = np.moveaxis(strands(STYLES[style], height, None), axis, 0)
        steps = np.abs(np.diff(tile, axis=0)).mean(axis=1)
        assert np.abs(tile[0] - tile[-1]).mean() < steps.mean() + 4.0 * steps.std()


@pytest.mark.parametrize("height", [500.0, 700.0, 1000.0])
def test_large_faces_have_strands_and_no_noise(height):
    tile = strands(LONG, height, None)
    across, along = (np.abs(np.diff(tile, axis=axis)).mean() for axis in (1, 0))
    assert across > 2.5 * along


def test_strands_finer_than_pixels_are_faint():
    small, usual = (strands(SHORT, height, Structure(1.0, 1.0)).std() for height in (58.0, 232.0))
    assert small < 0.4 * usual


def test_smaller_faces_have_finer_strands():
    def steps(height):
        tile = strands(SHORT, height, None)
        return np.abs(np.diff(tile, axis=1)).mean() / tile.std()

    assert steps(116.0) > 1.4 * steps(348.0)
