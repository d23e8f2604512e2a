"""Long hair as a surface of its own, which hangs from the head and turns with it.

On either side a sheet goes from the hair's edge at the face, where the photo shows it, round its
outer edge to the middle of the back, row by row. So it covers ear, nape and the neck's side. Its
front shows the photo; what a front does not show of it is filled with the same rows' colours and
with the strands of the scalp's hair.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter, gaussian_filter1d

from dagan_tf.simulator.head.regions import HeadRegions, smoothstep
from dagan_tf.simulator.render import shading
from dagan_tf.simulator.render.grid import Grids
from dagan_tf.simulator.render.shading import Shaded
from dagan_tf.simulator.scene.grain import at_vertices
from dagan_tf.simulator.scene.lighting import LUMA
from dagan_tf.simulator.scene.long_hair import LongHair, SideHair
from dagan_tf.simulator.scene.texture import STRETCH

# Columns of a sheet from its front edge to its widest place, and from there to the back's middle.
_FRONT, _BACK = 10, 10
# Rows of the photo's work grid from one of the sheet's to the next.
_STEP = 2
# All that follows in heights, brow to chin. The sheet is at least so thick, and its front edge lies
# so far before the ears' middle: least and most, and behind a bare ear.
_THICK, _BEFORE, _BEHIND_EAR = 0.05, (0.05, 0.6), -0.12
# Its widest place lies so far behind the ears' middle, and behind its front edge.
_WIDEST = 0.05
# An ear is bare if the hair's edge is no farther in than this from the head's outline.
_BARE = 0.03
# Smoothing down the rows: of its shape, of its colour.
_SMOOTH, _COLOUR_SMOOTH = 0.16, 0.1
# It fades in over this much from its upper end, and out over the second about its hem, which goes
# up and down by the third.
_FADE_IN, _FADE_OUT, _RAGGED = 0.2, 0.1, 0.08
# It hides what of the head stands out of it by less.
_HIDES = 0.1
# Nearer to the person's outline than the first a pixel may be backdrop, beyond the second not.
_INSIDE = (0.03, 0.08)
# Parts of a pixel that are hair from which on it is shown, and gives its colour to what is filled.
_SHOWN, _FILLS = (0.2, 0.5), (0.75, 0.95)
# Its inner side is so much darker, a factor; strands are drawn out by so much, one over a factor.
_INNER, _DRAWN_OUT = 0.55, 0.5


@dataclass(frozen=True, eq=False)
class Curtain:
    """Both sheets, K vertices.

    Attributes:
        vertices: (K, 3) float32, camera axes of the photo, pixels of the canvas.
        normals: (K, 3) float32, outwards, the same axes.
        triangles: (T, 3) int32.
        visible: (K,) float32, 1 where the photo shows it.
        inside: (K,) float32 in [0, 1], no backdrop in its colour.
        filling: (K, 3) float32, colour where the photo does not show it.
        cover: (K,) float32 in [0, 1], how opaque.
        grain_places: (K, 2) float32.
        hides: depth by which it comes before the head, pixels of the canvas.
    """

    vertices: np.ndarray
    normals: np.ndarray
    triangles: np.ndarray
    visible: np.ndarray
    inside: np.ndarray
    filling: np.ndarray
    cover: np.ndarray
    grain_places: np.ndarray
    hides: float

    def values(self, normals: np.ndarray, settled: float) -> np.ndarray:
        """What `shading.shade` spreads over a view, (K, 24) float32, as `HeadTexture.values`.

        Args:
            normals: (K, 3) in the view's camera axes.
            settled: in [0, 1], as there.
        """
        stretch = self.normals[:, 2] / np.maximum(normals[:, 2], 0.15)
        well = self.inside * smoothstep(*STRETCH, stretch)
        out = np.zeros((len(normals), shading.COLUMNS), np.float32)
        out[:, shading.X : shading.Y + 1] = self.vertices[:, :2]
        out[:, shading.TRUST] = self.visible * (1.0 - settled * (1.0 - well))
        shade = _INNER + (1.0 - _INNER) * smoothstep(-0.2, 0.2, normals[:, 2])
        filled = self.filling * shade[:, None]
        out[:, shading.RED : shading.BLUE + 1] = filled
        out[:, shading.HAIR_COLOUR : shading.HAIR_COLOUR + 3] = filled
        out[:, shading.COVER] = self.cover
        out[:, shading.U : shading.V + 1] = self.grain_places
        out[:, shading.HAIR] = 1.0
        out[:, shading.GAIN : shading.GAIN + 3] = 1.0
        return out


def hang_curtain(
    hair: LongHair,
    coarse: np.ndarray,
    person: np.ndarray,
    depth: np.ndarray,
    projected: np.ndarray,
    regions: HeadRegions,
    grids: Grids,
) -> Curtain:
    """Builds the sheets.

    Args:
        hair: where the photo shows it, pixels of the work grid.
        coarse: (W, W, 3) uint8, the photo.
        person: (W, W) bool.
        depth: (W, W) float32, of the fitted head without hair, pixels; -inf off it.
        projected: (V, 3) the head in camera axes, pixels of the canvas.
        regions: its regions.
        grids: whose work grid has W pixels a side.
    """
    canvas, work = grids.canvas, grids.work
    placed = canvas.carry_depth(projected, work)
    colours = [_row_colours(hair, one, coarse, person) for one in hair.sides]
    behind = 0.5 * (colours[0] + colours[1])
    sheets = [
        _sheet(hair, one, depth, placed, regions, np.stack([own, behind]))
        for one, own in zip(hair.sides, colours, strict=True)
    ]
    count = len(sheets[0].points)
    points = np.concatenate([one.points for one in sheets])
    distance = cv2.distanceTransform(person.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    deep = at_vertices(distance, points[:, :2]) / hair.height
    vertices = work.carry_depth(points, canvas)
    return Curtain(
        vertices=vertices,
        normals=np.concatenate([one.normals for one in sheets]),
        triangles=np.concatenate([one.triangles + k * count for k, one in enumerate(sheets)]),
        visible=np.concatenate([one.front for one in sheets]),
        inside=(
            smoothstep(*_INSIDE, deep) * smoothstep(*_SHOWN, at_vertices(hair.own, points[:, :2]))
        ).astype(np.float32),
        filling=np.concatenate([one.filling for one in sheets]),
        cover=np.concatenate([one.cover for one in sheets]),
        grain_places=canvas.per(work) * np.concatenate([one.grain_places for one in sheets]),
        hides=_HIDES * hair.height * canvas.per(work),
    )


class _Sheet(NamedTuple):
    """One side, R rows of C columns, flattened; pixels of the work grid."""

    points: np.ndarray
    normals: np.ndarray
    triangles: np.ndarray
    front: np.ndarray
    filling: np.ndarray
    cover: np.ndarray
    grain_places: np.ndarray


def _sheet(
    hair: LongHair,
    one: SideHair,
    depth: np.ndarray,
    placed: np.ndarray,
    regions: HeadRegions,
    colours: np.ndarray,
) -> _Sheet:
    """One side's; `colours` (2, N, 3) of its front and of the back."""
    height = hair.height
    take = slice(None, None, _STEP)
    rows, inner, outer = hair.rows[take], one.inner[take], one.outer[take]
    sign = float(np.sign((outer - inner).sum()))
    outer = sign * np.maximum(sign * outer, sign * inner + _THICK * height)
    mine = regions.ear * (sign * (placed[:, 0] - placed[regions.skull, 0].mean()) > 0)
    ear = np.average(placed, axis=0, weights=np.maximum(mine, 1e-9))
    front = ear[2] + _front(depth, rows, inner, sign, ear, hair)
    widest = np.minimum(ear[2] - _WIDEST * height, front - _WIDEST * height)
    middle = placed[regions.skull, 0].mean()
    back = placed[regions.hair > 0.5, 2].min()
    # A quarter of an ellipse to the widest place, another one to the middle of the back.
    first = np.linspace(0.0, 0.5 * np.pi, _FRONT, endpoint=False)
    second = np.linspace(0.0, 0.5 * np.pi, _BACK + 1)
    x = np.concatenate(
        [
            inner[:, None] + (outer - inner)[:, None] * np.sin(first),
            middle + (outer - middle)[:, None] * np.cos(second),
        ],
        axis=1,
    )
    z = np.concatenate(
        [
            widest[:, None] + (front - widest)[:, None] * np.cos(first),
            widest[:, None] + (back - widest)[:, None] * np.sin(second),
        ],
        axis=1,
    )
    y = np.broadcast_to(rows[:, None], x.shape)
    points = np.stack([x, y, z], axis=2)
    down, across = np.gradient(points, axis=0), np.gradient(points, axis=1)
    normals = sign * np.cross(across, down) * [1.0, -1.0, 1.0]
    normals /= np.maximum(np.linalg.norm(normals, axis=2, keepdims=True), 1e-9)
    columns = x.shape[1]
    share = np.linspace(0.0, 1.0, columns)[None, :, None] ** 2
    filling = (1.0 - share) * colours[0][take][:, None] + share * colours[1][take][:, None]
    ragged = gaussian_filter(np.random.default_rng(0).standard_normal(columns), 0.7)
    hem = one.hem + _RAGGED * height * ragged
    fade = 0.5 * _FADE_OUT * height
    cover = smoothstep(0.0, _FADE_IN * height, rows - rows[0])[:, None] * np.ones(columns)
    if np.isfinite(one.hem):
        cover = cover * (1.0 - smoothstep(-fade, fade, rows[:, None] - hem))
    cover[:, 0] = 0.0
    around = np.linalg.norm(np.diff(points, axis=1)[..., ::2], axis=2).mean(axis=0)
    u = np.concatenate([[0.0], np.cumsum(around)])
    places = np.stack(np.broadcast_arrays(sign * u, _DRAWN_OUT * rows[:, None]), axis=2)
    seen = np.broadcast_to(np.arange(columns) < _FRONT, x.shape)
    corner = np.arange(len(rows) * columns).reshape(len(rows), columns)
    a, b, c, d = corner[:-1, :-1], corner[:-1, 1:], corner[1:, :-1], corner[1:, 1:]
    triangles = np.concatenate(
        [np.stack(t, axis=-1).reshape(-1, 3) for t in ((a, b, c), (b, d, c))]
    )
    return _Sheet(
        points.reshape(-1, 3).astype(np.float32),
        normals.reshape(-1, 3).astype(np.float32),
        triangles.astype(np.int32),
        seen.reshape(-1).astype(np.float32),
        filling.reshape(-1, 3).astype(np.float32),
        cover.reshape(-1).astype(np.float32),
        places.reshape(-1, 2).astype(np.float32),
    )


def _front(
    depth: np.ndarray,
    rows: np.ndarray,
    inner: np.ndarray,
    sign: float,
    ear: np.ndarray,
    hair: LongHair,
) -> np.ndarray:
    """(R,) how far the front edge lies before the ear's middle: on the face where it is there."""
    height = hair.height
    at = np.clip(np.rint(inner).astype(np.int64), 0, depth.shape[1] - 1)
    surface = depth[rows, at] - ear[2]
    on_head = np.isfinite(depth[rows])
    column = np.arange(depth.shape[1])
    edge = np.where(on_head, sign * column, -np.inf).max(axis=1)
    within = sign * inner < edge - _BARE * height
    level = np.abs(rows - ear[1]) < 0.15 * height
    least, most = _BEFORE
    out = np.where(
        within & np.isfinite(surface), np.clip(surface, least * height, most * height), np.nan
    )
    out[level & ~within] = _BEHIND_EAR * height
    known = np.isfinite(out)
    out = (
        np.interp(rows, rows[known], out[known])
        if known.any()
        else np.full(len(rows), least * height)
    )
    return gaussian_filter1d(out, _SMOOTH * height / _STEP, mode="nearest")


def _row_colours(
    hair: LongHair, one: SideHair, coarse: np.ndarray, person: np.ndarray
) -> np.ndarray:
    """(N, 3) mean colour of the hair's outer half in each row, even where a row shows none."""
    outside = one._replace(inner=0.5 * (one.inner + one.outer))
    alone = hair._replace(sides=(outside, outside)).mask(len(coarse))
    own = smoothstep(*_FILLS, hair.own)
    own = (own * alone * cv2.erode(person.astype(np.uint8), np.ones((5, 5))))[hair.rows]
    # What a front shows of it is in the shade of what is beside it.
    weights = own * (coarse[hair.rows] @ LUMA) ** 2
    share = weights.sum(axis=1)
    total = (coarse[hair.rows] * weights[..., None]).sum(axis=1)
    blur = _COLOUR_SMOOTH * hair.height
    total = gaussian_filter1d(total, blur, axis=0) + 1e-3 * total.sum(axis=0) / len(total)
    share = gaussian_filter1d(share, blur) + 1e-3 * share.sum() / len(share)
    return np.asarray(total / np.maximum(share, 1e-9)[:, None])


def lay_over(head: Shaded, curtain: Shaded) -> Shaded:
    """A drawing over another one, where it is opaque."""
    rest = 1.0 - curtain.cover
    solid = curtain.cover > 0.5
    return Shaded(
        colour=curtain.colour + rest[..., None] * head.colour,
        cover=curtain.cover + rest * head.cover,
        seen=curtain.seen + rest * head.seen,
        depth=np.where(solid, np.maximum(curtain.depth, head.depth), head.depth),
    )
