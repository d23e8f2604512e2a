"""Pores and blotches of skin that a photo does not show: noise that fills space.

The skin cuts through it (Perlin, SIGGRAPH 1985), so that it is alike in all directions wherever the
skin lies: noise on a map of the head is drawn out to fibres where the map is, as under the jaw.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter

from dagan_tf.simulator.scene.grain import at_vertices

# Side of the block, which repeats, pixels of the photo.
PORES_SIDE = 96
# Pores, unevenness and blotches: deviation of the blur, pixels of the photo, and that of the noise
# in parts of the deviation that is seen of skin: some of that is the camera's noise.
_PARTS = ((0.9, 0.5), (1.8, 0.46), (3.5, 0.36), (7.0, 0.26))
# The most contrast that skin is taken to have, deviation in grey levels, of black skin, and what is
# added with its brightness: freckles and stubble are no pores.
MOST_PORES, MOST_BRIGHT_PORES = 1.2, 0.01
# Fewest vertices of skin to judge by.
_LEAST_SKIN = 20


def pores(luma: np.ndarray, positions: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """A block of fine structure, as strong as on the skin that a photo shows.

    Args:
        luma: (C, C) float32, the photo's brightness, grey levels.
        positions: (V, 2) float32, where the head's vertices lie in it.
        skin: (V,) in [0, 1], how surely the photo shows skin there.

    Returns:
        (96, 96, 96) float32, grey levels, of mean 0: what is added to skin.
    """
    places = positions[skin > 0.6]
    if len(places) <= _LEAST_SKIN:
        return np.zeros_like(_block())
    contrast = at_vertices(np.abs(luma - cv2.GaussianBlur(luma, (0, 0), 2.5)), places)
    # 0.6745: half of all normal draws lie within so many deviations.
    seen = float(np.median(contrast)) / 0.6745
    bright = float(np.median(at_vertices(luma, places)))
    return _block() * np.float32(min(seen, MOST_PORES + MOST_BRIGHT_PORES * bright))


@cache
def _block() -> np.ndarray:
    """(96, 96, 96) float32 periodic noise of mean 0, for skin of deviation 1, always the same."""
    draws = np.random.default_rng(0)
    block = np.zeros((PORES_SIDE,) * 3, np.float32)
    for blur, part in _PARTS:
        white = draws.standard_normal(block.shape, np.float32)
        smooth = gaussian_filter(white, blur, mode="wrap")
        block += np.float32(part) * (smooth - smooth.mean()) / smooth.std()
    return block
