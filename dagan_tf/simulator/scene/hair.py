"""Gives a fitted head the outline that the photo shows: hair stands off the skull, or hides ears.

The landmarks tell the face's shape but neither how far the hair stands out nor how the ears lie.
The photo's outline of the person does: the loose parts of the head are moved along rays from the
skull's centre until both outlines agree. So hair turns with the head, as a solid, instead of being
left behind in the background.
"""

from __future__ import annotations

import numpy as np

from dagan_tf.simulator.head.regions import HeadRegions, smoothstep
from dagan_tf.simulator.scene.outline import along_rays, outline_radii, smooth_radii

# A head is grown or shrunk by no more than this towards the person's outline.
LEAST_GROWTH, MOST_GROWTH = 0.86, 1.45
# Towards the axis of view the outline says nothing; there the head grows by the mean of the upper
# outline. Shares of the outline's radius between which the one gives way to the other.
_AXIS = (0.25, 0.7)
# An outline this near to the photo's end, pixels, is the photo's and not the head's.
_CUT = 2.0


def growth_along_rays(
    inner: np.ndarray, person: np.ndarray, centre: np.ndarray, shown: np.ndarray
) -> np.ndarray:
    """How much farther out the person's outline lies than the head's.

    Args:
        inner: (180,) the head's outline, what `outline_radii` returned.
        person: (H, W) bool, the person.
        centre: (2,) the skull's centre, pixels.
        shown: (H, W) bool, what lies inside the photo.

    Returns:
        (180,) ratios in [0.86, 1.45]; 1 where the person reaches the image's edge. Where the photo
        ends on the head, as on the next rays whose outline it shows, but at least up to that end.
    """
    outer = outline_radii(person & shown, centre)
    ratio = np.divide(outer, inner, out=np.ones_like(outer), where=np.isfinite(outer + inner))
    end = outline_radii(shown, centre)
    cut = np.isfinite(end) & (outer > end - _CUT)
    if cut.any():
        rays = np.arange(len(ratio))
        beside = 1.0
        if not cut.all():
            beside = np.interp(rays, rays[~cut], ratio[~cut], period=len(rays))
        ratio = np.where(cut, np.maximum(beside, ratio), ratio)
    return smooth_radii(np.clip(ratio, LEAST_GROWTH, MOST_GROWTH))


def fit_outline(
    projected: np.ndarray, regions: HeadRegions, growth: np.ndarray, radii: np.ndarray
) -> np.ndarray:
    """Moves the loose parts of a head so that its outline becomes the person's.

    Args:
        projected: (V, 3) the head in camera axes, pixels (x right, y down, z to the viewer).
        regions: of the head.
        growth: (180,) what `growth_along_rays` returned.
        radii: (180,) the head's own outline, pixels, finite.

    Returns:
        (V, 3) float32, the same axes.
    """
    centre = projected[regions.skull].mean(axis=0).astype(np.float64)
    offset = projected - centre
    ahead = np.hypot(offset[:, 0], offset[:, 1]) / along_rays(radii, offset)
    near_outline = smoothstep(*_AXIS, ahead)
    upper = growth[len(growth) // 2 :].mean()
    factor = near_outline * along_rays(growth, offset) + (1.0 - near_outline) * upper
    outwards = regions.grows * np.maximum(factor - 1.0, 0.0)
    growing = regions.loose * (outwards + np.minimum(factor - 1.0, 0.0))
    moved = offset * growing[:, None]
    for ear in (regions.ear * (offset[:, 0] < 0), regions.ear * (offset[:, 0] >= 0)):
        # Each as a whole: stretched along the rays it would have a point.
        whole = (ear[:, None] * moved).sum(axis=0) / max(float(ear.sum()), 1e-6)
        moved += ear[:, None] * (whole - moved)
    return (centre + offset + moved).astype(np.float32)
