"""Fine structure for what is filled: as strong as seen, the photo's own strands, no seams."""

import cv2
import numpy as np
import pytest

from dagan_tf.simulator.scene.grain import HAIR_RANGE, MOST_BRIGHT_PORES, MOST_PORES, SIDE, grain

PLACES = np.random.default_rng(0).uniform(20, 380, (500, 2)).astype(np.float32)
SKIN = np.ones(500, np.float32)
NO_HAIR = np.zeros((400, 400), np.float32)


def photo(level, noise):
    draws = np.random.default_rng(1).normal(level, noise, (400, 400, 1))
    return np.repeat(np.clip(draws, 0, 255), 3, axis=2).astype(np.uint8)


def test_pores_are_as_strong_as_seen_and_no_freckles():
    faint = grain(photo(150, 1.0), PLACES, SKIN, NO_HAIR, 1.0)
    assert faint.shape == (2, SIDE, SIDE)
    assert faint.dtype == np.float32
    assert faint[0].std() == pytest.approx(1.0, abs=0.25)
    assert abs(faint[0].mean()) < 0.01
    for level in (40, 150):
        strong = grain(photo(level, 12.0), PLACES, SKIN, NO_HAIR, 1.0)[0]
        assert strong.std() == pytest.approx(MOST_PORES + MOST_BRIGHT_PORES * level, rel=0.02)
    assert grain(photo(150, 5.0), PLACES, 0 * SKIN, NO_HAIR, 1.0)[0].std() == 0


def test_a_bald_head_has_no_strands_and_little_hair_has_faint_ones():
    assert grain(photo(150, 5.0), PLACES, SKIN, NO_HAIR, 0.0)[1].std() == 0
    assert 0.02 < grain(photo(150, 5.0), PLACES, SKIN, NO_HAIR, 2.0)[1].std() < 0.2


def test_strands_are_the_photo_s_own():
    striped = np.full((400, 400, 3), 90, np.uint8)
    striped[:, ::6] = 160
    hair = NO_HAIR.copy()
    hair[100:200, 60:340] = 1.0
    tile = grain(striped, PLACES, SKIN, hair, 1.0)[1]
    across, along = (np.abs(np.diff(tile, axis=axis)).mean() for axis in (1, 0))
    assert across > 3 * along
    assert tile.std() > 0.15
    assert abs(tile.mean()) < 1e-3
    assert 1.0 + tile.min() > 0.5 * HAIR_RANGE[0]
    assert 1.0 + tile.max() < 2.0 * HAIR_RANGE[1]
    # What is no hair takes no part: without it the tile is the same.
    striped[250:] = 0
    np.testing.assert_array_equal(grain(striped, PLACES, SKIN, hair, 1.0)[1], tile)


@pytest.mark.parametrize("axis", [0, 1])
def test_tiles_repeat_without_seams(axis):
    hair = NO_HAIR.copy()
    hair[100:300, 60:340] = 1.0
    # Of noise every pixel differs from the next, so no seam shows; locks are smoother.
    locks = np.random.default_rng(1).normal(0.0, 400.0, (400, 400)).astype(np.float32)
    locks = np.clip(120 + cv2.GaussianBlur(locks, (0, 0), 3.0), 0, 255).astype(np.uint8)
    smooth = np.repeat(locks[..., None], 3, axis=2)
    tiles = [*grain(photo(120, 9.0), PLACES, SKIN, hair, 1.0)]
    for tile in [*tiles, grain(smooth, PLACES, SKIN, hair, 1.0)[1]]:
        tile = np.moveaxis(tile, axis, 0)
        seam = np.abs(tile[0] - tile[-1]).mean()
        assert seam < 1.5 * np.abs(np.diff(tile, axis=0)).mean()
