"""Eyes that stand out as eyeballs do: a head's own are flat, and slits in profile.

An eyeball is a sphere of 12 mm radius; seen from the side its front stands some 10 mm before the
outer corner of the lids, which are drawn over it. The packaged head has half of that. Its front
view does not change: all moves along the depth of the head.
"""

from __future__ import annotations

import numpy as np

# The lids' landmarks of each eye, the outer corner's first (of the right eye) or fourth.
_EYES = ((slice(36, 42), 36), (slice(42, 48), 45))
# How far the middle of an eye comes forward, the region around it goes back and, on top of that,
# its outer corner, in heights nasion to chin; judged blind, by eye beside real profiles.
_FORWARD, _BACK, _CORNER = 0.06, -0.03, -0.02
# Half-widths over which each of them fades, in halves of the eye's width, across and along.
_EYEBALL, _SOCKET, _CANTHUS = (0.82, 0.61), (1.6, 1.5), (0.6, 0.6)


def round_eyes(vertices: np.ndarray, landmarks: np.ndarray, share: float) -> np.ndarray:
    """Brings the middle of both eyes forward and their outer corners back.

    Args:
        vertices: (V, 3) float32 of a head, x to the subject's left, y up, z out of the face.
        landmarks: (68, 3) its landmarks.
        share: in [0, 1], how far; 0 leaves the head as it is.

    Returns:
        (V, 3) float32.
    """
    height = float(landmarks[27, 1] - landmarks[8, 1])
    moved = np.zeros(len(vertices))
    for lids, corner in _EYES:
        ring = landmarks[lids]
        middle, half = ring.mean(axis=0), np.abs(ring[0, 0] - ring[3, 0]) / 2.0
        for depth, about, (across, along) in (
            (_FORWARD, middle, _EYEBALL),
            (_BACK, middle, _SOCKET),
            (_CORNER, landmarks[corner], _CANTHUS),
        ):
            off = (vertices[:, :2] - about[:2]) / (half * np.array([across, along]))
            moved += depth * np.exp(-np.square(off).sum(axis=1))
    out = vertices.copy()
    out[:, 2] += (share * height * moved).astype(np.float32)
    return out
