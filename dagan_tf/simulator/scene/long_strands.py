"""Strands of long hair, as they hang.

Patches of the photo's hair laid side by side look like bark where strands should run from the head
to the hem: here they are long and thin, and only their contrast and their waves are the photo's.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

from dagan_tf.simulator.scene.grain import SIDE


class _Kind(NamedTuple):
    """Hairs, strands or locks; lengths are deviations in pixels of the tile.

    Attributes:
        across: how far one reaches across.
        along: how far along.
        weight: how much of the contrast it has.
        wave: over which distance across and along it waves in its own way.
    """

    across: float
    along: float
    weight: float
    wave: tuple[float, float]


_KINDS = (
    _Kind(0.7, 22.0, 0.75, (7.0, 22.0)),
    _Kind(2.2, 34.0, 0.6, (12.0, 24.0)),
    _Kind(6.0, 44.0, 0.4, (24.0, 30.0)),
)
# Contrast of all, a deviation: at least, at most, and what part of that of the photo's hair it is.
_CONTRAST, _OF_PHOTO = (0.035, 0.16), 0.6
# What part of the photo's differences of brightness lies along the columns where hair hangs
# straight, and where it is curly; how far strands wave then, pixels.
_CURLY, _WAVES = (0.2, 0.45), (3.0, 9.0)


def long_strands(fine: np.ndarray) -> np.ndarray:
    """A tile of strands that run along its columns and repeat without seams.

    Args:
        fine: (192, 192) float32, fine structure of the hair that the photo shows, factors less 1.

    Returns:
        (192, 192) float32: what is added to a factor of 1; its mean is 0.
    """
    across, along = (float(np.square(np.diff(fine, axis=axis)).mean()) for axis in (1, 0))
    curly = np.clip((along / max(across + along, 1e-12) - _CURLY[0]) / np.ptp(_CURLY), 0.0, 1.0)
    waves = _WAVES[0] + (_WAVES[1] - _WAVES[0]) * curly
    row, column = np.mgrid[:SIDE, :SIDE].astype(np.float64)
    tile = np.zeros((SIDE, SIDE))
    for kind, (straight, bent) in zip(_KINDS, _structures(), strict=True):
        at = [row, column + waves * bent]
        tile += kind.weight * map_coordinates(straight, at, order=1, mode="grid-wrap")
    tile -= tile.mean()
    contrast = np.clip(_OF_PHOTO * float(fine.std()), *_CONTRAST)
    return np.asarray(contrast * tile / tile.std(), np.float32)


@cache
def _structures() -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """For each kind, always the same: straight strands and how they wave, both (192, 192)."""
    draws = np.random.default_rng(0)
    common = _noise(draws, 30.0, 28.0)
    out = []
    for kind in _KINDS:
        straight = _noise(draws, kind.across, kind.along)
        out.append((straight, 0.9 * common + 0.3 * _noise(draws, *kind.wave)))
    return tuple(out)


def _noise(draws: np.random.Generator, across: float, along: float) -> np.ndarray:
    """(192, 192) periodic noise of mean 0 and deviation 1."""
    smooth = gaussian_filter(draws.standard_normal((SIDE, SIDE)), (along, across), mode="wrap")
    return np.asarray((smooth - smooth.mean()) / smooth.std())
