"""The shape and the colours of a curtain of long hair.

On either side a sheet goes from the hair's edge at the face, where the photo shows it, round its
outer edge to the middle of the back, row by row. So it covers ear, nape and the neck's side.
"""

from __future__ import annotations

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter, gaussian_filter1d, grey_closing

from dagan_tf.simulator.head.regions import HeadRegions, smoothstep
from dagan_tf.simulator.render.camera import Camera
from dagan_tf.simulator.render.grid import Grids
from dagan_tf.simulator.scene.curtain import Curtain, grid_triangles
from dagan_tf.simulator.scene.grain import at_vertices, strands, structure_of, style_of
from dagan_tf.simulator.scene.lighting import LUMA
from dagan_tf.simulator.scene.long_hair import LongHair, SideHair

# Columns of a sheet from its front edge to its widest place, and from there to the back's middle;
# rows of the photo's work grid from one of the sheet's to the next. The first column is tucked in.
_FRONT, _BACK, _STEP = 10, 11, 2
# All that follows in heights, brow to chin. The sheet is at least so thick, and its front edge lies
# so far before the ears' middle: least and most, and behind a bare ear.
_THICK, _BEFORE, _BEHIND_EAR = 0.05, (0.05, 0.6), -0.12
# From its front edge it is tucked in, behind cheek and neck, by this much inwards and backwards.
_TUCK = (0.1, 0.25)
# Its widest place lies so far behind the ears' middle, and behind its front edge.
_WIDEST = 0.05
# An ear is bare if the hair's edge is no farther in than this from the head's outline, in rows so
# near to the ear's middle.
_BARE, _EAR = 0.03, 0.15
# Dents of its front edge that are shorter are none.
_STRAIGHT = 0.6
# Locks let it go forwards and backwards by this much (a deviation), smoothed down the rows by this.
_WAVES, _WAVE = 0.01, 0.06
# Of the face beside it so much light is lost.
_SHADE = 0.35
# Smoothing down the rows: of its front edge's depth, of its colour.
_SMOOTH, _COLOUR_SMOOTH = 0.16, 0.25
# A row's colour is the mean of all rows by this part, more where it shows less.
_ALL = 0.03
# It fades in over this much from its upper end, and out over the second about its hem, which goes
# up and down by the third (deviation before it is smoothed).
_FADE_IN, _FADE_OUT, _RAGGED = 0.2, 0.1, 0.08
# It hides what of the head stands out of it by less.
_HIDES = 0.1
# Nearer to the person's outline than the first a pixel may be backdrop, beyond the second not.
_INSIDE = (0.03, 0.08)
# Parts of a pixel that are hair from which on it is shown, and gives its colour to what is filled.
_SHOWN, _FILLS = (0.2, 0.5), (0.75, 0.95)
# So many times brighter than hair the photo shows backdrop between locks: none below the first,
# surely above the second; looked for so far around, pixels, and what is added to brightness.
_BACKDROP, _GAP, _DARKEST = (1.8, 3.0), 7, 10.0


def hang_curtain(
    hair: LongHair,
    photo: np.ndarray,
    coarse: np.ndarray,
    person: np.ndarray,
    depth: np.ndarray,
    projected: np.ndarray,
    camera: Camera,
    regions: HeadRegions,
    grids: Grids,
) -> Curtain:
    """Builds the sheets.

    Args:
        hair: where the photo shows it, pixels of the work grid.
        photo: (C, C, 3) uint8.
        coarse: (W, W, 3) uint8, the photo at a lower resolution.
        person: (W, W) bool.
        depth: (W, W) float32, of the fitted head without hair, pixels; -inf off it.
        projected: (V, 3) the head as `camera` sees it.
        camera: the photo's, to pixels of the canvas.
        regions: the head's.
        grids: whose canvas has C pixels a side and whose work grid W.
    """
    canvas, work = grids.canvas, grids.work
    placed = canvas.carry_depth(projected, work)
    shapes = [_shape(hair, one, depth, placed, regions) for one in hair.sides]
    points = np.concatenate([shape.reshape(-1, 3) for shape in shapes]).astype(np.float32)
    seen = np.concatenate([_normals(shape).reshape(-1, 3) for shape in shapes])
    covers = [_cover(hair, one, shape) for one, shape in zip(hair.sides, shapes, strict=True)]
    grain_places = [_grain_places(shape).reshape(-1, 2) for shape in shapes]
    luma = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY).astype(np.float32)
    beside = canvas.spread((hair.mask(work.side) * hair.own * person).astype(np.float32))
    structure = structure_of(luma, beside)
    fine = strands(style_of(structure), hair.height * canvas.per(work), structure)
    rows, columns = shapes[0].shape[:2]
    column = np.arange(columns)
    front = np.broadcast_to((column > 0) & (column <= _FRONT), (2, rows, columns))
    distance = cv2.distanceTransform(person.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    deep = at_vertices(distance, points[:, :2]) / hair.height
    own = smoothstep(*_SHOWN, at_vertices(hair.own, points[:, :2]))
    vertices = work.carry_depth(points, canvas)
    filling = _filling(hair, coarse, person, columns).astype(np.float32)
    # What is brighter than hair by far is backdrop between its locks.
    brightest = cv2.dilate(luma, np.ones((_GAP, _GAP), np.uint8))
    over = at_vertices(brightest, vertices[:, :2]) / (filling @ LUMA + _DARKEST)
    own = own * (1.0 - smoothstep(*_BACKDROP, over))
    return Curtain(
        vertices=camera.unproject(vertices),
        normals=(seen @ camera.rotation).astype(np.float32),
        triangles=grid_triangles(2, rows, columns),
        positions=np.ascontiguousarray(vertices[:, :2]),
        facing=seen[:, 2].astype(np.float32),
        visible=front.reshape(-1).astype(np.float32),
        inside=(smoothstep(*_INSIDE, deep) * own).astype(np.float32),
        filling=filling,
        cover=np.concatenate([cover.reshape(-1) for cover in covers]).astype(np.float32),
        light=np.ones(len(points), np.float32),
        shade=_SHADE,
        strands=fine,
        grain_places=(canvas.per(work) * np.concatenate(grain_places)).astype(np.float32),
        hides=_HIDES * hair.height * canvas.per(work) / camera.scale,
    )


def _shape(
    hair: LongHair, one: SideHair, depth: np.ndarray, placed: np.ndarray, regions: HeadRegions
) -> np.ndarray:
    """(R, C, 3) one sheet, the photo's camera axes, pixels of the work grid."""
    height = hair.height
    rows, inner, outer = hair.rows[::_STEP], one.inner[::_STEP], one.outer[::_STEP]
    sign = _sign(one)
    outer = sign * np.maximum(sign * outer, sign * inner + _THICK * height)
    middle = placed[regions.skull, 0].mean()
    mine = regions.ear * (sign * (placed[:, 0] - middle) > 0)
    ear = np.average(placed, axis=0, weights=mine + 1e-9)
    front = ear[2] + _before_ear(depth, rows, inner, sign, ear, height)
    widest = np.minimum(ear[2], front) - _WIDEST * height
    back = placed[regions.hair > 0.5, 2].min()
    # A quarter of an ellipse to the widest place, another one to the middle of the back.
    first = np.linspace(0.0, 0.5 * np.pi, _FRONT, endpoint=False)
    second = np.linspace(0.0, 0.5 * np.pi, _BACK)
    inner, outer, front, widest = (one[:, None] for one in (inner, outer, front, widest))
    x = [
        inner - sign * _TUCK[0] * height,
        inner + (outer - inner) * np.sin(first),
        middle + (outer - middle) * np.cos(second),
    ]
    z = [
        front - _TUCK[1] * height,
        widest + (front - widest) * np.cos(first),
        widest + (back - widest) * np.sin(second),
    ]
    across = np.concatenate(x, axis=1)
    return np.stack(
        [across, np.broadcast_to(rows[:, None], across.shape), np.concatenate(z, axis=1)], axis=2
    )


def _sign(one: SideHair) -> float:
    """1 for the side at larger x, else -1."""
    return float(np.sign((one.outer - one.inner).sum())) or 1.0


def _before_ear(
    depth: np.ndarray,
    rows: np.ndarray,
    inner: np.ndarray,
    sign: float,
    ear: np.ndarray,
    height: float,
) -> np.ndarray:
    """(R,) how far the front edge lies before the ear's middle: on the face where it is there."""
    at = np.clip(np.rint(inner).astype(np.int64), 0, depth.shape[1] - 1)
    surface = depth[rows, at] - ear[2]
    column = sign * np.arange(depth.shape[1])
    edge = np.where(np.isfinite(depth[rows]), column, -np.inf).max(axis=1)
    within = sign * inner < edge - _BARE * height
    low, high = _BEFORE
    out = np.clip(surface, low * height, high * height)
    out[~(within & np.isfinite(surface))] = np.nan
    out[~within & (np.abs(rows - ear[1]) < _EAR * height)] = _BEHIND_EAR * height
    known = np.isfinite(out)
    if not known.any():
        return np.full(len(rows), low * height)
    bare = known & (out < low * height)
    out = np.interp(rows, rows[known], out[known])
    if not bare.any():
        # Before an ear that it covers it hangs straight down: no flap of cheek reaches behind it.
        out = grey_closing(out, round(_STRAIGHT * height / _STEP))
    draws = np.random.default_rng(int(sign > 0)).standard_normal(len(rows))
    waves = gaussian_filter1d(draws, _WAVE * height / _STEP, mode="nearest")
    even = gaussian_filter1d(out, _SMOOTH * height / _STEP, mode="nearest")
    return np.asarray(even + _WAVES * height * waves / max(float(waves.std()), 1e-9))


def _normals(shape: np.ndarray) -> np.ndarray:
    """(R, C, 3) unit normals of a sheet, outwards, camera axes (y up)."""
    across = np.cross(np.gradient(shape, axis=1), np.gradient(shape, axis=0))
    # Its front is seen from before.
    out = np.sign(across[:, _FRONT // 2, 2].sum()) * across * [1.0, -1.0, 1.0]
    return np.asarray(out / np.maximum(np.linalg.norm(out, axis=2, keepdims=True), 1e-9))


def _cover(hair: LongHair, one: SideHair, shape: np.ndarray) -> np.ndarray:
    """(R, C) how opaque a sheet is: soft at its upper end and at its hem."""
    rows, height = shape[..., 1], hair.height
    cover = smoothstep(0.0, _FADE_IN * height, rows - rows[0])
    if np.isfinite(one.hem):
        draws = np.random.default_rng(0).standard_normal(shape.shape[1])
        hem = one.hem + _RAGGED * height * gaussian_filter(draws, 0.7)
        fade = 0.5 * _FADE_OUT * height
        cover = cover * (1.0 - smoothstep(-fade, fade, rows - hem))
    return cover


def _grain_places(shape: np.ndarray) -> np.ndarray:
    """(R, C, 2) places in the grain, pixels of the work grid: a strand keeps its column."""
    around = np.linalg.norm(np.diff(shape, axis=1)[..., ::2], axis=2).mean(axis=0)
    along = np.concatenate([[0.0], np.cumsum(around)])
    return np.stack(np.broadcast_arrays(along, shape[..., 1]), axis=2)


def _filling(hair: LongHair, coarse: np.ndarray, person: np.ndarray, columns: int) -> np.ndarray:
    """(K, 3) colours where the photo shows none: each side's own, the mean of both at the back."""
    sides = np.stack([_row_colours(hair, one, coarse, person)[::_STEP] for one in hair.sides])
    share = np.linspace(0.0, 1.0, columns)[:, None] ** 2
    mean = sides.mean(axis=0, keepdims=True)
    return ((1.0 - share) * sides[:, :, None] + share * mean[:, :, None]).reshape(-1, 3)


def _row_colours(
    hair: LongHair, one: SideHair, coarse: np.ndarray, person: np.ndarray
) -> np.ndarray:
    """(N, 3) mean colour of the hair's outer half in each row, even where a row shows none."""
    outside = one._replace(inner=0.5 * (one.inner + one.outer))
    half = hair._replace(sides=(outside, outside)).mask(len(coarse))
    own = smoothstep(*_FILLS, hair.own) * cv2.erode(person.astype(np.uint8), np.ones((5, 5)))
    # Of hair of which nothing is sure, what there is. What is beside it shades it: the brighter.
    weights = (half * (own + 1e-6))[hair.rows] * (1.0 + coarse[hair.rows] @ LUMA)
    total, share = (coarse[hair.rows] * weights[..., None]).sum(axis=1), weights.sum(axis=1)
    blur = _COLOUR_SMOOTH * hair.height
    total = gaussian_filter1d(total, blur, axis=0) + _ALL * total.mean(axis=0)
    share = gaussian_filter1d(share, blur) + _ALL * share.mean()
    return np.asarray(total / np.maximum(share, 1e-9)[:, None])
