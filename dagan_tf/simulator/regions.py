"""Where hair grows on a head and where it may stand off it, judged from the landmarks alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# The hairline in profile: (height above the brow, depth before the ear's front), both in face
# heights (brow to chin). Hair grows behind and above it.
_HAIRLINE = (
    (-0.62, -0.75),
    (-0.55, -0.42),
    (-0.20, -0.28),
    (-0.05, -0.02),
    (0.20, 0.12),
    (0.40, 0.38),
    (0.50, 0.70),
    (0.60, 2.0),
)
_SOFTNESS = 0.05


def smoothstep(low: float, high: float, values: np.ndarray | float) -> np.ndarray:
    """0 below `low`, 1 above `high`, a smooth cubic between."""
    t = np.clip((values - low) / (high - low), 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t))


@dataclass(frozen=True, eq=False)
class HeadRegions:
    """Parts of a head.

    Attributes:
        hair: (V,) float32 in [0, 1], 1 where hair grows.
        loose: (V,) float32 in [0, 1], how far the surface may be moved to the outline that is
            seen: 1 on scalp and ears, whose shape the landmarks do not tell; 0 on the face.
        ear: (V,) float32 in [0, 1], 1 about where the head is widest.
        skull: (V,) bool, above the chin.
        height: brow to chin, model units.
    """

    hair: np.ndarray
    loose: np.ndarray
    ear: np.ndarray
    skull: np.ndarray
    height: float


def head_regions(mean: np.ndarray, landmark_vertices: np.ndarray) -> HeadRegions:
    """Divides a head.

    Args:
        mean: (V, 3) the mean head, y up, z out of the face.
        landmark_vertices: (68,) its iBUG landmarks.

    Returns:
        The regions.
    """
    points = mean[landmark_vertices].astype(np.float64)
    brow, chin, mouth = points[17:27, 1].mean(), points[8, 1], points[48:60, 1].mean()
    height, ear = float(brow - chin), points[[0, 16], 2].mean()
    y, z = mean[:, 1].astype(np.float64), mean[:, 2].astype(np.float64)
    levels, depths = np.array(_HAIRLINE).T
    hairline = ear + height * np.interp((y - brow) / height, levels, depths)
    hair = smoothstep(-_SOFTNESS * height, _SOFTNESS * height, hairline - z)
    hair *= y > brow + levels[0] * height
    tips = mean[[mean[:, 0].argmin(), mean[:, 0].argmax()]].astype(np.float64)
    from_tip = np.linalg.norm(mean[:, None] - tips, axis=2).min(axis=1)
    ear_share = 1.0 - smoothstep(0.12 * height, 0.20 * height, from_tip)
    hair *= 1.0 - ear_share
    sides = smoothstep(-(ear + 0.12 * height), -(ear - 0.10 * height), -z)
    top = smoothstep(brow + 0.30 * height, brow + 0.62 * height, y)
    loose = np.maximum(sides, top) * smoothstep(chin, mouth, y)
    return HeadRegions(
        hair=hair.astype(np.float32),
        loose=loose.astype(np.float32),
        ear=ear_share.astype(np.float32),
        skull=y > chin,
        height=height,
    )
