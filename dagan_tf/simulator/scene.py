"""The photo's surroundings carried along when the head turns: hair, neck and backdrop.

The outline of the head in the photo is moved to the outline of the turned head along rays from
the skull's centre; away from the head the picture comes to rest. Hair just outside the skull so
stays on the skull, nothing tears, and no trace of the face in its old place remains beside the
new one.
"""

from __future__ import annotations

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter1d

RAYS = 360
# The surroundings come to rest this many outline radii from the skull's centre.
REST_RADII = 2.2
# Just outside the outline, in frame sides: the photo's edge pixels mix face and backdrop.
OUTLINE_MARGIN = 0.012


def outline_radii(mask: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Distance from a centre to the farthest pixel of a mask, along each of 360 rays.

    Args:
        mask: (H, W) bool, not empty.
        centre: (2,) pixel inside the mask.

    Returns:
        (360,) float64 pixels; ray k points k degrees from +x towards +y (down). Smoothed by a
        few degrees, so that a warp built on it has no creases.
    """
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    edge = np.concatenate([contour[:, 0] for contour in contours]).astype(np.float64) - centre
    angle = np.degrees(np.arctan2(edge[:, 1], edge[:, 0]))
    ray = np.rint(angle).astype(np.int64) % RAYS
    radii = np.zeros(RAYS)
    np.maximum.at(radii, ray, np.hypot(edge[:, 0], edge[:, 1]))
    known = np.flatnonzero(radii)
    radii = np.interp(np.arange(RAYS), known, radii[known], period=RAYS)
    return gaussian_filter1d(radii, 3.0, mode="wrap")


def carry_surroundings(
    photo: np.ndarray,
    source_mask: np.ndarray,
    source_centre: np.ndarray,
    target_mask: np.ndarray,
    target_centre: np.ndarray,
    density: float,
) -> np.ndarray:
    """Warps the photo so that the head's old outline falls on the new one.

    Args:
        photo: (H, W, 3) uint8, wider than the frame on all sides.
        source_mask: (H, W) bool, head in the photo.
        source_centre: (2,) skull's centre in the photo, pixels.
        target_mask: (S, S) bool, head in the frame to be made.
        target_centre: (2,) skull's centre in the frame, pixels.
        density: photo pixels per frame pixel.

    Returns:
        (S, S, 3) float32 in [0, 255]; meaningful outside `target_mask`.
    """
    size = target_mask.shape[0]
    offset = _frame_offset(photo.shape[0], size, density)
    source_radii = outline_radii(source_mask, source_centre) / density
    source_centre = (source_centre - offset) / density
    target_radii = outline_radii(target_mask, target_centre)
    rows, columns = np.mgrid[0:size, 0:size].astype(np.float64)
    across, down = columns - target_centre[0], rows - target_centre[1]
    radius = np.hypot(across, down)
    ray = np.degrees(np.arctan2(down, across)) % RAYS
    old = np.interp(ray, np.arange(RAYS), source_radii, period=RAYS) + OUTLINE_MARGIN * size
    new = np.interp(ray, np.arange(RAYS), target_radii, period=RAYS)
    rest = REST_RADII * np.maximum(old, new)
    # 0 at the outline, 1 where the picture rests; inside the outline the head covers it anyway.
    away = np.clip((radius - new) / (rest - new), 0.0, 1.0)
    settled = away * away * (3.0 - 2.0 * away)
    reach = old + (radius - new)
    unit_x, unit_y = across / np.maximum(radius, 1e-6), down / np.maximum(radius, 1e-6)
    moved_x, moved_y = source_centre[0] + reach * unit_x, source_centre[1] + reach * unit_y
    x = (1.0 - settled) * moved_x + settled * columns
    y = (1.0 - settled) * moved_y + settled * rows
    return cv2.remap(
        photo,
        (x * density + offset).astype(np.float32),
        (y * density + offset).astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    ).astype(np.float32)


def _frame_offset(canvas: int, size: int, density: float) -> float:
    """Canvas coordinate of the frame's pixel 0: both share their centre."""
    return (canvas - 1) / 2.0 - density * (size - 1) / 2.0


def compose(head: np.ndarray, coverage: np.ndarray, surroundings: np.ndarray) -> np.ndarray:
    """Lays the head over its surroundings.

    Args:
        head: (S, S, 3) float32 in [0, 255], already multiplied by its coverage.
        coverage: (S, S) float32 in [0, 1].
        surroundings: (S, S, 3) float32 in [0, 255].

    Returns:
        (S, S, 3) uint8.
    """
    mixed = head + (1.0 - coverage[..., None]) * surroundings
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)
