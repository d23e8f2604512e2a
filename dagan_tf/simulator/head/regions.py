"""Where hair grows on a head and where it may stand off it, judged from the landmarks alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

# The hairline in profile: (height above the brow, depth before the ear's front), both in face
# heights (brow to chin). Hair grows behind and above it; before the ear it comes down as a
# sideburn.
_HAIRLINE = (
    (-0.95, -0.80),
    (-0.70, -0.60),
    (-0.55, -0.42),
    (-0.40, -0.31),
    (-0.30, -0.20),
    (-0.18, -0.11),
    (-0.05, -0.01),
    (0.20, 0.14),
    (0.40, 0.38),
    (0.50, 0.70),
    (0.60, 2.0),
)
_SOFTNESS = 0.05
# It ends on the nape between these heights above the brow.
_NAPE = (-0.95, -0.55)
# An ear is an ellipse in profile, leaning back: its centre forward of and below the head's widest
# point and its half axes, in face heights; radians; and where it ends, in its own radii.
_EAR_FORWARD, _EAR_BELOW = 0.088, 0.126
_EAR_AXES = (0.115, 0.205)
_EAR_LEAN = 0.17
_EAR_END = (1.0, 1.12)
# Below the jaw's edge its shade begins between the first two, and fades between the last two of
# these distances, in face heights.
_JAW_EDGE, _JAW_SHADE = (0.0, 0.05), (0.1, 0.75)
# The same where the skin just above the edge is meant, too.
_JAW_ROUNDED = (-0.07, 0.03)
# The face's middle ends between these multiples of the eyes' outer corners' distance from it.
_EYE_SIDE = (0.75, 1.1)
# How far from its landmarks an eyebrow reaches, face heights.
_BROW = 0.05
# An eye ends between these distances from its rim and its middle, face heights.
_LIDS = (0.04, 0.1)
# Of the jaw's slope: where it begins and ends below the jaw's edge (above it, if negative), before
# the ear and behind the tip of the chin, face heights.
_SLOPE_BEGINS, _SLOPE_ENDS = (-0.30, -0.18), (0.05, 0.14)
_SLOPE_BEFORE_EAR, _SLOPE_BEHIND_CHIN = (0.0, 0.12), (0.0, 0.08)
# What lies beside the nose, in profile, at each of these levels: from so far behind to so far
# before a landmark (39 inner corner of the eye, 31 wing, 48 corner of the mouth), face heights; and
# over how much of them it ends.
_BESIDE_NOSE = (
    (-0.01, 39, 0.13, 0.05),
    (0.05, 31, 0.13, 0.03),
    (-0.06, 31, 0.14, 0.01),
    (0.03, 48, 0.12, -0.02),
)
_BESIDE_END = 0.025
# The skin under an eye: it begins and ends so far below the lower lid, and beside its ends, face
# heights.
_UNDER_LID, _UNDER_ENDS, _UNDER_BESIDE = (0.005, 0.025), (0.09, 0.14), (0.0, 0.05)
# The lower face begins below the brows between these distances, face heights.
_LOWER_FACE = (0.02, 0.09)
# The mouth ends between these multiples of the lips' half axes.
_LIPS = (1.0, 1.4)


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
        grows: (V,) float32 in [0, 1], how far it may be moved outwards to it: 0 below the ears.
        ear: (V,) float32 in [0, 1], 1 on the ears, their hollows included.
        front: (V,) float32 in [0, 1], 1 on the face; 0 behind the jaw's corners and on the neck.
        mouth: (V,) float32 in [0, 1], 1 on the lips and what is seen between them.
        eyes: (V,) float32 in [0, 1], 1 on the eyes and their lids.
        middle: (V,) float32 in [0, 1], 1 between the eyes' outer corners, 0 beside them.
        under_jaw: (V,) float32 in [0, 1], how deep in the shade of the jaw: 1 just below its edge,
            less down the neck; 0 on face, ears and hair.
        jaw_edge: (V,) float32 in [0, 1], the same with the rounded edge itself.
        jaw_slope: (V,) float32 in [0, 1], 1 on the side of the jaw, down to its edge.
        beside_nose: (V,) float32 in [0, 1], 1 on the slope from the nose down to the cheek, from
            below the inner corner of the eye to the corner of the mouth; 0 on lids and lips.
        under_eyes: (V,) float32 in [0, 1], 1 on the skin under the lower lids.
        lower_face: (V,) float32 in [0, 1], 1 on what is below the brows, the neck included.
        skull: (V,) bool, above the chin.
        brows: (V,) bool, at the eyebrows.
        scalp: (V,) bool, above the brows, where everybody has hair who has any.
        height: brow to chin, model units.
    """

    hair: np.ndarray
    loose: np.ndarray
    grows: np.ndarray
    ear: np.ndarray
    front: np.ndarray
    mouth: np.ndarray
    eyes: np.ndarray
    middle: np.ndarray
    under_jaw: np.ndarray
    jaw_edge: np.ndarray
    jaw_slope: np.ndarray
    beside_nose: np.ndarray
    under_eyes: np.ndarray
    lower_face: np.ndarray
    skull: np.ndarray
    brows: np.ndarray
    scalp: np.ndarray
    height: float

    @property
    def skin(self) -> np.ndarray:
        """(V,) float32 in [0, 1], 1 on the bare skin of lower face and neck."""
        return np.asarray(self.lower_face * (1.0 - self.hair) * (1.0 - self.mouth))


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
    # Thin on the nape, where it ends.
    hair *= smoothstep(brow + _NAPE[0] * height, brow + _NAPE[1] * height, y)
    tip = mean[[mean[:, 0].argmin(), mean[:, 0].argmax()], 1:].astype(np.float64).mean(axis=0)
    forward = (z - tip[1]) / height - _EAR_FORWARD
    below = (tip[0] - y) / height - _EAR_BELOW
    across = np.cos(_EAR_LEAN) * forward - np.sin(_EAR_LEAN) * below
    along = np.sin(_EAR_LEAN) * forward + np.cos(_EAR_LEAN) * below
    from_middle = np.hypot(across / _EAR_AXES[0], along / _EAR_AXES[1])
    ear_share = 1.0 - smoothstep(*_EAR_END, from_middle)
    hair *= 1.0 - ear_share
    sides = smoothstep(-(ear + 0.12 * height), -(ear - 0.10 * height), -z)
    top = smoothstep(brow + 0.30 * height, brow + 0.62 * height, y)
    loose = np.maximum(sides, top) * smoothstep(chin, mouth, y)
    # Below the ears hair hangs free of the head: a jaw or neck grown out to it would be skin.
    grows = smoothstep(mouth + 0.15 * height, mouth + 0.45 * height, y)
    front = smoothstep(ear, ear + 0.15 * height, z) * smoothstep(chin, chin + 0.1 * height, y)
    lips = points[48:60]
    away = (mean[:, :2] - lips[:, :2].mean(axis=0)) / (0.5 * np.ptp(lips[:, :2], axis=0))
    lips_share = 1.0 - smoothstep(*_LIPS, np.hypot(away[:, 0], away[:, 1]))
    lips_share *= z > lips[:, 2].min() - 0.1 * height
    bare = (1.0 - hair) * (1.0 - ear_share)
    eyes = float(np.abs(points[[36, 45], 0]).mean())
    return HeadRegions(
        hair=hair.astype(np.float32),
        loose=loose.astype(np.float32),
        grows=grows.astype(np.float32),
        ear=ear_share.astype(np.float32),
        front=front.astype(np.float32),
        mouth=lips_share.astype(np.float32),
        eyes=_eyes(mean, points, height),
        middle=(1.0 - smoothstep(*_EYE_SIDE, np.abs(mean[:, 0]) / eyes)).astype(np.float32),
        under_jaw=(_below_jaw(mean, points, height, _JAW_EDGE) * bare).astype(np.float32),
        jaw_edge=(_below_jaw(mean, points, height, _JAW_ROUNDED) * bare).astype(np.float32),
        jaw_slope=_jaw_slope(mean, points, height).astype(np.float32),
        beside_nose=_beside_nose(mean, points, height).astype(np.float32),
        under_eyes=_under_eyes(mean, points, height).astype(np.float32),
        lower_face=smoothstep(*_LOWER_FACE, (brow - y) / height).astype(np.float32),
        skull=y > chin,
        brows=_near(mean, points[17:27], _BROW * height),
        scalp=(hair > 0.95) & (y > brow - 0.1 * height),
        height=height,
    )


def _near(mean: np.ndarray, points: np.ndarray, distance: float) -> np.ndarray:
    """(V,) bool: no farther than this from one of the points, or from midway between two."""
    places = np.concatenate([points, 0.5 * (points[1:] + points[:-1])])
    return np.asarray(cKDTree(places).query(mean)[0] < distance)


def _eyes(mean: np.ndarray, points: np.ndarray, height: float) -> np.ndarray:
    middles = [points[36:42].mean(axis=0), points[42:48].mean(axis=0)]
    away = cKDTree(np.concatenate([points[36:48], middles])).query(mean)[0] / height
    return (1.0 - smoothstep(*_LIDS, away)).astype(np.float32)


def _beside_nose(mean: np.ndarray, points: np.ndarray, height: float) -> np.ndarray:
    """(V,) in [0, 1]: a band in profile from the eye's inner corner by the wing to the mouth."""
    lids = points[[40, 41, 46, 47], 1].min()
    levels, backs, fronts = [], [], []
    for above, mark, behind, before in _BESIDE_NOSE:
        place = points[mark]
        levels.append((lids if mark == 39 else place[1]) + above * height)
        backs.append(place[2] - behind * height)
        fronts.append(place[2] + before * height)
    y, z = mean[:, 1], mean[:, 2]
    end = _BESIDE_END * height
    inside = smoothstep(levels[-1] - end, levels[-1] + end, y)
    inside *= 1.0 - smoothstep(levels[0] - end, levels[0] + end, y)
    # np.interp wants levels that rise.
    back, front = (np.interp(y, levels[::-1], depths[::-1]) for depths in (backs, fronts))
    return (
        inside
        * smoothstep(back - end, back + end, z)
        * (1.0 - smoothstep(front - end, front + end, z))
    )


def _under_eyes(mean: np.ndarray, points: np.ndarray, height: float) -> np.ndarray:
    """(V,) in [0, 1]: the skin under the lower lids."""
    out = np.zeros(len(mean))
    for lid in ([36, 41, 40, 39], [42, 47, 46, 45]):
        x, y = points[lid, :2].T
        below = (np.interp(mean[:, 0], x, y) - mean[:, 1]) / height
        beside = np.maximum(x[0] - mean[:, 0], mean[:, 0] - x[-1]) / height
        inside = smoothstep(*_UNDER_LID, below) * (1.0 - smoothstep(*_UNDER_ENDS, below))
        out = np.maximum(out, inside * (1.0 - smoothstep(*_UNDER_BESIDE, beside)))
    return out * (mean[:, 2] > points[[36, 45], 2].min() - 0.1 * height)


def _below_jaw(
    mean: np.ndarray, points: np.ndarray, height: float, begins: tuple[float, float]
) -> np.ndarray:
    """(V,) in [0, 1]: the shade of the jaw."""
    below = _under(mean, points, height)
    behind_chin = smoothstep(-0.1, 0.05, (points[8, 2] - mean[:, 2]) / height - 0.12)
    return smoothstep(*begins, below) * (1.0 - smoothstep(*_JAW_SHADE, below)) * behind_chin


def _jaw_slope(mean: np.ndarray, points: np.ndarray, height: float) -> np.ndarray:
    below = _under(mean, points, height)
    before_ear = (mean[:, 2] - points[[0, 16], 2].mean()) / height
    behind_chin = (points[8, 2] - mean[:, 2]) / height
    along = smoothstep(*_SLOPE_BEFORE_EAR, before_ear) * smoothstep(
        *_SLOPE_BEHIND_CHIN, behind_chin
    )
    return along * smoothstep(*_SLOPE_BEGINS, below) * (1.0 - smoothstep(*_SLOPE_ENDS, below))


def _under(mean: np.ndarray, points: np.ndarray, height: float) -> np.ndarray:
    """(V,), face heights below a line in profile from the ear to the jaw's corner to the chin."""
    ear, mouth = points[[0, 16], 2].mean(), points[48:60, 1].mean()
    depths = [ear - 0.2 * height, ear - 0.05 * height, points[8, 2] - 0.12 * height]
    levels = [mouth + 0.35 * height, mouth - 0.08 * height, points[8, 1] - 0.02 * height]
    return np.asarray((np.interp(mean[:, 2], depths, levels) - mean[:, 1]) / height)
