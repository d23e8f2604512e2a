"""Where the landmarks of the jaw may lie: paths over the head on which the visible outline slides.

Annotators mark the jaw where the head's outline is seen, which is another place on the skin at
every pose. Each jaw landmark gets a path, the cut of the head by the plane through the landmark,
the jaw's normal there and the viewing axis of a frontal photo (the horizontal "parallel lines" of
Zhu et al., CVPR 2015, for the cheeks; upright cuts for the chin). At any pose the landmark is the
point of its path that lies farthest out in the image.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from dagan_tf.simulator.head.morphable_model import MorphableModel

JAW = np.arange(17)
CHIN = 8
PATH_POINTS = 20
# A path ends this part of the way from the jaw to the base of the nose.
INWARD_SHARE = 0.6
# It begins this far behind the frontal outline, in outer-eye distances.
BACK_SHARE = 0.15
_NOSE_BASE = 33


@dataclass(frozen=True, eq=False)
class OutlinePaths:
    """Paths of the jaw landmarks, from the frontal outline towards the middle of the face.

    Attributes:
        normals: (17, 2) float64 unit outward normals of the frontal jaw, x and y of the model.
        mixes: (17 * PATH_POINTS, V) sparse; a path point is this fixed mix of vertices.
    """

    normals: np.ndarray
    mixes: sparse.csr_matrix


def outline_paths(model: MorphableModel) -> OutlinePaths:
    """Cuts the mean head along the paths of its 17 jaw landmarks.

    Args:
        model: the 3D head; its mesh may be open, for example end before the ears.

    Returns:
        The paths; where the head has no surface to slide on, all points are the landmark.
    """
    mean = model.mean.astype(np.float64)
    landmarks = mean[model.landmark_vertices]
    jaw = landmarks[JAW]
    normals = outward_normals(jaw[:, :2])
    edges = _edges(model.triangles)
    size = len(mean)
    back = BACK_SHARE * float(np.linalg.norm(landmarks[36] - landmarks[45]))
    rows = []
    for index in JAW:
        origin, normal = jaw[index], normals[index]
        depth = INWARD_SHARE * float((origin - landmarks[_NOSE_BASE])[:2] @ normal)
        chain = _cut(mean, model.triangles, edges, origin, normal, depth, back)
        if len(chain) < 2:
            fixed = sparse.csr_matrix(([1.0], ([0], [model.landmark_vertices[index]])), (1, size))
            rows.append(sparse.vstack([fixed] * PATH_POINTS))
            continue
        corners = _mixes(chain, size)
        places = corners @ mean
        length = np.append(0.0, np.cumsum(np.linalg.norm(np.diff(places, axis=0), axis=1)))
        begin = _crossing(length, origin[2] - back - places[:, 2])
        end = length[-1] - _crossing(
            length[-1] - length[::-1], ((origin[:2] - places[:, :2]) @ normal - depth)[::-1]
        )
        rows.append(_resample(corners, length, np.linspace(begin, end, PATH_POINTS)))
    return OutlinePaths(normals, sparse.vstack(rows).tocsr())


def outward_normals(jaw: np.ndarray) -> np.ndarray:
    """(17, 2) unit normals of the jaw's outline, (17, 2) points, y up."""
    along = 0.5 * (jaw[2:] - jaw[:-2])
    x, y = np.concatenate([along[:1], along, along[-1:]]).T
    # The jaw runs from the left of the image over the chin to the right: out is on its right.
    return (np.array([y, -x]) / np.sqrt(x * x + y * y)).T


def _edges(triangles: np.ndarray) -> np.ndarray:
    """(T, 3, 2) the edges of each triangle, smaller vertex first."""
    edges = np.stack([triangles, np.roll(triangles, -1, axis=1)], axis=2)
    return np.sort(edges, axis=2).astype(np.int64)


# A point on an edge: (vertex, other vertex, share of the other).
EdgePoint = tuple[int, int, float]


def _cut(
    mean: np.ndarray,
    triangles: np.ndarray,
    edges: np.ndarray,
    origin: np.ndarray,
    normal: np.ndarray,
    depth: float,
    back: float,
) -> list[EdgePoint]:
    """Points where the plane crosses edges, walking from `origin` inwards and to the front."""
    if depth <= 0.0:
        return []
    side = (mean[:, :2] - origin[:2]) @ np.array([-normal[1], normal[0]])
    side = np.where(side == 0.0, 1e-12, side)
    inward = (origin[:2] - mean[:, :2]) @ normal
    # Only the near surface: no farther in than the path may go, and not behind the landmark.
    use = (inward[triangles].min(axis=1) < depth) & (
        mean[triangles, 2].max(axis=1) > origin[2] - back
    )
    use &= inward[triangles].max(axis=1) > -depth
    signs = side[triangles] > 0.0
    use &= signs.any(axis=1) & ~signs.all(axis=1)
    crossing = edges[use]
    cut = (side[crossing[..., 0]] > 0.0) != (side[crossing[..., 1]] > 0.0)
    neighbours: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for pairs, crossed in zip(crossing, cut, strict=True):
        one, other = ((int(a), int(b)) for a, b in pairs[crossed])
        neighbours.setdefault(one, []).append(other)
        neighbours.setdefault(other, []).append(one)
    if not neighbours:
        return []

    def place(edge: tuple[int, int]) -> tuple[float, np.ndarray]:
        a, b = edge
        share = float(side[a] / (side[a] - side[b]))
        return share, (1.0 - share) * mean[a] + share * mean[b]

    points = {edge: place(edge) for edge in neighbours}
    start = min(points, key=lambda edge: float(np.linalg.norm(points[edge][1] - origin)))
    arms = []
    for step in neighbours[start][:2]:
        arm: list[tuple[int, int]] = []
        previous, current = start, step
        while current != start:
            # The first point beyond the limits is kept: the path ends on the way to it.
            arm.append(current)
            point = points[current][1]
            beyond = float((origin - point)[:2] @ normal) > depth or point[2] < origin[2] - back
            ahead = [edge for edge in neighbours[current] if edge != previous]
            if beyond or not ahead:
                break
            previous, current = current, ahead[0]
        arms.append(arm)
    # The arm that comes farther to the front leads inwards, the other one back.
    arms.sort(key=lambda arm: max((float(points[edge][1][2]) for edge in arm), default=-np.inf))
    behind, front = arms if len(arms) == 2 else [[], *arms]
    chain = [*behind[::-1], start, *front]
    return [(a, b, points[a, b][0]) for a, b in chain]


def _mixes(chain: list[EdgePoint], size: int) -> sparse.csr_matrix:
    """(len(chain), size) mixes of vertices."""
    one, other, share = (np.array(values) for values in zip(*chain, strict=True))
    rows = np.arange(len(chain))
    return sparse.csr_matrix(
        (np.append(1.0 - share, share), (np.append(rows, rows), np.append(one, other))),
        (len(chain), size),
    )


def _crossing(length: np.ndarray, excess: np.ndarray) -> float:
    """How far along a chain it comes back within a limit that its first point may exceed."""
    if excess[0] <= 0.0:
        return float(length[0])
    share = excess[0] / (excess[0] - min(excess[1], 0.0))
    return float(length[0] + share * (length[1] - length[0]))


def _resample(
    corners: sparse.csr_matrix, length: np.ndarray, wanted: np.ndarray
) -> sparse.csr_matrix:
    """Mixes at given lengths along a chain."""
    after = np.clip(np.searchsorted(length, wanted), 1, len(length) - 1)
    share = (wanted - length[after - 1]) / np.maximum(length[after] - length[after - 1], 1e-12)
    return sparse.csr_matrix(
        sparse.diags(1.0 - share) @ corners[after - 1] + sparse.diags(share) @ corners[after]
    )
