"""Where a photo's neck ends in a shirt's collar.

Down each of some columns below the jaw skin changes to cloth, or does not. If it does so on both
sides, along a V, that is a collar's edge; round necklines, scarves and hair are none.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from dagan_tf.core.pixels import to_unit
from dagan_tf.simulator.scene.grain import at_vertices

# All lengths in heights, brow to chin, but for what is across: in half the jaw's width. Colours are
# CIELAB's.
# Columns; between which heights below the chin cloth is sought, at so many places; and from so far
# below the jaw on.
_COLUMNS, _DOWN, _PLACES, _JAW = np.linspace(-0.85, 0.85, 18), (-0.46, 0.6), 64, 0.05
# So much skin above an edge, and cloth below it, is looked at.
_ABOVE, _BELOW = 0.06, 0.12
# Lightness counts so much, of what is unlike skin and of the step from one to the other.
_SHADE, _STEP_SHADE = 0.2, 0.6
# Least difference between skin and cloth, and of the step.
_UNLIKE = 8.0
# An edge is a collar's if so many columns of either side show it; if half of all lie no farther
# from a V, found in so many rounds, which rises at least so much from the middle to the jaw's
# corner and lies between these heights below the chin there.
_LEAST_COLUMNS, _OFF, _ROUNDS, _LEAST_RISE, _CORNER = 6, 0.045, 4, 0.05, (-0.25, 0.3)


class Neckline(NamedTuple):
    """A collar's upper edge in a photo, a V.

    Attributes:
        middle: x of the neck's middle, pixels.
        chin: y of the chin, pixels.
        half: half of the jaw's width, pixels.
        height: brow to chin, pixels.
        front: heights below the chin in the middle.
        rise: heights by which it is higher at the jaw's corners.
    """

    middle: float
    chin: float
    half: float
    height: float
    front: float
    rise: float

    def below_chin(self, across: np.ndarray) -> np.ndarray:
        """Heights below the chin at `across`, in half the jaw's width from the middle."""
        return self.front - self.rise * np.abs(across)


def find_neckline(
    coarse: np.ndarray, shown: np.ndarray, skin: np.ndarray, landmarks: np.ndarray
) -> Neckline | None:
    """Looks for a collar.

    Args:
        coarse: (W, W, 3) uint8, the photo.
        shown: (W, W) bool, what lies inside the photo.
        skin: (N, 2) float32, pixels of the face's skin.
        landmarks: (68, 2) pixels.

    Returns:
        Its edge, or None where there is none or it is not sure.
    """
    lab = cv2.cvtColor(to_unit(cv2.GaussianBlur(coarse, (3, 3), 0)), cv2.COLOR_RGB2LAB)
    own = np.median([at_vertices(channel, skin) for channel in np.moveaxis(lab, 2, 0)], axis=1)
    (left, _), (chin_x, chin), (right, _) = landmarks[[4, 8, 12]].tolist()
    middle, half = 0.5 * (left + right), 0.5 * (right - left)
    height = float(chin - landmarks[17:27, 1].mean())
    if not len(skin) or height <= 0 or not left < chin_x < right:
        return None
    places = np.linspace(*_DOWN, _PLACES)
    found = np.full(len(_COLUMNS), np.nan)
    for number, across in enumerate(_COLUMNS):
        x = middle + across * half
        column = min(max(round(x), 0), len(lab) - 1)
        y = chin + places * height
        rows = np.clip(np.rint(y).astype(np.int64), 0, len(lab) - 1)
        jaw = np.interp(x, landmarks[2:15, 0], landmarks[2:15, 1]) + _JAW * height
        usable = np.flatnonzero((y > jaw) & (y < len(lab) - 1) & shown[rows, column])
        if len(usable):
            inside = slice(usable[0], usable[-1] + 1)
            at = _edge(lab[rows[inside], column], own, places[1] - places[0])
            found[number] = np.nan if at is None else places[inside][at]
    known = np.isfinite(found)
    if min(known[_COLUMNS < 0].sum(), known[_COLUMNS > 0].sum()) < _LEAST_COLUMNS:
        return None
    across, heights = np.abs(_COLUMNS[known]), found[known]
    near = np.ones(len(across), bool)
    for _ in range(_ROUNDS):  # The V of most of them, not of all.
        slope, front = np.polyfit(across[near], heights[near], 1)
        off = np.abs(heights - front - slope * across)
        near = off <= np.median(off)
    line = Neckline(middle, float(chin), half, height, float(front), -float(slope))
    low, high = _CORNER
    sure = np.median(off) < _OFF and line.rise > _LEAST_RISE and low < line.front - line.rise < high
    return line if sure else None


def _edge(colours: np.ndarray, own: np.ndarray, step: float) -> int | None:
    """The first place of a column, (N, 3) downwards, `step` heights apart, that is cloth."""
    above, below = max(2, int(_ABOVE / step)), int(_BELOW / step)
    if len(colours) <= above + below:
        return None
    unlike = np.hypot(
        np.linalg.norm(colours[:, 1:] - own[1:], axis=1), _SHADE * (colours[:, 0] - own[0])
    )
    at = np.arange(above, len(colours) - below)
    least = sliding_window_view(unlike, below - 1).min(axis=1)[at + 1]
    gain = least - np.cumsum(unlike)[at - 1] / at
    sums = np.concatenate([np.zeros((1, 3)), np.cumsum(colours, axis=0, dtype=np.float64)])
    apart = (sums[at + below] - sums[at]) / below - (sums[at] - sums[at - above]) / above
    value = np.minimum(gain, np.linalg.norm(apart * [_STEP_SHADE, 1.0, 1.0], axis=1))
    best = int(value.argmax())
    return int(at[best]) if value[best] > _UNLIKE else None
