"""A z-buffer rasteriser: which triangle each pixel sees, and where on it.

Two passes, compiled by numba at first use; the machine code is cached on disk. The first walks
the triangles and keeps one integer a pixel, depth and triangle in one, the largest of which
wins. The second walks the pixels and works out the rest for the one triangle that each sees.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import float32, int32, int64

from dagan_tf.core.compiled import compiled

# Pixel centres within this many pixels of an edge belong to both its triangles, so that rounding
# opens no crack between them. It is far below what float32 coordinates can tell apart.
_EDGE = 1e-9
# Pixels of a row that are tested at once: the compiler makes vector instructions of them.
_BLOCK = 8
# A key is the depth, as an integer of the same order, above 2**32 - 1 - triangle: the nearest is
# the largest, and among equally near ones the first. This one is depth -inf, triangle -1.
_NOTHING = -0x7F800001 << 32


class Raster(NamedTuple):
    """What each pixel sees.

    Attributes:
        triangle_ids: (H, W) int32, -1 where no triangle is.
        barycentric: (H, W, 3) float32 in [0, 1], the pixel centre in its triangle; sums to 1, 0
            where none.
        depth: (H, W) float32, pixels, larger is nearer; -inf where none.
    """

    triangle_ids: np.ndarray
    barycentric: np.ndarray
    depth: np.ndarray


def rasterize(vertices: np.ndarray, triangles: np.ndarray, height: int, width: int) -> Raster:
    """Rasterises a mesh that is already in image space.

    Edges are decided in float64: but for pixel centres on an edge, and depths that float32 cannot
    tell apart, the triangles are those of exact arithmetic.

    Args:
        vertices: (V, 3) float32: x, y in pixels (y down, centres at integers), depth (larger is
            nearer), as `Camera.project` returns.
        triangles: (T, 3) int32 vertex indices, either winding. Those without area or with a
            vertex that is not finite are left out.
        height: rows of the image.
        width: columns of the image.

    Returns:
        The raster. At equal depth the triangle that comes first wins.
    """
    vertices = np.ascontiguousarray(vertices, np.float32)
    triangles = np.ascontiguousarray(triangles, np.int32)
    # The last block of a row may reach past its end.
    keys = np.full((height, width + _BLOCK), _NOTHING, np.int64)
    raster = Raster(
        np.empty((height, width), np.int32),
        np.empty((height, width, 3), np.float32),
        np.empty((height, width), np.float32),
    )
    _draw(vertices, triangles, keys.ravel(), height, width)
    _resolve(vertices, triangles, keys, *raster)
    return raster


@compiled(float32[:, ::1], int32[:, ::1], int64[::1], int64, int64, error_model="numpy")
def _draw(vertices, triangles, keys, height, width):  # type: ignore[no-untyped-def]
    """First pass: every pixel of each triangle's bounding box is tested against its edges.

    An edge is a linear function of the pixel, positive inside. Solving for where a row enters and
    leaves would test fewer pixels, but mispredicts a branch or two a row, which costs more than
    a block of tests. Indices are unsigned because numba lets negative ones wrap around, and the
    compiler could not make vector instructions of that.
    """
    stride = width + _BLOCK
    for t in range(triangles.shape[0]):
        a, b, c = np.uintp(triangles[t, 0]), np.uintp(triangles[t, 1]), np.uintp(triangles[t, 2])
        x0, y0, z0 = vertices[a, 0], vertices[a, 1], vertices[a, 2]
        x1, y1, z1 = vertices[b, 0], vertices[b, 1], vertices[b, 2]
        x2, y2, z2 = vertices[c, 0], vertices[c, 1], vertices[c, 2]
        # Compared before they become integers, which hold neither NaN nor inf.
        first_x = max(np.ceil(min(min(x0, x1), x2)), np.float32(0))
        last_x = min(np.floor(max(max(x0, x1), x2)), np.float32(width - 1))
        first_y = max(np.ceil(min(min(y0, y1), y2)), np.float32(0))
        last_y = min(np.floor(max(max(y0, y1), y2)), np.float32(height - 1))
        if not (first_x <= last_x and first_y <= last_y):
            continue
        # Change of the edge opposite each vertex by a step right and by a step down.
        right1, down1 = np.float64(y2) - y0, np.float64(x0) - x2
        right2, down2 = np.float64(y0) - y1, np.float64(x1) - x0
        area = right1 * down2 - right2 * down1
        deeper1, deeper2 = np.float64(z1) - z0, np.float64(z2) - z0
        right_z = (deeper1 * right1 + deeper2 * right2) / area
        down_z = (deeper1 * down1 + deeper2 * down2) / area
        # Without area, or with a vertex that is not finite, these are infinite or NaN.
        if not abs(right_z) + abs(down_z) < np.inf:
            continue
        winding = np.copysign(1.0, area)
        right1, down1, right2, down2 = (
            winding * right1, winding * down1, winding * right2, winding * down2
        )  # fmt: skip
        right0, down0 = -right1 - right2, -down1 - down2
        # Rounding must not take a sliver's depth out of the range of its vertices'.
        farthest = np.float64(min(min(z0, z1), z2))
        nearest = np.float64(max(max(z0, z1), z2))
        left, top, bottom = int(first_x), int(first_y), int(last_y)
        # A whole number of blocks, in a form from which the compiler can tell that it is.
        pixels = np.uintp((int(last_x) - left) // _BLOCK + 1) * np.uintp(_BLOCK)
        from_x0, from_x1 = left - np.float64(x0), left - np.float64(x1)
        start0 = from_x1 * right0 + _EDGE * (abs(right0) + abs(down0))
        start1 = from_x0 * right1 + _EDGE * (abs(right1) + abs(down1))
        start2 = from_x0 * right2 + _EDGE * (abs(right2) + abs(down2))
        start_z = z0 + from_x0 * right_z
        behind = np.int64(0xFFFFFFFF - t)
        for y in range(top, bottom + 1):
            from_y0, from_y1 = y - np.float64(y0), y - np.float64(y1)
            edge0 = start0 + from_y1 * down0
            edge1 = start1 + from_y0 * down1
            edge2 = start2 + from_y0 * down2
            row_z = start_z + from_y0 * down_z
            row = np.uintp(y * stride + left)
            for k in range(pixels):
                step = np.float64(np.int32(k))
                z = np.float32(min(max(row_z + step * right_z, farthest), nearest))
                key = (np.int64(_ordered(z.view(np.int32))) << np.int64(32)) | behind
                old = keys[row + k]
                seen = (
                    (edge0 + step * right0 >= 0.0)
                    & (edge1 + step * right1 >= 0.0)
                    & (edge2 + step * right2 >= 0.0)
                    & (key > old)
                )
                keys[row + k] = key if seen else old


@compiled()
def _ordered(bits):  # type: ignore[no-untyped-def]
    """Bits of a float32 to an int32 of the same order, and back."""
    return np.int32(bits ^ ((bits >> np.int32(31)) & np.int32(0x7FFFFFFF)))


@compiled(
    float32[:, ::1],
    int32[:, ::1],
    int64[:, ::1],
    int32[:, ::1],
    float32[:, :, ::1],
    float32[:, ::1],
    error_model="numpy",
)
def _resolve(vertices, triangles, keys, ids, barycentric, depth):  # type: ignore[no-untyped-def]
    """Second pass: triangle, depth and place of each pixel."""
    height, width = ids.shape
    for y in range(height):
        for x in range(width):
            key = keys[y, x]
            t = np.int32(~key)
            bits = np.int32(_ordered(np.int32(key >> 32)))
            ids[y, x] = t
            depth[y, x] = bits.view(np.float32)
            if t < 0:
                barycentric[y, x, 0] = barycentric[y, x, 1] = barycentric[y, x, 2] = 0.0
                continue
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            x0, y0 = np.float64(vertices[a, 0]), np.float64(vertices[a, 1])
            x1, y1 = vertices[b, 0] - x0, vertices[b, 1] - y0
            x2, y2 = vertices[c, 0] - x0, vertices[c, 1] - y0
            px, py = x - x0, y - y0
            inverse = 1.0 / (x1 * y2 - x2 * y1)
            w2 = min(max((x1 * py - px * y1) * inverse, 0.0), 1.0)
            rest = 1.0 - w2
            w1 = min(max((px * y2 - x2 * py) * inverse, 0.0), rest)
            barycentric[y, x, 0] = rest - w1
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


@compiled(int32[:, ::1], float32[:, :, ::1], int32[:, ::1], float32[:, ::1], float32[:, :, ::1])
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
