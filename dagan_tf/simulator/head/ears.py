"""Ears of finer triangles than a head's own, laid on it where its own are drawn flat.

A head's ear of a few hundred triangles has corners in profile and folds like a sketch. The packaged
ear (assets/HEAD.md) is one patch, the same for everybody in its folds; where it lies and how far it
stands off are the head's. It dives under the skin all around, so that it needs no seam.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sparse
from scipy.sparse.linalg import splu
from scipy.spatial import cKDTree

from dagan_tf.simulator.head.mesh import Mesh, edges
from dagan_tf.simulator.head.packaged import read_packaged
from dagan_tf.simulator.head.regions import HeadRegions

# A vertex is the own ear's where that is more of the region, and so many edges around: below the
# lobe the head has a notch.
_EAR, _AROUND = 0.02, 2
# The patch stands off as an ear above the second of these, face heights. What lies lower than the
# first, outside and behind such a place and no farther from it than the third is the ear's back:
# it is tucked in under the edge, for no strip of it to show beyond the ear in profile.
_LOW, _HIGH, _BACK = 0.04, 0.05, 0.12
# The patch is the ear's own so far from its rim, face heights, and nearer to it more and more the
# head's.
_OWN = 0.03
# A person's ears stand off their head by at least and at most so much of the mean head's.
_STANDS_OFF = (0.7, 1.3)
_ASSET = "ear.npz"


@dataclass(frozen=True, eq=False)
class Ear:
    """A patch in the shape of a left ear.

    Attributes:
        places: (N, 3) float32 face heights (brow to chin): behind the jaw's upper end, below the
            brow, and off the skin, < 0 under it.
        triangles: (M, 3) int32, counter-clockwise seen from outside.
        light: (N,) float32, light that it gets over that of the skin around it.
    """

    places: np.ndarray
    triangles: np.ndarray
    light: np.ndarray

    @classmethod
    def load(cls) -> Ear:
        """The packaged patch, which is laid where the packaged head has its ears."""
        arrays = read_packaged(_ASSET)
        return cls(
            arrays["places"].astype(np.float32),
            arrays["triangles"].astype(np.int32),
            arrays["light"].astype(np.float32),
        )


class LaidEars:
    """How the patch lies on a head, both sides; worked out once a model.

    Attributes:
        flat: (E,) int64, the head's vertices that are drawn flat.
        triangles: (T + 2 M, 3) int32, the head's, then the patches', left and right.
        own: (2 N,) float32 in [0, 1], how far the patches are the ear's; 0 on their rims.
        light: (2 N,) float32, light that they get over that of the skin around them.
    """

    def __init__(
        self, ear: Ear, mean: np.ndarray, mesh: Mesh, mirror: np.ndarray,
        landmark_vertices: np.ndarray, regions: HeadRegions,
    ):  # fmt: skip
        """Finds what to draw flat and where the patch is fastened.

        Args:
            ear: the patch.
            mean: (V, 3) the mean head, y up, z out of the face.
            mesh: its connectivity.
            mirror: (V,) index of each vertex' mirror image.
            landmark_vertices: (68,) its iBUG landmarks.
            regions: its regions.
        """
        triangles, flat = mesh.triangles, regions.ear > _EAR
        for _ in range(_AROUND):
            flat[triangles[flat[triangles].any(axis=1)]] = True
        self.flat = np.flatnonzero(flat)
        self._rim, self._flatten = _membrane(mesh, self.flat)
        points = mean[landmark_vertices].astype(np.float64)
        level, depth = points[17:27, 1].mean(), points[[0, 16], 2].mean()
        places = _tucked(ear.places)
        wanted = [level, depth] - regions.height * places[:, [1, 0]].astype(np.float64)
        skin = self.flattened(mean)
        left = triangles[(mean[triangles, 0] > 0.0).all(axis=1)]
        corners, weights = _fastened(wanted, skin[:, 1:], left)
        count = len(wanted)
        self._corners = np.concatenate([corners, mirror[corners]])
        self._weights = np.tile(weights, (2, 1)).astype(np.float32)[..., None]
        off = np.zeros((2 * count, 3), np.float32)
        off[:, 0] = regions.height * np.concatenate([places[:, 2], -places[:, 2]])
        self._off = off
        self.light = np.tile(ear.light, 2)
        ends, uses = edges(ear.triangles)
        away = cKDTree(places[np.unique(ends[uses == 1])]).query(places)[0]
        self.own = np.tile(np.minimum(away / _OWN, 1.0), 2).astype(np.float32)
        patches = [ear.triangles, ear.triangles[:, ::-1] + count]
        self.triangles = np.concatenate(
            [triangles, *(patch + len(mean) for patch in patches)]
        ).astype(np.int32)
        self._own = self._own_off(mean)

    def flattened(self, values: np.ndarray) -> np.ndarray:
        """(V, C) with those of the own ears replaced by the smoothest from what is around them."""
        out = values.copy()
        out[self.flat] = self._flatten @ values[self._rim]
        return out

    def fastened(self, flat: np.ndarray) -> np.ndarray:
        """(2 N, C): flattened values (V, C) where the patches are fastened."""
        return np.asarray((flat[self._corners] * self._weights).sum(axis=1))

    def vertices(self, head: np.ndarray) -> np.ndarray:
        """The head with these ears.

        Args:
            head: (V, 3) float32, model units.

        Returns:
            (V + 2 N, 3) float32.
        """
        flat = self.flattened(head)
        off = self._own_off(head) / max(self._own, 1e-6)
        patches = self.fastened(flat) + self._off * np.float32(np.clip(off, *_STANDS_OFF))
        return np.concatenate([flat, patches]).astype(np.float32)

    def _own_off(self, head: np.ndarray) -> float:
        """How far the head's own ears stand off, model units."""
        across = np.abs(head[self.flat, 0] - self._flatten @ head[self._rim, 0])
        return float(np.quantile(across, 0.8))


def _tucked(places: np.ndarray) -> np.ndarray:
    """(N, 3) places of the patch, its back straight behind its edge."""
    flat, out = places[:, :2], places.copy()
    out_of_middle = np.linalg.norm(flat - flat.mean(axis=0), axis=1)
    high = np.flatnonzero(places[:, 2] > _HIGH)
    far, nearest = cKDTree(flat[high]).query(flat)
    edge = high[nearest]
    outside = (flat[:, 0] > flat[edge, 0]) & (out_of_middle > out_of_middle[edge])
    back = outside & (places[:, 2] < _LOW) & (far < _BACK)
    out[back, :2] = flat[edge[back]]
    return out


def _membrane(mesh: Mesh, inner: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(R,) vertices around some, and (I, R) how these follow from them.

    Each is in the mean of its neighbours (Tutte, 1963), which folds nothing.
    """
    both = np.concatenate([mesh.edges, mesh.edges[:, ::-1]]).T
    near = sparse.csr_matrix((np.ones(both.shape[1]), both), shape=(mesh.size, mesh.size))[inner]
    rim = np.setdiff1d(np.flatnonzero(np.asarray(near.sum(axis=0)).ravel()), inner)
    degree = sparse.diags(np.asarray(near.sum(axis=1)).ravel())
    system = splu((degree - near[:, inner]).tocsc())
    return rim, system.solve(near[:, rim].toarray()).astype(np.float32)


def _fastened(
    wanted: np.ndarray, places: np.ndarray, triangles: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The triangle over each of (N, 2) places, seen from the left: (N, 3) corners, weights.

    Where none is, the nearest one's plane goes on.
    """
    # Those that lie about the patch: all of a head's take ten times as long.
    at = places[triangles]
    apart = np.maximum(at.min(axis=1) - wanted.max(axis=0), wanted.min(axis=0) - at.max(axis=1))
    triangles = triangles[(apart < 0.0).all(axis=1)]
    first, second, third = (places[triangles[:, k]].astype(np.float64) for k in range(3))
    along, across = second - first, third - first
    area = along[:, 0] * across[:, 1] - along[:, 1] * across[:, 0]
    to = wanted[:, None] - first[None]
    # Only those that face outwards can be below a patch.
    safe = np.where(np.abs(area) > 1e-9, area, np.inf)
    beyond = (to[..., 0] * across[:, 1] - to[..., 1] * across[:, 0]) / safe
    aside = (along[:, 0] * to[..., 1] - along[:, 1] * to[..., 0]) / safe
    weights = np.stack([1.0 - beyond - aside, beyond, aside], axis=2)
    worst = np.where(area > 1e-9, weights.min(axis=2), -np.inf)
    best = worst.argmax(axis=1)
    return triangles[best], weights[np.arange(len(wanted)), best]
