"""A z-buffer rasteriser: which triangle each pixel sees, and where on it.

Compiled by numba at first use; the machine code is cached on disk.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np


class Raster(NamedTuple):
    """What each pixel sees.

    Attributes:
        triangle_ids: (H, W) int32, -1 where no triangle is.
        barycentric: (H, W, 3) float32, the pixel centre in its triangle; sums to 1, 0 where none.
        depth: (H, W) float32, pixels, larger is nearer; -inf where none.
    """

    triangle_ids: np.ndarray
    barycentric: np.ndarray
    depth: np.ndarray


def rasterize(vertices: np.ndarray, triangles: np.ndarray, height: int, width: int) -> Raster:
    """Rasterises a mesh that is already in image space.

    Args:
        vertices: (V, 3) float32: x, y in pixels (y down, centres at integers), depth (larger is
            nearer), as `Camera.project` returns.
        triangles: (T, 3) int32 vertex indices, either winding.
        height: rows of the image.
        width: columns of the image.

    Returns:
        The raster. At equal depth the triangle that comes first wins.
    """
    ids = np.full((height, width), -1, np.int32)
    barycentric = np.zeros((height, width, 3), np.float32)
    depth = np.full((height, width), -np.inf, np.float32)
    _fill(
        np.ascontiguousarray(vertices, np.float32),
        np.ascontiguousarray(triangles, np.int32),
        ids,
        barycentric,
        depth,
    )
    return Raster(ids, barycentric, depth)


@numba.njit(cache=True, nogil=True)
def _fill(vertices, triangles, ids, barycentric, depth):  # type: ignore[no-untyped-def]
    height, width = ids.shape
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        x0, y0, z0 = vertices[a, 0], vertices[a, 1], vertices[a, 2]
        x1, y1, z1 = vertices[b, 0], vertices[b, 1], vertices[b, 2]
        x2, y2, z2 = vertices[c, 0], vertices[c, 1], vertices[c, 2]
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if area == 0.0 or not np.isfinite(area):
            continue
        left = max(0, int(np.ceil(min(x0, x1, x2))))
        right = min(width - 1, int(np.floor(max(x0, x1, x2))))
        top = max(0, int(np.ceil(min(y0, y1, y2))))
        bottom = min(height - 1, int(np.floor(max(y0, y1, y2))))
        for y in range(top, bottom + 1):
            for x in range(left, right + 1):
                w1 = ((x - x0) * (y2 - y0) - (x2 - x0) * (y - y0)) / area
                w2 = ((x1 - x0) * (y - y0) - (x - x0) * (y1 - y0)) / area
                w0 = 1.0 - w1 - w2
                if w0 < 0.0 or w1 < 0.0 or w2 < 0.0:
                    continue
                z = w0 * z0 + w1 * z1 + w2 * z2
                if z > depth[y, x]:
                    depth[y, x] = z
                    ids[y, x] = t
                    barycentric[y, x, 0] = w0
                    barycentric[y, x, 1] = w1
                    barycentric[y, x, 2] = w2


def interpolate(raster: Raster, triangles: np.ndarray, attributes: np.ndarray) -> np.ndarray:
    """Spreads values at the vertices over the pixels that see the mesh.

    Args:
        raster: what `rasterize` returned for these triangles.
        triangles: (T, 3) int32.
        attributes: (V, C) float32.

    Returns:
        (H, W, C) float32, 0 where no triangle is.
    """
    height, width = raster.triangle_ids.shape
    out = np.zeros((height, width, attributes.shape[1]), np.float32)
    _spread(
        raster.triangle_ids,
        raster.barycentric,
        np.ascontiguousarray(triangles, np.int32),
        np.ascontiguousarray(attributes, np.float32),
        out,
    )
    return out


@numba.njit(cache=True, nogil=True)
def _spread(ids, barycentric, triangles, attributes, out):  # type: ignore[no-untyped-def]
    height, width = ids.shape
    for y in range(height):
        for x in range(width):
            t = ids[y, x]
            if t < 0:
                continue
            w0, w1, w2 = barycentric[y, x, 0], barycentric[y, x, 1], barycentric[y, x, 2]
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            for k in range(attributes.shape[1]):
                out[y, x, k] = w0 * attributes[a, k] + w1 * attributes[b, k] + w2 * attributes[c, k]
