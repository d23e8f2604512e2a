"""How round eyes and mouth are, which a front does not tell and the packaged head has too flat.

An eyeball is a sphere of 12 mm radius; seen from the side its front stands some 10 mm before the
outer corner of the lids, which are drawn over it. Lips follow the arch of the teeth: their corners
lie some 18 mm behind their middle. The head has half of either, so that its profiles had slits for
eyes and a pinched mouth. All moves along the depth of the head: its front view stays.

From the side, besides, an eyeball hides the inner corner of its lids. Judges like that in profiles
and not at 45 or 60 degrees.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class _Move(NamedTuple):
    """What goes how far.

    Attributes:
        middle: landmarks whose mean is the middle of what moves.
        ends: two landmarks as far apart as the eye or the mouth is wide.
        depth: heights nasion to chin, > 0 forward; judged blind, beside real profiles.
        across: half-width over which it fades, in halves of that width.
        along: the same up and down.
    """

    middle: tuple[int, ...]
    ends: tuple[int, int]
    depth: float
    across: float
    along: float


def _eye(lids: tuple[int, ...], outer: int) -> tuple[_Move, ...]:
    ends = lids[0], lids[3]
    return (
        _Move(lids, ends, 0.055, 0.82, 0.61),
        # The region around the eye, then its outer corner on top of that.
        _Move(lids, ends, -0.055, 1.3, 1.2),
        _Move((outer,), ends, -0.02, 0.6, 0.6),
    )


def _eye_in_profile(lids: tuple[int, ...], inner: int) -> tuple[_Move, ...]:
    ends = lids[0], lids[3]
    return _Move(lids, ends, 0.015, 0.82, 0.61), _Move((inner,), ends, -0.045, 0.5, 0.6)


_MOUTH = 48, 54
_MOVES = (
    *_eye(tuple(range(36, 42)), 36),
    *_eye(tuple(range(42, 48)), 45),
    *(_Move((corner,), _MOUTH, -0.045, 0.55, 0.5) for corner in _MOUTH),
    _Move((51, 57), _MOUTH, 0.015, 0.6, 0.35),
)
_PROFILE_MOVES = (
    *_eye_in_profile(tuple(range(36, 42)), 39),
    *_eye_in_profile(tuple(range(42, 48)), 42),
)


def round_features(vertices: np.ndarray, landmarks: np.ndarray, share: float) -> np.ndarray:
    """Brings eyes and lips forward in their middle, and back at their corners.

    Args:
        vertices: (V, 3) float32 of a head, x to the subject's left, y up, z out of the face.
        landmarks: (68, 3) its landmarks.
        share: in [0, 1], how far; 0 leaves the head as it is.

    Returns:
        (V, 3) float32.
    """
    out = vertices.copy()
    out[:, 2] += np.float32(share) * _forward(_MOVES, vertices, landmarks)
    return out


def eyes_in_profile(vertices: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """(V,) float32, how far forward a profile has what `round_features` returned, besides."""
    return _forward(_PROFILE_MOVES, vertices, landmarks)


def _forward(moves: tuple[_Move, ...], vertices: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    height = float(landmarks[27, 1] - landmarks[8, 1])
    moved = np.zeros(len(vertices))
    for move in moves:
        first, last = move.ends
        half = abs(float(landmarks[first, 0] - landmarks[last, 0])) / 2.0
        middle = landmarks[list(move.middle), :2].mean(axis=0)
        off = (vertices[:, :2] - middle) / (half * np.array([move.across, move.along]))
        moved += move.depth * np.exp(-np.square(off).sum(axis=1))
    return (height * moved).astype(np.float32)
