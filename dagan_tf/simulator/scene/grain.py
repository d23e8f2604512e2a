"""Strands of hair that a photo does not show.

A front shows hair on end and foreshortened: patches of it, laid on the side of a head, look like a
carpet. From the side hair is fine lines that fall, in locks that bend. Their widths, lengths and
shares were set beside the spectra of short hair in real profiles (London Set); how strong they are,
and whether they curl, the photo tells.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

from dagan_tf.simulator.render.sampling import sample

# Side of a tile, pixels of the photo; it repeats without seams.
SIDE = 192
# A strand is at most so much darker and lighter than what is around it, factors.
HAIR_RANGE = (0.35, 1.7)
# Coarser than this, pixels of the photo (deviation of a blur), is no lock but shape.
_COARSEST = 10.0
# Pixels that are hair by more than this tell its strands, if there are so many.
_HAIR, _FEWEST = 0.9, 500
# Added to brightness before its logarithm is taken: black hair has noise and no strands.
_DARKEST = 10.0
# Before its directions are looked at noise is blurred away; they are one lock's so far around,
# deviations in pixels of the photo. Nearer to its edge than half of this nothing is looked at.
_NOISE, _LOCK, _EDGE = 0.7, 6.0, 9
# Nats by which hair that is surely there differs from skin; the less it does, the more of skin is
# between the hairs. What differs by less than the second is bare skin: its gloss is no strand.
_UNLIKE, _BALD = 0.8, 0.16
# Contrast, nats, where the photo shows too little hair; part of what it shows that is drawn.
_USUAL, _DRAWN = 0.1, 0.8
# Strands are drawn at scales this far apart, a factor; none is longer or broader than this part of
# the tile's side. Below the last scale they are finer than pixels, and faint.
_SCALES, _LONGEST, _FINEST = 1.1, 0.4, 0.6


class Style(NamedTuple):
    """How hair falls, in pixels of a frame whose faces are 290 high from brow to chin.

    Attributes:
        hairs: breadth and length (deviations) of single light and dark hairs, which are lines.
        rough: the same of what is between them.
        locks: the same of what clings together.
        shares: of the contrast, of the three.
        bend: how far locks sway (a deviation), and the length over which they do.
        contrast: least and most, nats.
    """

    hairs: tuple[float, float]
    rough: tuple[float, float]
    locks: tuple[float, float]
    shares: tuple[float, float, float]
    bend: tuple[float, float]
    contrast: tuple[float, float]


SHORT = Style((1.8, 7.0), (1.0, 3.0), (5.0, 14.0), (0.9, 0.5, 0.25), (5.0, 28.0), (0.08, 0.17))
LONG = Style((1.4, 40.0), (0.8, 12.0), (6.0, 60.0), (0.8, 0.6, 0.35), (2.5, 60.0), (0.08, 0.15))
CURLY = Style((1.3, 8.0), (0.9, 3.0), (5.0, 12.0), (0.7, 0.6, 0.7), (4.0, 14.0), (0.1, 0.2))
_HEIGHT = 290.0
# Long hair whose strands are of less order than the first and of more contrast than the second is
# curly.
_CURLS, _CURLED = 0.58, 0.2
# A hair is where noise is smaller than this, in deviations; how unlike hairs are, and how strong
# dark ones are beside light ones.
_LINE, _UNEQUAL, _DARK = 0.35, 0.4, 0.8


class Structure(NamedTuple):
    """Fine structure of the hair that a photo shows.

    Attributes:
        contrast: deviation of the logarithm of its brightness, nats.
        order: in [0, 1], how much strands beside each other go the same way; 1 where none are seen.
    """

    contrast: float
    order: float


def structure_of(luma: np.ndarray, hair: np.ndarray) -> Structure | None:
    """Looks at the hair that a photo shows.

    Args:
        luma: (C, C) float32, the photo's brightness, grey levels.
        hair: (C, C) float32 in [0, 1], how surely a pixel is hair.

    Returns:
        What it is like, or None where there is too little of it.
    """
    if not hair.any():
        return None
    luma, hair = _about(luma, hair)
    sure = hair > _HAIR
    if sure.sum() < _FEWEST:
        return None
    # Backdrop and skin beside the hair must not pass for a strand: means are of hair alone.
    share = cv2.GaussianBlur(hair, (0, 0), _COARSEST)
    logs = np.log(luma + _DARKEST)
    mean = cv2.GaussianBlur(logs * hair, (0, 0), _COARSEST) / np.maximum(share, 1e-3)
    fine = logs - mean
    smooth = cv2.GaussianBlur(fine, (0, 0), _NOISE)
    # Its edge is no strand.
    within = cv2.erode(sure.astype(np.float32), np.ones((_EDGE, _EDGE), np.uint8))
    across, down = (within * cv2.Sobel(smooth, cv2.CV_32F, *way) for way in ((1, 0), (0, 1)))
    even, odd, both = (
        cv2.GaussianBlur(one, (0, 0), _LOCK)
        for one in (across**2 - down**2, 2.0 * across * down, across**2 + down**2)
    )
    seen = float(both.sum())
    order = float(np.hypot(even, odd).sum()) / seen if seen > 0.0 else 1.0
    return Structure(float(fine[sure].std()), order)


def style_of(structure: Structure | None) -> Style:
    """How long hair falls: CURLY if it is strong and without order. Noise on black hair is weak."""
    curly = structure is not None and structure.order < _CURLS and structure.contrast > _CURLED
    return CURLY if curly else LONG


def strands(
    style: Style, height: float, structure: Structure | None, unlike: float = np.inf
) -> np.ndarray:
    """A tile of strands that fall down its columns.

    Args:
        style: how they fall.
        height: brow to chin, pixels of the photo.
        structure: of the hair that the photo shows, or None.
        unlike: how much hair and skin differ in colour, nats; a bald head has no strands.

    Returns:
        (192, 192) float32: what is added to a factor of 1 on hair; its mean is 0.
    """
    contrast = _USUAL
    if structure is not None and unlike >= _BALD:
        contrast = float(np.clip(_DRAWN * structure.contrast, *style.contrast))
    contrast *= min(1.0, unlike / _UNLIKE)
    scale = _SCALES ** round(np.log(height / _HEIGHT) / np.log(_SCALES))
    contrast *= min(1.0, scale / _FINEST)
    factor = np.exp(np.clip(contrast * _tile(style, float(scale)), *np.log(HAIR_RANGE)))
    return np.asarray(factor / factor.mean() - 1.0, np.float32)


@cache
def _tile(style: Style, scale: float) -> np.ndarray:
    """(192, 192) periodic, of mean 0 and deviation 1, always the same."""
    random = np.random.default_rng(0)

    def noise(breadth: float, length: float) -> np.ndarray:
        white = random.standard_normal((SIDE, SIDE))
        blur = np.minimum(scale * np.array([length, breadth]), _LONGEST * SIDE)
        return _normal(gaussian_filter(white, blur, mode="wrap"))

    def lines(breadth: float, length: float) -> np.ndarray:
        near = np.exp(-((noise(breadth, length) / _LINE) ** 2))
        return near * (1.0 + _UNEQUAL * noise(2.0 * breadth, length))

    hairs = _normal(lines(*style.hairs) - _DARK * lines(*style.hairs))
    parts = (hairs, noise(*style.rough), noise(*style.locks))
    straight = sum(share * part for share, part in zip(style.shares, parts, strict=True))
    far, over = style.bend
    row, column = np.mgrid[:SIDE, :SIDE]
    swayed = column + far * scale * noise(over, over)
    bent = map_coordinates(straight, [row, swayed], order=1, mode="grid-wrap")
    return _normal(bent).astype(np.float32)


def _normal(values: np.ndarray) -> np.ndarray:
    """Of mean 0 and deviation 1."""
    return np.asarray((values - values.mean()) / values.std())


def _about(luma: np.ndarray, hair: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both cut to the rectangle of the hair and what a blur of the coarsest lock reaches."""
    reach = round(4 * _COARSEST)
    rows, columns = (np.flatnonzero(hair.any(axis=axis)) for axis in (1, 0))
    down = slice(max(rows[0] - reach, 0), rows[-1] + reach + 1)
    along = slice(max(columns[0] - reach, 0), columns[-1] + reach + 1)
    return luma[down, along], hair[down, along]


def at_vertices(image: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """(V, ...) float32 samples of an image at (V, 2) pixel positions."""
    return sample(image.astype(np.float32), positions[None])[0]
