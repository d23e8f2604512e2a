"""Fine structure of what is filled: pores of skin, strands of hair, as strong as the photo's.

Noise, not a patch of the photo: a patch repeated is seen as a pattern. It lies on the head, so it
is the same in every view, and tiles without seams.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

from dagan_tf.simulator.head.regions import HeadRegions
from dagan_tf.simulator.render.sampling import sample

# Side of the tile, pixels of the photo.
SIDE = 256
# How far a pore reaches; how far strands and locks reach across and along.
_PORE, _STRAND, _LOCK = (0.8, 0.8), (0.9, 24.0), (2.2, 45.0)
# Share of the locks in the contrast of hair.
_LOCKS = 0.3
# Strands swerve by so many pixels, over so many.
_SWERVE, _SWERVE_LENGTH = 4.0, 35.0
# The most contrast of skin taken over from the photo, grey levels (freckles are no grain).
_MOST_SKIN = 2.5
# Contrast of hair, as a part of its brightness: the least and the most (curls are no strands), and
# where the photo shows none.
_LEAST_HAIR, _MOST_HAIR, PLAIN_HAIR = 0.10, 0.20, 0.14
# Hair is brighter than this when its contrast is measured, grey levels: black hair has none.
_BLACK = 12.0
# From the skull's centre to the crown, from which hair grows down on all sides.
_CROWN = np.array([0.0, 0.85, -0.53])
# Hair hangs straight down from this far below the skull's centre on, in half widths of the head.
_HANGS = 0.25


def grain(
    photo: np.ndarray, positions: np.ndarray, known: np.ndarray, hair: np.ndarray
) -> np.ndarray:
    """The tile of a photo's skin and hair.

    Args:
        photo: (C, C, 3) uint8.
        positions: (V, 2) the head's vertices in it, pixels.
        known: (V,) in [0, 1], how well the photo shows each.
        hair: (V,) in [0, 1], its share of hair.

    Returns:
        (2, 256, 256) float32 of mean 0: what is added to skin, grey levels, and what is added to
        hair, as a part of its colour.
    """
    luma = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    blurred = cv2.GaussianBlur(luma, (0, 0), 2.5)
    # 0.6745: half of all normal draws lie within so many deviations.
    fine = _at(cv2.absdiff(luma, blurred), positions) / 0.6745
    skin_seen, hair_seen = known * (1.0 - hair) > 0.6, known * hair > 0.6
    skin = min(float(np.median(fine[skin_seen])), _MOST_SKIN) if skin_seen.sum() > 20 else 0.0
    strands = PLAIN_HAIR
    if hair_seen.sum() > 20:
        part = fine[hair_seen] / np.maximum(_at(blurred, positions)[hair_seen], _BLACK)
        strands = float(np.clip(np.median(part), _LEAST_HAIR, _MOST_HAIR))
    return np.stack([np.float32(skin) * _pores(), np.float32(strands) * _strands()])


def grain_places(rest: np.ndarray, regions: HeadRegions, per_unit: float) -> np.ndarray:
    """Where each vertex lies in the tile.

    Args:
        rest: (V, 3) the mean head, model units.
        regions: of the head.
        per_unit: pixels of the photo a model unit.

    Returns:
        (V, 4) float32 pixels of the tile, which repeats: (u, v) for skin, round the head and down;
        (u, v) for hair, across the strands and along them: from the crown to all sides, and from
        the ears on straight down.
    """
    width = float(np.abs(rest[:, 0]).max())
    around = np.arctan2(rest[:, 0], rest[:, 2]) * width
    offset = rest.astype(np.float64) - rest[regions.skull].mean(axis=0)
    offset[:, 0] -= offset[:, 0].mean()
    hanging = np.maximum(-_HANGS * width - offset[:, 1], 0.0)
    offset[:, 1] += hanging
    # A neck is narrower than the head, but what hangs beside it does not run together.
    flat = np.hypot(offset[:, 0], offset[:, 2])
    widened = np.where(hanging > 0.0, width / np.maximum(flat, 1e-6 * width), 1.0)
    offset[:, [0, 2]] *= widened[:, None]
    crown = _CROWN / np.linalg.norm(_CROWN)
    ahead = np.array([0.0, -crown[2], crown[1]])
    direction = offset / np.maximum(np.linalg.norm(offset, axis=1, keepdims=True), 1e-12)
    down = np.arccos(np.clip(direction @ crown, -1.0, 1.0)) * width + hanging
    # Whole tiles round the head: the strands' only seam, at the nape, is no wider than a triangle.
    tiles = max(1, round(2.0 * np.pi * width * per_unit / SIDE))
    across = np.arctan2(direction[:, 0], direction @ ahead) * (tiles * SIDE / (2.0 * np.pi))
    places = [per_unit * around, -per_unit * rest[:, 1], across, per_unit * down]
    return np.stack(places, axis=1).astype(np.float32)


@cache
def _pores() -> np.ndarray:
    return _scaled(_noise(0, *_PORE))


@cache
def _strands() -> np.ndarray:
    """(256, 256) float32 noise drawn out along swerving strands, some of which form locks."""
    fine, locks = _scaled(_noise(1, *_STRAND)), _scaled(_noise(2, *_LOCK))
    swerve = _SWERVE * _scaled(_noise(3, _SWERVE_LENGTH, _SWERVE_LENGTH))
    v, u = np.mgrid[0:SIDE, 0:SIDE].astype(np.float64)
    straight = (1.0 - _LOCKS) * fine + _LOCKS * locks
    return _scaled(map_coordinates(straight, [v, u + swerve], order=1, mode="grid-wrap"))


def _noise(seed: int, across: float, along: float) -> np.ndarray:
    """(256, 256) periodic noise, always the same."""
    white = np.random.default_rng(seed).standard_normal((SIDE, SIDE))
    return np.asarray(gaussian_filter(white, (along, across), mode="wrap"))


def _scaled(noise: np.ndarray) -> np.ndarray:
    """float32 of mean 0 and deviation 1."""
    return np.asarray((noise - noise.mean()) / noise.std(), np.float32)


def _at(image: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """(V,) samples of a grey image at (V, 2) pixel positions."""
    return np.asarray(sample(image.astype(np.float32), positions[None])[0])
