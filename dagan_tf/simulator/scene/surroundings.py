"""The photo's surroundings as a mesh joined to the head: shoulders and backdrop turn with it.

Rings of vertices surround the head. The innermost lies on the head's outline, in the photo and in
the view, and so follows it; the outermost stays. Between them the picture gives way smoothly, so
nothing tears (the joined background mesh of Zhu et al., CVPR 2016, on rays instead of a Delaunay
net). What it shows is the photo without head and hair, which the head brings along itself.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dagan_tf.core.pixels import from_levels
from dagan_tf.simulator.head.regions import smoothstep
from dagan_tf.simulator.render.grid import middle
from dagan_tf.simulator.render.rasterizer import interpolate, rasterize
from dagan_tf.simulator.scene.outline import ray_directions

# Every how many rays the mesh has a spoke.
_SPOKE = 3
# Rings in outline radii; inside 1 is under the head.
_RINGS = np.array([0.0, 0.45, 0.75, 1.0, 1.1, 1.25, 1.5, 1.8, 2.2])
# The surroundings come to rest this many outline radii from the centre.
_REST = 2.2
# The last ring lies this many frame sides from the centre, beyond all corners.
_FAR = 2.0
# The backdrop lies this many outline radii behind the skull's centre.
_BEHIND = 1.0
# Downward part of a ray's direction from which on what it meets is neck, and is shoulders.
_SHOULDERS = (0.25, 0.75)


class HeadOutline(NamedTuple):
    """A head in an image.

    Attributes:
        centre: (2,) pixel of the skull's centre.
        radii: (180,) pixels, its outline along the rays of `ray_directions`.
        neck: (2,) pixel where the neck ends.
    """

    centre: np.ndarray
    radii: np.ndarray
    neck: np.ndarray


class Surroundings(NamedTuple):
    """What is seen around the head.

    Attributes:
        places: (S, S, 2) float32, the photo's pixel that each pixel shows.
        depth: (S, S) float32 pixels, 0 at the skull's centre.
    """

    places: np.ndarray
    depth: np.ndarray


def _connect() -> np.ndarray:
    """(T, 3) triangles between neighbouring spokes and rings, the last ring included."""
    spokes, rings = len(ray_directions()) // _SPOKE, len(_RINGS) + 1
    ring, spoke = np.mgrid[0 : rings - 1, 0:spokes]
    here, beside = ring * spokes + spoke, ring * spokes + (spoke + 1) % spokes
    squares = np.stack([here, beside, here + spokes, beside + spokes], axis=-1).reshape(-1, 4)
    return np.concatenate([squares[:, [0, 1, 2]], squares[:, [1, 3, 2]]]).astype(np.int32)


_TRIANGLES = _connect()


def surroundings(source: HeadOutline, target: HeadOutline, size: int) -> Surroundings:
    """Draws the joined mesh of a view.

    Args:
        source: the head in the photo, in pixels of the frame (of the same scale as the view's).
        target: the head in the view, pixels of the frame.
        size: side S of the frame.

    Returns:
        Where each pixel of the view lies in the photo, in pixels of the frame.
    """
    spokes = ray_directions()[::_SPOKE]
    old, new = source.radii[::_SPOKE], target.radii[::_SPOKE]
    steps = _RINGS[:, None]
    reach = new * steps
    # From the outline on, as far from the old outline as the view's pixel is from the new one.
    before = np.where(steps < 1.0, old * steps, old + new * (steps - 1.0))
    settled = smoothstep(1.0, _REST, steps)[..., None]
    placed = target.centre + reach[..., None] * spokes
    moved = source.centre + before[..., None] * spokes
    # Shoulders are no rim of the head: they go with the neck, and keep their shape.
    below = smoothstep(*_SHOULDERS, spokes[:, 1])[None, :, None]
    moved = (1.0 - below) * moved + below * (placed - target.neck + source.neck)
    shown = (1.0 - settled) * moved + settled * placed
    last = middle(size) + _FAR * size * spokes
    placed = np.concatenate([placed, last[None]]).reshape(-1, 2)
    shown = np.concatenate([shown, last[None]]).reshape(-1, 2)
    away = np.clip((_RINGS - 1.0) / (_REST - 1.0), 0.0, 1.0)
    back = -_BEHIND * float(new.mean()) * np.append(away, 1.0)
    # Depth of the drawing only orders overlapping rings: the inner ones win.
    order = -np.repeat(np.arange(len(_RINGS) + 1.0), len(spokes))
    vertices = np.concatenate([placed, order[:, None]], axis=1).astype(np.float32)
    values = np.concatenate([shown, np.repeat(back, len(spokes))[:, None]], axis=1)
    raster = rasterize(vertices, _TRIANGLES, size, size)
    spread = interpolate(raster, _TRIANGLES, values.astype(np.float32))
    return Surroundings(places=spread[..., :2], depth=spread[..., 2])


def compose(head: np.ndarray, coverage: np.ndarray, around: np.ndarray) -> np.ndarray:
    """Lays the head over its surroundings.

    Args:
        head: (S, S, 3) float32 in [0, 255], already multiplied by its coverage.
        coverage: (S, S) float32 in [0, 1].
        around: (S, S, 3) in [0, 255].

    Returns:
        (S, S, 3) uint8.
    """
    mixed = head + (1.0 - coverage[..., None]) * around
    return from_levels(mixed)
