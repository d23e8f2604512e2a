"""Strands of hair that a photo does not show.

Hair is no noise: its strands are quilted from patches of the hair that the photo shows (Efros and
Freeman, SIGGRAPH 2001, with soft seams) to a tile that repeats without seams.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numba import float32, int64
from scipy.ndimage import gaussian_filter

from dagan_tf.core.compiled import compiled
from dagan_tf.simulator.render.sampling import sample

# Side of the tile, pixels of the photo.
SIDE = 192
# Without enough hair to learn from: how far a strand reaches across and along, and its contrast.
_STRAND, _STRAND_STRENGTH = (0.9, 7.0), 0.08
# Coarser than this, pixels of the photo (deviation of a blur), is no lock but shape.
_COARSEST = 10.0
# Nats by which hair that is surely there differs from skin.
_UNLIKE = 0.4
# Hair that differs by less than this part of it is bare skin: its gloss is no strand.
_BALD = 0.4
# Patches of hair: side, overlap, how many places are tried for each, least places to choose from.
_QUILT, _OVERLAP, _TRIED, _LEAST_PLACES = 20, 6, 40, 2000
# A strand is at most so much darker and lighter than what is around it, factors.
HAIR_RANGE = (0.35, 1.7)
# Added to brightness before its logarithm is taken: black hair has noise and no strands.
_DARKEST = 10.0


def strands(luma: np.ndarray, hair: np.ndarray, contrast: float) -> np.ndarray:
    """A tile of strands.

    Args:
        luma: (C, C) float32, the photo's brightness, grey levels.
        hair: (C, C) float32 in [0, 1], how surely a pixel is hair.
        contrast: how much hair and skin differ in colour, nats; a bald head has no strands.

    Returns:
        (192, 192) float32: what is added to a factor of 1 on hair; its mean is 0.
    """
    apart = min(1.0, contrast / _UNLIKE)
    unknown = np.float32(_STRAND_STRENGTH * apart) * _noise(*_STRAND)
    if apart < _BALD or not hair.any():
        return unknown
    luma, hair = _about(luma, hair)
    # Backdrop and skin beside the hair must not pass for a strand: means are of hair alone.
    share = cv2.GaussianBlur(hair, (0, 0), _COARSEST)
    logs = np.log(luma + _DARKEST)
    mean = cv2.GaussianBlur(logs * hair, (0, 0), _COARSEST) / np.maximum(share, 1e-3)
    fine = np.clip((logs - mean) * hair, *np.log(HAIR_RANGE)).astype(np.float32)
    whole = cv2.boxFilter(hair, -1, (_QUILT, _QUILT), anchor=(0, 0), borderType=cv2.BORDER_CONSTANT)
    rows, columns = np.nonzero(whole[: 1 - _QUILT, : 1 - _QUILT] > 0.9)
    if len(rows) < _LEAST_PLACES:
        return unknown
    step = _QUILT - _OVERLAP
    count = -(-SIDE // step) + 1
    draws = np.random.default_rng(0).integers(0, len(rows), (count * count, _TRIED))
    tile = _quilt(fine, rows.astype(np.int64), columns.astype(np.int64), draws, count)
    # Where patches overlap, two bright strands add up.
    tile = np.clip(_wrapped(tile, SIDE), *np.log(HAIR_RANGE))
    factor = np.exp(tile)
    return np.asarray(factor / factor.mean() - 1.0, np.float32)


def _about(luma: np.ndarray, hair: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both cut to the rectangle of the hair and what a blur of the coarsest lock reaches."""
    reach = round(4 * _COARSEST)
    rows, columns = (np.flatnonzero(hair.any(axis=axis)) for axis in (1, 0))
    down = slice(max(rows[0] - reach, 0), rows[-1] + reach + 1)
    along = slice(max(columns[0] - reach, 0), columns[-1] + reach + 1)
    return luma[down, along], hair[down, along]


@compiled(float32[:, ::1], int64[::1], int64[::1], int64[:, ::1], int64, error_model="numpy")
def _quilt(fine, rows, columns, draws, count):  # type: ignore[no-untyped-def]
    step = _QUILT - _OVERLAP
    side = count * step + _OVERLAP
    out = np.zeros((side, side), np.float32)
    for block in range(count * count):
        top, left = (block // count) * step, (block % count) * step
        best, least = draws[block, 0], np.inf
        for tried in range(draws.shape[1]):
            place = draws[block, tried]
            row, column = rows[place], columns[place]
            apart = 0.0
            # Once it is no better than another one, the rest of its rows need not be seen.
            for i in range(_QUILT):
                if apart >= least:
                    break
                if top > 0 and i < _OVERLAP:
                    for j in range(_QUILT):
                        apart += (out[top + i, left + j] - fine[row + i, column + j]) ** 2
                if left > 0:
                    for j in range(_OVERLAP):
                        apart += (out[top + i, left + j] - fine[row + i, column + j]) ** 2
            if apart < least:
                best, least = place, apart
        row, column = rows[best], columns[best]
        for i in range(_QUILT):
            down = np.float32(1.0) if top == 0 or i >= _OVERLAP else (i + 0.5) / _OVERLAP
            for j in range(_QUILT):
                right = np.float32(1.0) if left == 0 or j >= _OVERLAP else (j + 0.5) / _OVERLAP
                part = min(down, right)
                kept = np.float32(1.0) - part
                # Two fine structures mixed half and half would be weaker than each.
                norm = np.sqrt(part * part + kept * kept)
                old = out[top + i, left + j]
                out[top + i, left + j] = (part * fine[row + i, column + j] + kept * old) / norm
    return out


def _wrapped(tile: np.ndarray, side: int) -> np.ndarray:
    """A larger tile cut to a side so that it repeats without seams."""
    extra = tile.shape[0] - side
    part = ((np.arange(extra) + 0.5) / extra).astype(np.float32)
    norm = np.sqrt(part**2 + (1.0 - part) ** 2)
    for axis in (0, 1):
        tile = np.moveaxis(tile, axis, 0)
        seam = (part * tile[:extra].T + (1.0 - part) * tile[side:].T) / norm
        tile = np.moveaxis(np.concatenate([seam.T, tile[extra:side]]), 0, axis)
    return tile


@cache
def _noise(across: float, along: float) -> np.ndarray:
    """(192, 192) float32 periodic noise of mean 0 and deviation 1, always the same."""
    white = np.random.default_rng(0).standard_normal((SIDE, SIDE)).astype(np.float32)
    smooth = gaussian_filter(white, (along, across), mode="wrap")
    return np.asarray((smooth - smooth.mean()) / smooth.std(), np.float32)


def at_vertices(image: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """(V, ...) float32 samples of an image at (V, 2) pixel positions."""
    return sample(image.astype(np.float32), positions[None])[0]
