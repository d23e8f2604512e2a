"""Strands for hair that is filled: the photo's own, without seams."""

import cv2
import numpy as np
import pytest

from dagan_tf.simulator.scene.grain import HAIR_RANGE, SIDE, strands

NO_HAIR = np.zeros((400, 400), np.float32)


def photo(level, noise):
    draws = np.random.default_rng(1).normal(level, noise, (400, 400))
    return np.clip(draws, 0, 255).astype(np.float32)


def test_a_bald_head_has_no_strands_and_little_hair_has_faint_ones():
    assert strands(photo(150, 5.0), NO_HAIR, 0.0).std() == 0
    assert 0.02 < strands(photo(150, 5.0), NO_HAIR, 2.0).std() < 0.2


def test_strands_are_the_photo_s_own():
    striped = np.full((400, 400), 90, np.float32)
    striped[:, ::6] = 160
    hair = NO_HAIR.copy()
    hair[100:200, 60:340] = 1.0
    tile = strands(striped, hair, 1.0)
    assert tile.shape == (SIDE, SIDE)
    assert tile.dtype == np.float32
    across, along = (np.abs(np.diff(tile, axis=axis)).mean() for axis in (1, 0))
    assert across > 3 * along
    assert tile.std() > 0.15
    assert abs(tile.mean()) < 1e-3
    assert 1.0 + tile.min() > 0.5 * HAIR_RANGE[0]
    assert 1.0 + tile.max() < 2.0 * HAIR_RANGE[1]
    assert (1.0 + tile.max()) / (1.0 + tile.min()) <= 1.001 * HAIR_RANGE[1] / HAIR_RANGE[0]
    # What is no hair takes no part: without it the tile is the same.
    striped[250:] = 0
    np.testing.assert_array_equal(strands(striped, hair, 1.0), tile)


@pytest.mark.parametrize("axis", [0, 1])
def test_tiles_repeat_without_seams(axis):
    hair = NO_HAIR.copy()
    hair[100:300, 60:340] = 1.0
    # Of noise every pixel differs from the next, so no seam shows; locks are smoother.
    locks = np.random.default_rng(1).normal(0.0, 400.0, (400, 400)).astype(np.float32)
    smooth = np.clip(120 + cv2.GaussianBlur(locks, (0, 0), 3.0), 0, 255)
    for luma in (photo(120, 9.0), smooth):
        tile = strands(luma, hair, 1.0)
        tile = np.moveaxis(tile, axis, 0)
        seam = np.abs(tile[0] - tile[-1]).mean()
        assert seam < 1.5 * np.abs(np.diff(tile, axis=0)).mean()


def test_glints_do_not_add_up_where_patches_overlap():
    # Dark hair with bright dots a patch apart: wherever two patches meet, so may their dots.
    luma = np.full((400, 400), 30, np.float32)
    luma[::5, ::5] = 220
    hair = NO_HAIR.copy()
    hair[50:350, 60:340] = 1.0
    tile = 1.0 + strands(luma, hair, 1.0)
    assert tile.max() / tile.min() <= 1.001 * HAIR_RANGE[1] / HAIR_RANGE[0]
    assert tile.max() / np.median(tile) <= 1.001 * HAIR_RANGE[1] * 1.2
