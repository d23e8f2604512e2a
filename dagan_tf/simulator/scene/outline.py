"""The outline of a head or a person in an image, as a distance along rays from a centre."""

from __future__ import annotations

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter1d

RAYS = 180
# Steps along a ray a pixel of the mask.
_STEPS = 2.0
# Rays over which the outline is smoothed (standard deviation): a warp built on it has no creases.
_SMOOTHING = 2.0


def ray_directions() -> np.ndarray:
    """(180, 2) unit vectors; ray k points 2 k degrees from +x towards +y (down)."""
    angle = np.arange(RAYS) * (2.0 * np.pi / RAYS)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def outline_radii(mask: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Distance from a centre to where each ray first leaves a mask.

    Args:
        mask: (H, W) bool.
        centre: (2,) pixel (x, y) inside the mask.

    Returns:
        (180,) float64 pixels, for the rays of `ray_directions`; inf where a ray leaves the image
        before it leaves the mask.
    """
    height, width = mask.shape
    reach = int(np.ceil(np.hypot(height, width)))
    polar = cv2.warpPolar(
        mask.astype(np.uint8),
        (round(_STEPS * reach), RAYS),
        (float(centre[0]), float(centre[1])),
        reach,
        cv2.INTER_NEAREST | cv2.WARP_FILL_OUTLIERS,
    )
    # The mask ends half-way between its last pixel and the next.
    radii = np.argmin(polar, axis=1) / _STEPS - 0.5
    left = np.array(ray_directions())
    at = centre + (radii[:, None] + 1.0) * left
    outside = (at < 0).any(axis=1) | (at > [width - 1, height - 1]).any(axis=1)
    return np.where(outside, np.inf, np.maximum(radii, 0.5))


def smooth_radii(radii: np.ndarray) -> np.ndarray:
    """Finite (180,) radii smoothed by a few degrees."""
    return gaussian_filter1d(radii, _SMOOTHING, mode="wrap")


def along_rays(values: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Values of rays at given directions.

    Args:
        values: (180,) one a ray.
        offsets: (N, 2) from the rays' centre, x right, y down.

    Returns:
        (N,) linear between neighbouring rays.
    """
    ray = np.degrees(np.arctan2(offsets[:, 1], offsets[:, 0])) * (RAYS / 360.0)
    return np.interp(ray, np.arange(RAYS), values, period=RAYS)


def finite_radii(radii: np.ndarray) -> np.ndarray:
    """Smoothed radii; where a head reaches the image's edge, the largest that is known."""
    known = radii[np.isfinite(radii)]
    return smooth_radii(np.where(np.isfinite(radii), radii, known.max() if len(known) else 1.0))
