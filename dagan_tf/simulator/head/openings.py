"""Openings of a head mesh: finding its boundary loops, closing eyes and mouth, mirror partners."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

# Openings of eyes and mouth are shorter than this; what is longer or longest (the neck, the
# outline of a mask) stays open.
_LONGEST_FILLED_LOOP = 120
# Farthest a mirrored vertex may lie from its partner, in units of the model's height.
_MIRROR_TOLERANCE = 0.005


def boundary_loops(triangles: np.ndarray) -> list[np.ndarray]:
    """Closed chains of the edges that only one triangle uses.

    Args:
        triangles: (T, 3) vertex indices.

    Returns:
        Vertex indices of each loop, int32, in the direction of its triangles; the longest first.
    """
    edges = {
        (int(a), int(b))
        for corners in ((0, 1), (1, 2), (2, 0))
        for a, b in triangles[:, list(corners)]
    }
    follow = {a: b for a, b in edges if (b, a) not in edges}
    loops = []
    while follow:
        start = min(follow)
        loop = [start]
        after = follow.pop(start)
        while after != start and after in follow:
            loop.append(after)
            after = follow.pop(after)
        if after == start and len(loop) >= 3:
            loops.append(np.array(loop, np.int32))
    return sorted(loops, key=len, reverse=True)


def openings_to_close(mean: np.ndarray, triangles: np.ndarray) -> list[np.ndarray]:
    """The boundary loops of at most 120 edges, but for the outermost one.

    The outermost is the one of the greatest length in space (the neck of a head, the outline of
    a mask); of equal ones the lowest.

    Args:
        mean: (V, 3) vertices.
        triangles: (T, 3) vertex indices.

    Returns:
        Vertex indices of each loop, int32.
    """
    loops = boundary_loops(triangles)
    if not loops:
        return []

    def extent(loop: np.ndarray) -> tuple[float, float]:
        points = mean[loop].astype(np.float64)
        length = np.linalg.norm(points - np.roll(points, 1, axis=0), axis=1).sum()
        return round(float(length), 9), -float(points[:, 1].mean())

    outermost = max(loops, key=extent)
    return [x for x in loops if x is not outermost and len(x) <= _LONGEST_FILLED_LOOP]


def fans(openings: list[np.ndarray], size: int) -> np.ndarray:
    """Triangles that close loops by fans around new vertices `size`, `size + 1`, ...

    Args:
        openings: vertex indices of each loop, at least one loop.
        size: vertices of the mesh.

    Returns:
        (N, 3) int32.
    """
    # Against the rim's direction, so that the fan faces the way its surroundings do.
    parts = [
        np.stack([np.roll(loop, -1), loop, np.full_like(loop, size + i)], axis=1)
        for i, loop in enumerate(openings)
    ]
    return np.concatenate(parts)


def mirror_of_fans(mirror: np.ndarray, openings: list[np.ndarray]) -> np.ndarray | None:
    """Mirror partners with the fans' centres appended; None if a loop has no mirrored loop."""
    rims = [frozenset(loop.tolist()) for loop in openings]
    partners = [frozenset(mirror[loop].tolist()) for loop in openings]
    if not all(partner in rims for partner in partners):
        return None
    added = [len(mirror) + rims.index(partner) for partner in partners]
    return np.concatenate([mirror, np.array(added, np.int32)])


def mirror_by_position(mean: np.ndarray, middle: float) -> np.ndarray | None:
    """Each vertex's partner on the other side, found by position.

    Args:
        mean: (V, 3) vertices.
        middle: x of the plane of symmetry.

    Returns:
        (V,) int32, or None for a mesh that is not symmetric.
    """
    flipped = (mean - [middle, 0, 0]) * [-1, 1, 1] + [middle, 0, 0]
    distance, partner = cKDTree(mean).query(flipped)
    if distance.max() > _MIRROR_TOLERANCE * np.ptp(mean[:, 1]):
        return None
    return partner.astype(np.int32)
