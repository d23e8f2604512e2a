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


# Pixel centres this close to an edge belong to both its triangles: no crack opens between them.
_EDGE = 1e-7


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _fill(vertices, triangles, ids, barycentric, depth):  # type: ignore[no-untyped-def]
    """Each triangle row by row: where a row enters and leaves it is solved, not searched for.

    Only depth and triangle are written meanwhile; barycentric coordinates are worked out once a
    pixel at the end, for the triangle that stayed nearest.
    """
    height, width = ids.shape
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        x0, y0 = np.float64(vertices[a, 0]), np.float64(vertices[a, 1])
        x1, y1 = np.float64(vertices[b, 0]), np.float64(vertices[b, 1])
        x2, y2 = np.float64(vertices[c, 0]), np.float64(vertices[c, 1])
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if area == 0.0 or not np.isfinite(area):
            continue
        top = max(0, int(np.ceil(min(y0, y1, y2) - _EDGE)))
        bottom = min(height - 1, int(np.floor(max(y0, y1, y2) + _EDGE)))
        if top > bottom:
            continue
        left_most, right_most = min(x0, x1, x2), max(x0, x1, x2)
        if right_most < -_EDGE or left_most > width - 1 + _EDGE:
            continue
        # Corners from top to bottom: one long side, two short ones.
        ax, ay, bx, by, cx, cy = x0, y0, x1, y1, x2, y2
        if by < ay:
            ax, ay, bx, by = bx, by, ax, ay
        if cy < ay:
            ax, ay, cx, cy = cx, cy, ax, ay
        if cy < by:
            bx, by, cx, cy = cx, cy, bx, by
        long_slope = (cx - ax) / (cy - ay) if cy > ay else 0.0
        upper_slope = (bx - ax) / (by - ay) if by > ay else 0.0
        lower_slope = (cx - bx) / (cy - by) if cy > by else 0.0
        z0 = np.float64(vertices[a, 2])
        dz1, dz2 = np.float64(vertices[b, 2]) - z0, np.float64(vertices[c, 2]) - z0
        z_across = (dz1 * (y2 - y0) - dz2 * (y1 - y0)) / area
        z_down = (dz2 * (x1 - x0) - dz1 * (x2 - x0)) / area
        for y in range(top, bottom + 1):
            at = min(max(np.float64(y), ay), cy)
            one = ax + (at - ay) * long_slope
            if at < by:
                other, last = ax + (at - ay) * upper_slope, ax
            else:
                other, last = bx + (at - by) * lower_slope, cx
            if ay == cy:  # all on one row
                one, other = left_most, right_most
            elif at == by == ay or at == by == cy:  # a level short side
                other = bx
                one = last if at == by == cy else ax
            start = max(0, int(np.ceil(max(min(one, other), left_most) - _EDGE)))
            stop = min(width - 1, int(np.floor(min(max(one, other), right_most) + _EDGE)))
            z = z0 + (start - x0) * z_across + (y - y0) * z_down
            for x in range(start, stop + 1):
                near = np.float32(z)
                if near > depth[y, x]:
                    depth[y, x] = near
                    ids[y, x] = t
                z += z_across
    for y in range(height):
        for x in range(width):
            t = ids[y, x]
            if t < 0:
                continue
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            x0, y0 = vertices[a, 0], vertices[a, 1]
            ux, uy = vertices[b, 0] - x0, vertices[b, 1] - y0
            vx, vy = vertices[c, 0] - x0, vertices[c, 1] - y0
            px, py = np.float32(x) - x0, np.float32(y) - y0
            inverse = np.float32(1.0) / (ux * vy - vx * uy)
            w1 = (px * vy - vx * py) * inverse
            w2 = (ux * py - px * uy) * inverse
            barycentric[y, x, 0] = np.float32(1.0) - w1 - w2
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
