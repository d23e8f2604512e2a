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

# Side of the block, which repeats, pixels of the photo; a power of 2.
PORES_SIDE = 64
# Pores, unevenness and blotches: deviation of the blur, pixels of the photo, and that of the noise
# in parts of the deviation that is seen of skin: some of that is the camera's noise.
_PARTS = ((0.9, 0.5), (1.8, 0.46), (3.5, 0.36), (7.0, 0.26))
# The most contrast that skin is taken to have, deviation in grey levels, of black skin, and what is
# added with its brightness: freckles and stubble are no pores.
MOST_PORES, MOST_BRIGHT_PORES = 1.2, 0.01
# Steps of the block, in parts of the deviation that is seen of skin.
_STEP = 0.04
# Fewest vertices of skin to judge by.
_LEAST_SKIN = 20


def pore_strength(luma: np.ndarray, positions: np.ndarray, skin: np.ndarray) -> float:
    """What `pore_block` is multiplied by for pores as strong as on the skin that a photo shows.

    Args:
        luma: (C, C) float32, the photo's brightness, grey levels.
        positions: (V, 2) float32, where the head's vertices lie in it.
        skin: (V,) in [0, 1], how surely the photo shows skin there.

    Returns:
        At least 0; 0 where too little skin is seen.
    """
    places = positions[skin > 0.6]
    if len(places) <= _LEAST_SKIN:
        return 0.0
    contrast = at_vertices(np.abs(luma - cv2.GaussianBlur(luma, (0, 0), 2.5)), places)
    # 0.6745: half of all normal draws lie within so many deviations.
    seen = float(np.median(contrast)) / 0.6745
    bright = float(np.median(at_vertices(luma, places)))
    return min(seen, MOST_PORES + MOST_BRIGHT_PORES * bright) * _STEP


@cache
def pore_block() -> np.ndarray:
    """(64, 64, 64) int8 noise without seams, always the same, of mean 0.

    Small numbers, so that drawing a head does not wait for memory.
    """
    draws = np.random.default_rng(0)
    block = np.zeros((PORES_SIDE,) * 3, np.float32)
    for blur, part in _PARTS:
        white = draws.standard_normal(block.shape, np.float32)
        smooth = gaussian_filter(white, blur, mode="wrap")
        block += np.float32(part) * (smooth - smooth.mean()) / smooth.std()
    return np.clip(np.rint(block / _STEP), -127, 127).astype(np.int8)
