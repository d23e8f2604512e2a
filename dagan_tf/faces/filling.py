"""Photos brought into a frame; what lies beyond the photo's edge is filled, and marked as such."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from dagan_tf.core.pixels import from_levels
from dagan_tf.faces.alignment import apply_similarity, invert_similarity, warp_similarity

# What lies outside a photo is worked out in a square of at most this side: it is smooth.
_FILL_SIDE = 128


class FramedPhoto(NamedTuple):
    """A photo in a square frame.

    Attributes:
        image: (S, S, 3) uint8 RGB.
        shown: (S, S) bool, which pixels lie inside the photo; the others are filled.
    """

    image: np.ndarray
    shown: np.ndarray


def frame_photo(photo: np.ndarray, matrix: np.ndarray, size: int) -> FramedPhoto:
    """Resamples the square that `matrix` maps onto the output, without streaks at the edges.

    Args:
        photo: (H, W, 3) uint8 RGB.
        matrix: (2, 3), from photo pixels to output pixels; a similarity.
        size: Side of the output in pixels.

    Returns:
        The square. Beyond the photo's edge it passes smoothly into the photo's colours nearby.

    Raises:
        ValueError: as `warp_similarity`.
    """
    image = warp_similarity(photo, matrix, size)
    shown = inside_photo(photo.shape[:2], matrix, size)
    if shown.all() or not shown.any():
        return FramedPhoto(image, shown)
    side = min(size, _FILL_SIDE)
    weight = cv2.resize(shown.astype(np.float32), (side, side), interpolation=cv2.INTER_AREA)
    inside = shown.view(np.uint8)
    seen = cv2.copyTo(image, inside).astype(np.float32)
    seen = cv2.resize(seen, (side, side), interpolation=cv2.INTER_AREA)
    # A coarse pixel across the edge has the mean of what it shows.
    filled = push_pull(seen / np.maximum(weight, 1e-6)[..., None], weight)
    filled = cv2.resize(filled, (size, size), interpolation=cv2.INTER_LINEAR)
    return FramedPhoto(cv2.copyTo(image, inside, from_levels(filled)), shown)


def inside_photo(shape: tuple[int, int], matrix: np.ndarray, size: int) -> np.ndarray:
    """(S, S) bool: the output pixels whose centres lie inside a photo.

    Args:
        shape: (H, W) of the photo, pixels.
        matrix: (2, 3), from photo pixels to output pixels; a similarity.
        size: Side S of the output in pixels.
    """
    back = invert_similarity(matrix)
    ends = np.array([[0.0, 0.0], [0.0, size - 1.0], [size - 1.0, 0.0], [size - 1.0, size - 1.0]])
    corners = apply_similarity(back, ends)
    limits = np.array([shape[1], shape[0]]) - 0.5
    if (corners >= -0.5).all() and (corners <= limits).all():
        return np.ones((size, size), bool)
    steps = np.arange(size)
    inside = np.ones((size, size), bool)
    for row, limit in zip(back, limits, strict=True):
        place = (row[0] * steps)[None, :] + (row[1] * steps + row[2])[:, None]
        inside &= (place >= -0.5) & (place <= limit)
    return inside


def push_pull(image: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Fills what is unknown smoothly from its surroundings (Gortler et al. 1996).

    Args:
        image: (H, W, C) float32.
        known: (H, W) float32 in [0, 1].

    Returns:
        (H, W, C) float32; equals `image` where `known` is 1.
    """
    height, width = known.shape
    if min(height, width) <= 2:
        total = known.sum()
        mean = (image * known[..., None]).sum(axis=(0, 1)) / total if total > 0 else 127.5
        filled = np.broadcast_to(mean, image.shape).astype(np.float32)
    else:
        half = ((width + 1) // 2, (height + 1) // 2)
        weight = cv2.resize(known, half, interpolation=cv2.INTER_AREA)
        colour = cv2.resize(image * known[..., None], half, interpolation=cv2.INTER_AREA)
        colour /= np.maximum(weight, 1e-6)[..., None]
        # A coarse pixel is as sure as it needs to be once a quarter of it is known.
        coarse = push_pull(colour, np.minimum(1.0, 4.0 * weight))
        filled = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    return known[..., None] * image + (1.0 - known[..., None]) * filled
