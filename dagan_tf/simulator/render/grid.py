"""The simulator's squares of pixels, finer and coarser, all about the middle of one frame.

Pixel centres are at integers, so that the corner of every square is at (-1/2, -1/2).
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

# The photo is worked on in a canvas of this many frames a side, so that there are surroundings to
# draw from, at this many pixels per frame pixel, so that sampling it twice costs no sharpness.
CANVAS_FRAMES = 2.0
CANVAS_DENSITY = 1.5
# Side of the square in which outlines and masks of the canvas are worked out.
WORK_SIDE = 256
# The head is drawn at this many times the frame's resolution, then averaged: smooth outlines.
SUPERSAMPLING = 2


class Grid(NamedTuple):
    """A square of pixels whose middle is that of the frame.

    Attributes:
        side: pixels.
        extent: what it covers, a side, in pixels of the frame.
    """

    side: int
    extent: float

    @property
    def middle(self) -> float:
        """Where the middle is, x or y, pixels."""
        return middle(self.side)

    @property
    def density(self) -> float:
        """Pixels to one of the frame."""
        return self.side / self.extent

    def per(self, other: Grid) -> float:
        """Pixels to one of a grid of the same extent."""
        return self.side / other.side

    def carry(self, points: np.ndarray, to: Grid) -> np.ndarray:
        """Points of this grid in another one.

        Args:
            points: (..., 2) x and y, pixels; a float dtype, which is kept.
            to: the other grid.
        """
        # Of what both share, the corner or only the middle, nothing is lost to rounding.
        if self.extent == to.extent:
            return (points + 0.5) * to.per(self) - 0.5
        return (points - self.middle) * to.density / self.density + to.middle

    def carry_depth(self, points: np.ndarray, to: Grid) -> np.ndarray:
        """Points with their depths in a grid of the same extent.

        Args:
            points: (N, 3) float32 x, y and depth, pixels, as `Camera.project` returns.
            to: the other grid.
        """
        scale = to.per(self)
        out = points * np.float32(scale)
        out[:, :2] += 0.5 * scale - 0.5
        return np.asarray(out, np.float32)

    def averaged(self, image: np.ndarray) -> np.ndarray:
        """An image of a finer grid of the same extent in this one; a mask as float32 shares."""
        return _resized(image, self.side, cv2.INTER_AREA)

    def spread(self, image: np.ndarray) -> np.ndarray:
        """An image of a coarser grid of the same extent in this one, smoothly."""
        return _resized(image, self.side, cv2.INTER_LINEAR)


class Grids(NamedTuple):
    """Those that a view is made with.

    Attributes:
        frame: the view's own pixels.
        fine: the frame's extent, finer, to draw heads in.
        canvas: the photo, wider than the frame.
        work: the canvas' extent, coarser.
    """

    frame: Grid
    fine: Grid
    canvas: Grid
    work: Grid


def middle(side: int) -> float:
    """Where the middle of a square of `side` pixels is, x or y, pixels."""
    return (side - 1) / 2.0


def grids(image_size: int) -> Grids:
    """The grids of views of `image_size` pixels a side."""
    wide = CANVAS_FRAMES * image_size
    return Grids(
        frame=Grid(image_size, image_size),
        fine=Grid(SUPERSAMPLING * image_size, image_size),
        canvas=Grid(round(CANVAS_DENSITY * wide), wide),
        work=Grid(WORK_SIDE, wide),
    )


def _resized(image: np.ndarray, side: int, method: int) -> np.ndarray:
    if image.dtype == bool:
        image = image.astype(np.float32)
    return np.asarray(cv2.resize(image, (side, side), interpolation=method))
