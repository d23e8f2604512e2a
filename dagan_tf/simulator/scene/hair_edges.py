"""Where hair begins and ends in each row of a photo, from the face's middle outwards."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d, maximum_filter1d

# The edge towards the face moves by at most so many pixels a row, at this price each.
_STEP, _PRICE = 3, 1.5
# A pixel is hair, where the outer edge is sought, if more than this part of it is.
_IS_HAIR = 0.5


def boundary(tells: np.ndarray, inmost: np.ndarray, outer: np.ndarray) -> np.ndarray:
    """(N,) columns that best part skin, inside, from hair, outside, near those of the next rows.

    Args:
        tells: (N, K) > 0 where a pixel looks like hair, < 0 where it looks like skin.
        inmost: (N,) least column.
        outer: (N,) greatest column.
    """
    column = np.arange(tells.shape[1])
    counted = tells * (column >= inmost[:, None])
    cost = np.cumsum(counted, axis=1) - counted
    cost[(column < inmost[:, None]) & (column < outer[:, None] - 1)] = np.inf
    cost[column > outer[:, None]] = np.inf
    shifts = np.arange(-_STEP, _STEP + 1)
    best = np.zeros(cost.shape, np.int64)
    total = cost[0]
    for k in range(1, len(cost)):
        padded = np.pad(total, _STEP, constant_values=np.inf)
        before = np.stack([padded[_STEP + d : _STEP + d + len(column)] for d in shifts])
        before += _PRICE * np.abs(shifts)[:, None]
        choice = before.argmin(axis=0)
        least = before[choice, column]
        # Where the limits jump there is no neighbour: begin anew from the best.
        stuck = ~np.isfinite(least)
        best[k] = np.where(stuck, total.argmin(), column + shifts[choice])
        total = np.where(stuck, total.min() + _PRICE * len(shifts), least) + cost[k]
    path = np.empty(len(cost), np.int64)
    path[-1] = total.argmin()
    for k in range(len(cost) - 1, 0, -1):
        path[k - 1] = best[k, path[k]]
    return path


def end_of_run(person: np.ndarray, column: int) -> int:
    """Where the person ends who is at a column, or before it; hair may hang free of the neck."""
    inside = np.flatnonzero(person[: column + 1])
    if not len(inside):
        return 0
    beyond = np.flatnonzero(~person[inside[-1] :])
    return int(inside[-1] + beyond[0]) if len(beyond) else len(person)


def last_hair(own: np.ndarray, inner: np.ndarray, outer: np.ndarray, blur: float) -> np.ndarray:
    """(N,) columns where the hair ends by its colour, smoothed; beyond them there is other stuff.

    Args:
        own: (N, K) what part of a pixel is hair.
        inner: (N,) columns.
        outer: (N,) columns.
        blur: deviation of the smoothing, rows.
    """
    column = np.arange(own.shape[1])
    hair = (own > _IS_HAIR) & (column >= inner[:, None]) & (column <= outer[:, None])
    last = np.where(hair.any(axis=1), (hair * column).max(axis=1) + 1.0, outer)
    # A gap between locks on a few rows is no end.
    last = maximum_filter1d(last, 2 * round(blur) + 1)
    return np.asarray(gaussian_filter1d(last, blur, mode="nearest"))
