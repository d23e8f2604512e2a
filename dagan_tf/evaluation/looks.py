"""What the eye holds against a refined face, and a recogniser does not see.

A halo in the backdrop, stains of colour, skin without its finest detail: pure functions of images
in one frame.
"""

from __future__ import annotations

import cv2
import numpy as np

from dagan_tf.core.pixels import to_unit
from dagan_tf.errors import DaganError

# Grey levels within which a pixel is backdrop; where a halo lies, in parts of the side; and the
# part of the image that must be such a ring.
_BACKDROP_LEVELS = 14
_RING = (0.01, 0.07)
_LEAST_RING = 0.01
# Colours are compared over blocks of so many to a side.
_BLOCKS = 28


def backdrop_change(
    simulated: np.ndarray, refined: np.ndarray, yaw: float
) -> tuple[float, float] | None:
    """How far a plain backdrop changed beside the head's outline.

    Args:
        simulated: (S, S, 3) uint8 RGB, before a plain backdrop.
        refined: (S, S, 3) uint8 RGB, the same view refined.
        yaw: degrees; the backdrop's colour is learned in the upper corner the nose points to.

    Returns:
        Mean and 95th percentile of |refined - simulated|, grey levels, over the backdrop's pixels
        that lie 1 to 7 % of the side away from everything else; None if there are hardly any.

    Raises:
        DaganError: shapes that differ or are not square.
    """
    _check(simulated, refined)
    before, after = (image.astype(np.float32) for image in (simulated, refined))
    side = before.shape[0]
    corner = slice(0, side // 8) if yaw < 0 else slice(side - side // 8, side)
    colour = np.median(before[: side // 8, corner].reshape(-1, 3), axis=0)
    plain = (np.abs(before - colour).max(axis=2) < _BACKDROP_LEVELS).astype(np.uint8)
    plain = cv2.morphologyEx(plain, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)).astype(np.uint8)
    away = cv2.distanceTransform(plain, cv2.DIST_L2, 5)
    ring = (away > max(1.0, _RING[0] * side)) & (away < _RING[1] * side)
    if ring.mean() <= _LEAST_RING:
        return None
    change = np.abs(after - before).mean(axis=2)[ring]
    return float(change.mean()), float(np.percentile(change, 95))


def colour_distance(image: np.ndarray, photo: np.ndarray, inside: np.ndarray) -> float:
    """How far the hue of a face is from that of the person's own photo of the same side.

    Args:
        image: (S, S, 3) uint8 RGB.
        photo: (S, S, 3) uint8 RGB, laid onto it (`simulator.registration`).
        inside: (S, S) uint8, 255 where both show the head and are to be compared.

    Returns:
        Mean distance in CIELAB's a* and b* between blocks of S / 28 pixels that lie wholly inside.

    Raises:
        DaganError: shapes that differ or are not square, or no block inside.
    """
    _check(image, photo)
    whole = cv2.resize(
        (inside == 255).astype(np.float32), (_BLOCKS, _BLOCKS), interpolation=cv2.INTER_AREA
    )
    compared = whole > 1.0 - 1e-6
    if not compared.any():
        raise DaganError("inside: expected at least one block of S / 28 pixels, found none")
    hues = [
        cv2.cvtColor(
            cv2.resize(to_unit(one), (_BLOCKS, _BLOCKS), interpolation=cv2.INTER_AREA),
            cv2.COLOR_RGB2LAB,
        )[compared][:, 1:]
        for one in (image, photo)
    ]
    return float(np.linalg.norm(hues[0] - hues[1], axis=1).mean())


def top_octave_power(image: np.ndarray, inside: np.ndarray) -> float:
    """Power of the finest detail: of brightness between half the highest frequency and the highest.

    Args:
        image: (S, S, 3) uint8 RGB.
        inside: (S, S) uint8, 255 where to look.

    Returns:
        Mean square, grey levels squared, of the luma (Rec. 601) less what an image of half
        the side (means of 2 x 2, bilinear back) keeps of it.

    Raises:
        DaganError: no pixel inside.
    """
    chosen = inside == 255
    if not chosen.any():
        raise DaganError("inside: expected a pixel of 255, found none")
    luma = image.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    side = luma.shape[0]
    half = cv2.resize(luma, (side // 2, side // 2), interpolation=cv2.INTER_AREA)
    fine = luma - cv2.resize(half, (side, side), interpolation=cv2.INTER_LINEAR)
    return float(np.square(fine[chosen]).mean())


def _check(first: np.ndarray, second: np.ndarray) -> None:
    shape = first.shape
    if shape != second.shape or len(shape) != 3 or shape[0] != shape[1] or shape[2] != 3:
        raise DaganError(f"images {shape} and {second.shape}: expected (S, S, 3) twice")
