"""Where a photo shows hair that falls beside the face and the neck.

Below the ears a person is jaw and neck, of which the fitted head knows the outline. What else there
is on both sides, all the way from the ears to below the mouth, is long hair: shadows on a wall,
hands, collars and pony-tails are on one side, or farther down.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter1d

from dagan_tf.simulator.head.regions import HeadRegions
from dagan_tf.simulator.scene.hair_colour import (
    Colour,
    backdrop_logs,
    between_colours,
    hair_part,
    logs_of,
)
from dagan_tf.simulator.scene.hair_edges import boundary, end_of_run, last_hair

# There is long hair if the person reaches beyond the head's outline by the first part of the height
# (brow to chin) in more than the second share of the rows on one side, the third on the other.
_WIDE, _MOST_ROWS, _LEAST_ROWS = 0.12, 0.75, 0.5
# These rows, in heights: from above the ears' lower end to below the mouth.
_ABOVE_LOBE, _BELOW_MOUTH = 0.05, 0.25
# Rows in which it is followed: from so many heights above the brow to this part of the image.
_ABOVE_BROW, _LOWEST = 0.45, 0.9
# Gaps in the hair that are closed, pixels, and how far it flares below the mouth, pixels a row:
# shoulders flare more.
_GAP, _FLARE = 7, 0.4
# Skin to compare with lies below the brow by more than this, in heights.
_BELOW_BROW = 0.15
# The hair's edge goes at most this far over the neck, in heights.
_OVER_NECK = 0.1
# Above the brow it lies at least so far within the head's outline, in heights.
_TEMPLE = 0.06
# How much a pixel tells of hair or skin, at most, nats. Pixels so near to the person's outline are
# mixed with the backdrop.
_SURE, _RIM = 4.0, 2
# Hair ends where less than this share of a row is like it (within so many squared deviations), or
# where it is thinner than this, and stays so, in heights.
_LEAST_ALIKE, _ALIKE, _THIN, _STAYS = 0.35, 16.0, 0.06, 0.06
# Hair's colours are those of pixels that are hair by more than this, if so many of all are.
_CLEAR, _ENOUGH = 0.6, 0.25
# Smoothing of its edges, heights.
_SMOOTH = 0.05


class SideHair(NamedTuple):
    """The hair on one side, row by row.

    Attributes:
        inner: (N,) x of its edge towards the face, pixels.
        outer: (N,) x of its other edge.
        hem: row where it ends, pixels; inf where it goes on.
    """

    inner: np.ndarray
    outer: np.ndarray
    hem: float


class LongHair(NamedTuple):
    """What a photo shows of it.

    Attributes:
        rows: (N,) int64, one apart.
        sides: the one at smaller x and the other one.
        own: (W, W) float32 in [0, 1], what part of a pixel, if it lies in the hair, is hair:
            neither backdrop between locks nor clothes.
        height: brow to chin, pixels.
    """

    rows: np.ndarray
    sides: tuple[SideHair, SideHair]
    own: np.ndarray
    height: float

    def mask(self, side: int) -> np.ndarray:
        """(W, W) bool: its pixels in an image of `side` pixels."""
        column = np.arange(side)
        out = np.zeros((side, side), bool)
        for one in self.sides:
            low, high = np.minimum(one.inner, one.outer), np.maximum(one.inner, one.outer)
            within = (column >= low[:, None]) & (column <= high[:, None])
            out[self.rows] |= within & (self.rows < one.hem)[:, None]
        return out


class _Half(NamedTuple):
    """One side of the photo, (W, K), its columns from the face's middle outwards."""

    logs: np.ndarray
    person: np.ndarray
    shown: np.ndarray
    reach: np.ndarray
    edge: np.ndarray


def find_long_hair(
    coarse: np.ndarray,
    person: np.ndarray,
    shown: np.ndarray,
    bare: np.ndarray,
    places: np.ndarray,
    landmarks: np.ndarray,
    regions: HeadRegions,
) -> LongHair | None:
    """Looks for long hair.

    Args:
        coarse: (W, W, 3) uint8, the photo.
        person: (W, W) bool.
        shown: (W, W) bool, what lies inside the photo.
        bare: (W, W) bool, where the fitted head lies, without hair.
        places: (V, 2) its vertices, pixels.
        landmarks: (68, 2) pixels.
        regions: its regions.

    Returns:
        The hair, or None where there is none or it is not sure.
    """
    side = len(coarse)
    brow, chin, mouth = landmarks[17:27, 1].mean(), landmarks[8, 1], landmarks[48:60, 1].mean()
    height = float(chin - brow)
    lobe = float(places[regions.ear > 0.9, 1].max(initial=brow))
    judged = slice(round(lobe - _ABOVE_LOBE * height), round(mouth + _BELOW_MOUTH * height))
    middle = round(float(landmarks[27:31, 0].mean()))
    if not (0 <= judged.start < judged.stop < side and 0 < middle < side - 1):
        return None
    # Pixels between locks are hair, too.
    closed = cv2.morphologyEx(
        (person & shown).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((_GAP, _GAP), np.uint8)
    )
    logs = logs_of(cv2.GaussianBlur(coarse, (0, 0), 1.0))
    halves = []
    outwards = (slice(middle, None, -1), slice(middle, None))
    for out in outwards:
        mine = closed[:, out] > 0
        halves.append(
            _Half(
                logs[:, out], mine, shown[:, out], _reach(mine), _held(_reach(bare[:, out]), chin)
            )
        )
    beyond = [(half.reach - half.edge)[judged] > _WIDE * height for half in halves]
    least, most = sorted(float(one.mean()) for one in beyond)
    if least < _LEAST_ROWS or most < _MOST_ROWS:
        return None
    beside = np.zeros((side, side), bool)
    for half, out in zip(halves, outwards, strict=True):
        beside[judged, out] |= _beside(half, judged)
    at = np.clip(np.rint(places).astype(np.int64), 0, side - 1)
    colours = logs[at[:, 1], at[:, 0]]
    face = (regions.front > 0.9) & (regions.mouth < 0.1)
    face &= (places[:, 1] > brow + _BELOW_BROW * height) & (places[:, 1] < mouth)
    scalp = (regions.hair > 0.9) & (places[:, 1] < brow) & person[at[:, 1], at[:, 0]]
    skin, hair = Colour.of(colours[face]), Colour.of(logs[beside])
    own = np.ones((side, side))
    if scalp.any():
        middle_of_scalp = np.median(colours[scalp], axis=0)
        own = hair_part(logs, backdrop_logs(coarse, person, shown), middle_of_scalp)
        own = own * between_colours(logs, middle_of_scalp, skin.mean)
    clear = beside & (own > _CLEAR)
    alike = Colour.of(logs[clear]) if clear.sum() > _ENOUGH * beside.sum() else hair
    own = cv2.GaussianBlur(own * (alike.distance(logs) < _ALIKE), (0, 0), 1.0)
    rows = np.arange(max(round(brow - _ABOVE_BROW * height), 0), round(_LOWEST * side))
    eyes = np.abs(landmarks[[36, 45], 0] - middle)
    sides = []
    for half, out, eye, sign in zip(halves, outwards, eyes, (-1, 1), strict=True):
        neck = half.edge[rows] - _OVER_NECK * height
        inmost = np.where(rows < chin, np.minimum(eye, neck), neck)
        # Beside the forehead all that the head's outline meets is hair.
        outmost = np.where(rows < brow, half.edge[rows] - _TEMPLE * height, np.inf)
        inner, outer, hem = _follow(half, rows, hair, skin, (inmost, outmost), mouth, height)
        outer = np.minimum(outer, last_hair(own[:, out][rows], inner, outer, _SMOOTH * height))
        sides.append(SideHair(middle + sign * inner, middle + sign * outer, hem))
    return LongHair(rows, (sides[0], sides[1]), own.astype(np.float32), height)


def _reach(mask: np.ndarray) -> np.ndarray:
    """(W,) how many columns from the middle on are all in a mask."""
    return np.asarray(np.logical_and.accumulate(mask, axis=1).sum(axis=1))


def _held(edge: np.ndarray, chin: float) -> np.ndarray:
    """The same of a head, whose neck goes on below its cut."""
    below = np.flatnonzero((np.arange(len(edge)) > chin) & (edge > 0))
    neck = np.median(edge[below]) if len(below) else 0.0
    return np.where(np.arange(len(edge)) > chin, np.maximum(edge, neck), edge)


def _beside(half: _Half, judged: slice) -> np.ndarray:
    """(R, K) bool: what of the judged rows lies beyond the head's outline, but for the rim."""
    column = np.arange(half.person.shape[1])
    return np.asarray(
        (column > half.edge[judged, None]) & (column < half.reach[judged, None] - _RIM)
    )


def _follow(
    half: _Half,
    rows: np.ndarray,
    hair: Colour,
    skin: Colour,
    limits: tuple[np.ndarray, np.ndarray],
    mouth: float,
    height: float,
) -> tuple[np.ndarray, np.ndarray, float]:
    """Inner and outer edge, columns, and the hem of one side."""
    outer = half.reach[rows].astype(np.float64)
    there = half.shown[rows].any(axis=1)
    for k in np.flatnonzero(rows > mouth):
        outer[k] = outer[k - 1]
        if there[k]:
            most = outer[k - 1] + _FLARE
            outer[k] = min(end_of_run(half.person[rows[k]], int(outer[k - 1]) - 1), most)
    seen = half.logs[rows]
    tells = np.clip(hair.likelihood(seen) - skin.likelihood(seen), -_SURE, _SURE)
    inner = boundary(
        tells * (half.person & half.shown)[rows], limits[0], np.minimum(outer, limits[1])
    )
    column = np.arange(seen.shape[1])
    between = (column >= inner[:, None]) & (column < outer[:, None])
    alike = ((hair.distance(seen) < _ALIKE) & between).sum(axis=1)
    over = (alike < _LEAST_ALIKE * between.sum(axis=1)) | (outer - inner < _THIN * height)
    over &= (rows > mouth + _BELOW_MOUTH * height) & there
    stays = max(round(_STAYS * height), 1)
    run = np.convolve(over, np.ones(stays))[stays - 1 :]
    ended = np.flatnonzero(run >= stays)
    hem = float(rows[ended[0]]) if len(ended) else np.inf
    smooth = [
        gaussian_filter1d(one, _SMOOTH * height, mode="nearest")
        for one in (inner.astype(np.float64), outer)
    ]
    return smooth[0], smooth[1], hem
