"""Colours a rasterised head: one pass over the fine pixels, averaged into the frame's.

Compiled by numba at first use; the machine code is cached on disk.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numba import float32, int8, int32, int64, uint8

from dagan_tf.core.compiled import compiled
from dagan_tf.simulator.render.rasterizer import Raster

# Columns of the vertices' values.
X, Y, MIRROR_X, MIRROR_Y, TRUST, MIRROR_TRUST, RED, GREEN, BLUE, COVER, U, V, HAIR = range(13)
# Added to what the photo shows, by channel.
TONE = 13
# Times which all of it is shown, by channel.
GAIN = 16
# Colour of the filling where it is hair, by channel; RED to BLUE are of skin then.
HAIR_COLOUR = 19
# Place in the pores, beside V.
PORES_X, PORES_Z = 22, 23
# Whole vector registers, for the compiler.
COLUMNS = 24
# Shares of hair between which the hairline lies.
_HAIRLINE = (0.0, 1.0)
# Standard deviation of the blur along the outline, pixels of the frame.
RIM_BLUR = 0.8
# Where one part of the head stands before another, as an ear does: below the first bend of the
# depth, in pixels of the fine raster over the frame's side, the surface goes on, above the second
# it is an outline.
_STEP = (0.03, 0.06)


class Grain(NamedTuple):
    """Fine structure of what is filled; both repeat.

    Attributes:
        strands: (G, G) float32, by what part of itself hair changes.
        pores: (P, P, P) int8 along z, y and x, P a power of 2.
        strength: times which they are added to skin, grey levels.
        ragged: times which strands move the hairline, shares of hair.
    """

    strands: np.ndarray
    pores: np.ndarray
    strength: float
    ragged: float


class Shaded(NamedTuple):
    """A head drawn into a frame.

    Attributes:
        colour: (S, S, 3) float32 in [0, 255], times `cover`.
        cover: (S, S) float32 in [0, 1], the head's part of the pixel.
        seen: (S, S) float32 in [0, 1], the part of the pixel that the photo showed at that point.
        depth: (S, S) float32 pixels of the fine raster, the nearest surface; -inf off the head.
    """

    colour: np.ndarray
    cover: np.ndarray
    seen: np.ndarray
    depth: np.ndarray


def shade(
    raster: Raster,
    triangles: np.ndarray,
    values: np.ndarray,
    photo: np.ndarray,
    grain: Grain,
    fineness: int,
) -> Shaded:
    """Colours each fine pixel from the photo where it is trusted, else from the filling.

    Args:
        raster: (S * fineness) squared.
        triangles: (T, 3) int32, those of the raster.
        values: (V, 24) float32, columns as named above: place of the vertex and of its mirror
            image in the photo, trust in each, filling, coverage, place in the strands (u, v), share
            of hair, the three channels of what is added to the photo's colour, the three of
            what all of it is multiplied by, those of hair's filling, and x and z of the place in
            the pores, whose y is v.
        photo: (C, C, 3) uint8.
        grain: fine structure of the filling.
        fineness: fine pixels a pixel of the frame, each way.

    Returns:
        The drawing.
    """
    size = raster.triangle_ids.shape[0] // fineness
    colour = np.zeros((size, size, 3), np.float32)
    cover = np.zeros((size, size), np.float32)
    seen = np.zeros((size, size), np.float32)
    depth = np.full((size, size), -np.inf, np.float32)
    out = Shaded(colour, cover, seen, depth)
    _shade(
        *raster, triangles, np.ascontiguousarray(values, np.float32), photo, grain.strands,
        grain.pores, np.float32(grain.strength), np.float32(grain.ragged), fineness, *out,
    )  # fmt: skip
    return out


def soften_rim(head: Shaded, part: np.ndarray | None = None) -> Shaded:
    """Gives a drawing the soft outlines of a lens: they are blurred by about a pixel.

    Args:
        head: As `shade` returned it.
        part: (S, S) float32 in [0, 1], how much of each pixel is a part of the head that is to have
            an outline though what is behind it is hardly farther away, as an ear on hair; None
            without one.

    Returns:
        The same with `colour`, `cover` and `seen` blurred where the cover is not full all around,
        where what is drawn stands before something farther away, and at the part's outline.
    """
    window = np.ones((3, 3), np.uint8)
    rim = 1.0 - cv2.erode(head.cover, window)
    rim = np.maximum(rim, _steps(head.depth))
    if part is not None:
        rim = np.maximum(rim, cv2.morphologyEx(part, cv2.MORPH_GRADIENT, window))
    layers = np.concatenate([head.colour, head.cover[..., None], head.seen[..., None]], axis=2)
    layers += rim[..., None] * (cv2.GaussianBlur(layers, (0, 0), RIM_BLUR) - layers)
    return head._replace(colour=layers[..., :3], cover=layers[..., 3], seen=layers[..., 4])


def _steps(depth: np.ndarray) -> np.ndarray:
    """(S, S) float32 in [0, 1], 1 on either side of a step of the depth, 0 on a slope."""
    ground = np.where(np.isfinite(depth), depth, 0.0).astype(np.float32)
    bend = np.abs(cv2.Laplacian(ground, cv2.CV_32F)) / len(depth)
    low, high = _STEP
    return np.clip((bend - low) / (high - low), 0.0, 1.0)


@compiled(
    int32[:, ::1],
    float32[:, :, ::1],
    float32[:, ::1],
    int32[:, ::1],
    float32[:, ::1],
    uint8[:, :, ::1],
    float32[:, ::1],
    int8[:, :, ::1],
    float32,
    float32,
    int64,
    float32[:, :, ::1],
    float32[:, ::1],
    float32[:, ::1],
    float32[:, ::1],
    error_model="numpy",
    fastmath={"contract", "arcp"},
)
def _shade(  # type: ignore[no-untyped-def]
    ids,
    barycentric,
    fine_depth,
    triangles,
    values,
    photo,
    strands,
    pores,
    strength,
    ragged,
    fineness,
    colour,
    cover,
    seen,
    depth,
):
    """All in float32: numba makes a float64 of whatever meets a Python number or an int64.

    Indices of vertices are unsigned because numba lets negative ones wrap around, and the compiler
    could not make vector instructions of that.
    """
    # X and Y of what is read off the photo, and how much each counts.
    limits = np.array([photo.shape[1] - 1.001, photo.shape[0] - 1.001], np.float32)
    zero, one = np.float32(0.0), np.float32(1.0)
    # The largest x * x * (1 - x), at two thirds hair, becomes 1.
    side, last = np.int32(strands.shape[0]), np.int32(pores.shape[0] - 1)
    most, three, most_ragged = np.float32(255.0), np.float32(3.0), np.float32(6.75)
    low, high = np.float32(_HAIRLINE[0]), np.float32(_HAIRLINE[1])
    share, least = np.float32(1.0 / (fineness * fineness)), np.float32(0.004)
    # Loops over columns and channels, not a line for each: the compiler works on every line.
    mixed, rgb, weights = (
        np.empty(COLUMNS, np.float32),
        np.empty(3, np.float32),
        np.empty(2, np.float32),
    )
    for row in range(colour.shape[0] * fineness):
        i = row // fineness
        for column in range(colour.shape[1] * fineness):
            t = ids[row, column]
            if t < 0:
                continue
            j = column // fineness
            a, b, c = (
                np.uintp(triangles[t, 0]),
                np.uintp(triangles[t, 1]),
                np.uintp(triangles[t, 2]),
            )
            w0 = barycentric[row, column, 0]
            w1 = barycentric[row, column, 1]
            w2 = barycentric[row, column, 2]
            for k in range(np.uintp(values.shape[1])):
                mixed[k] = w0 * values[a, k] + w1 * values[b, k] + w2 * values[c, k]
            trust = mixed[TRUST]
            weights[0] = trust
            weights[1] = (one - trust) * mixed[MIRROR_TRUST]
            filled = one - trust - weights[1]
            part = share * mixed[COVER]
            rgb[:] = zero
            for source in range(2):
                if weights[source] > least:
                    x = min(max(mixed[X + 2 * source], zero), limits[0])
                    y = min(max(mixed[Y + 2 * source], zero), limits[1])
                    left, top = np.uintp(x), np.uintp(y)
                    right, bottom = left + np.uintp(1), top + np.uintp(1)
                    fx, fy = x - np.float32(left), y - np.float32(top)
                    for k in range(np.uintp(3)):
                        corner = np.float32(photo[top, left, k])
                        above = corner + fx * (np.float32(photo[top, right, k]) - corner)
                        corner = np.float32(photo[bottom, left, k])
                        below = corner + fx * (np.float32(photo[bottom, right, k]) - corner)
                        shown = above + fy * (below - above)
                        if source == 0:
                            shown += mixed[TONE + k]
                        rgb[k] += weights[source] * shown
            if filled > least:
                u = np.int32(np.floor(mixed[U])) % side
                down = np.int32(np.floor(mixed[V]))
                hair = mixed[HAIR]
                strand = strands[down % side, u]
                hair = (hair + ragged * strand * hair * hair * (one - hair) * most_ragged - low) / (
                    high - low
                )
                hair = min(max(hair, zero), one)
                hair *= hair * (three - hair - hair)
                across = np.int32(np.floor(mixed[PORES_X])) & last
                deep = np.int32(np.floor(mixed[PORES_Z])) & last
                pore = strength * np.float32(pores[deep, down & last, across])
                strand = hair * (one + strand)
                for k in range(3):
                    skin = (one - hair) * (mixed[RED + k] + pore)
                    rgb[k] += filled * (skin + strand * mixed[HAIR_COLOUR + k])
            for k in range(3):
                colour[i, j, k] += part * min(max(rgb[k] * mixed[GAIN + k], zero), most)
            cover[i, j] += part
            seen[i, j] += part * trust
            if fine_depth[row, column] > depth[i, j]:
                depth[i, j] = fine_depth[row, column]
