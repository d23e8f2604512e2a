"""What the simulator asks of a triangle mesh: neighbours, normals, open edge, smooth filling."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sparse
from scipy.sparse.linalg import splu
from scipy.spatial import cKDTree


def edges(triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sides of (T, 3) triangles: (E, 2) vertices, each side once, and (E,) of how many it is one.

    Those of one triangle alone are the rim of an open mesh.
    """
    sides = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    return np.unique(np.sort(sides, axis=1), axis=0, return_counts=True)


class Mesh:
    """Connectivity of a head, worked out once a model.

    Attributes:
        triangles: (T, 3) int32.
        edges: (E, 2) int64, vertices that are neighbours.
        size: V, how many vertices there are.
        rim_distance: (V,) float32, from the cut through the neck, model units; infinite without.
    """

    def __init__(self, vertices: np.ndarray, triangles: np.ndarray):
        """Works out edges, neighbours and the distance from the rim.

        Args:
            vertices: (V, 3) float32 rest shape, model units.
            triangles: (T, 3) int32.
        """
        self.triangles = np.ascontiguousarray(triangles, np.int32)
        self.size = len(vertices)
        ends, uses = edges(triangles)
        weights = np.ones(2 * len(ends))
        pairs = np.concatenate([ends, ends[:, ::-1]]).astype(np.int64)
        adjacency = sparse.csr_matrix((weights, pairs.T), shape=(self.size, self.size))
        degree = np.maximum(np.asarray(adjacency.sum(axis=1)).ravel(), 1.0)
        self._average = (sparse.diags(1.0 / degree) @ adjacency).tocsr().astype(np.float32)
        self.edges = ends.astype(np.int64)
        self._corners = sparse.csr_matrix(
            (
                np.ones(3 * len(triangles), np.float32),
                (triangles.T.ravel(), np.tile(np.arange(len(triangles)), 3)),
            ),
            shape=(self.size, len(triangles)),
        )
        rim = np.unique(ends[uses == 1])
        # The cut through the neck; an open edge higher up (an eye, a mouth) is no end of the head.
        rim = rim[vertices[rim, 1] < vertices[:, 1].mean()]
        if len(rim):
            self.rim_distance = cKDTree(vertices[rim]).query(vertices)[0].astype(np.float32)
        else:
            self.rim_distance = np.full(self.size, np.inf, np.float32)
        outward = vertices - vertices.mean(axis=0)
        self._sign = 1.0
        self._sign = float(np.sign((self.normals(vertices) * outward).sum())) or 1.0

    def front_facing(self, projected: np.ndarray) -> np.ndarray:
        """The triangles (N, 3) whose outer side is visible.

        Args:
            projected: (V, 3) in the image: x right, y down, pixels.
        """
        first, second, third = (projected[self.triangles[:, k], :2] for k in range(3))
        along, across = second - first, third - first
        area = along[:, 0] * across[:, 1] - along[:, 1] * across[:, 0]
        # y points down in images: what is counterclockwise from outside has a negative area.
        return self.triangles[self._sign * area < 0.0]

    def normals(self, vertices: np.ndarray) -> np.ndarray:
        """(V, 3) float32 unit normals that point outwards, for any positions of the vertices."""
        places = np.asarray(vertices, np.float32)
        a, b, c = (places[self.triangles[:, k]] for k in range(3))
        (ux, uy, uz), (vx, vy, vz) = (b - a).T, (c - a).T
        faces = np.stack([uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx], axis=1)
        normals = np.float32(self._sign) * (self._corners @ faces)
        length = np.sqrt((normals * normals).sum(axis=1, keepdims=True))
        return np.asarray(normals / np.maximum(length, 1e-12), np.float32)

    def smooth(self, values: np.ndarray, rounds: int = 1) -> np.ndarray:
        """(V,) or (V, C): values moved halfway to the mean of their neighbours, `rounds` times."""
        for _ in range(rounds):
            values = 0.5 * values + 0.5 * (self._average @ values)
        return values

    def least_around(self, values: np.ndarray) -> np.ndarray:
        """(V,): the least of each value and its neighbours'."""
        out = values.copy()
        first, second = self.edges.T
        np.minimum.at(out, first, values[second])
        np.minimum.at(out, second, values[first])
        return out

    def fill(self, values: np.ndarray, confidence: np.ndarray, region: np.ndarray) -> np.ndarray:
        """The smoothest values that agree with the given ones where these are certain.

        Minimises sum c (x - v)^2 + sum over edges w (x_i - x_j)^2, where w is 0.05 inside a
        region and 0.000001 across regions.

        Args:
            values: (V, C) float32.
            confidence: (V,) in [0, 1]; 0 means the value is unknown.
            region: (V,) bool; values spread freely only among vertices that agree in it.

        Returns:
            (V, C) float32.
        """
        first, second = self.edges.T
        weights = np.where(region[first] == region[second], 0.05, 1e-6)
        known = confidence.astype(np.float64) + 1e-9
        diagonal = known + np.bincount(first, weights, self.size)
        diagonal += np.bincount(second, weights, self.size)
        across = sparse.csc_matrix((weights, (first, second)), shape=(self.size, self.size))
        system = (sparse.diags(diagonal) - across - across.T).tocsc()
        return (
            splu(system, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True})
            .solve(known[:, None] * values.astype(np.float64))
            .astype(np.float32)
        )
