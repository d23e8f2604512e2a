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
# A turned person's far shoulder is drawn no narrower than this, and the near one.
_NARROWEST = 0.35
# Shoulders are sought no farther beyond the neck than so many outline radii: photos end.
_ARM = 1.0
# Shoulders lie so many outline radii behind the neck's middle.
_BEHIND_NECK = 0.4
# Shoulders are away before the throat once they are drawn narrower by so much, and what would be
# sought farther away than these, outline radii, is not there.
_AWAY = (0.12, 0.28)
_TOO_FAR = (0.3, 0.6)
# Half the width over which that sets in at the throat, outline radii.
_THROAT = 0.15
# The head covers the throat from this part of the way from the neck's middle on.
_COVERED = 0.6


class HeadOutline(NamedTuple):
    """A head in an image.

    Attributes:
        centre: (2,) pixel of the skull's centre.
        radii: (180,) pixels, its outline along the rays of `ray_directions`.
        neck: (2,) pixel where the neck ends.
        throat: (2,) pixels to the right of it, the neck's left and right edge.
        yaw: degrees, how far it is turned.
    """

    centre: np.ndarray
    radii: np.ndarray
    neck: np.ndarray
    throat: np.ndarray
    yaw: float


class Surroundings(NamedTuple):
    """What is seen around the head.

    Attributes:
        places: (S, S, 2) float32, the photo's pixel that each pixel shows.
        depth: (S, S) float32 pixels, 0 at the skull's centre.
        hidden: (S, S) float32 in [0, 1], 1 where a turned person's shoulder no longer hides what is
            behind, before the throat: no place in the photo shows that.
    """

    places: np.ndarray
    depth: np.ndarray
    hidden: np.ndarray


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
    beside = placed - target.neck
    beside[..., 0] = _beside_neck(beside[..., 0], source, target)
    moved = (1.0 - below) * moved + below * (source.neck + beside)
    settled = settled * (1.0 - below)
    shown = (1.0 - settled) * moved + settled * placed
    far = np.linalg.norm(shown - placed, axis=2) / float(new.mean())
    hidden = _before_throat(placed[..., 0], target, source.yaw) * smoothstep(*_TOO_FAR, far)
    hidden *= smoothstep(*_AWAY, 1.0 - _drawn(source, target))
    hidden = np.concatenate([hidden, hidden[-1:]]).reshape(-1, 1)
    last = middle(size) + _FAR * size * spokes
    placed = np.concatenate([placed, last[None]]).reshape(-1, 2)
    shown = np.concatenate([shown, last[None]]).reshape(-1, 2)
    away = np.clip((_RINGS - 1.0) / (_REST - 1.0), 0.0, 1.0)
    back = -_BEHIND * float(new.mean()) * np.append(away, 1.0)
    # Depth of the drawing only orders overlapping rings: the inner ones win.
    order = -np.repeat(np.arange(len(_RINGS) + 1.0), len(spokes))
    vertices = np.concatenate([placed, order[:, None]], axis=1).astype(np.float32)
    values = np.concatenate([shown, np.repeat(back, len(spokes))[:, None], hidden], axis=1)
    raster = rasterize(vertices, _TRIANGLES, size, size)
    spread = interpolate(raster, _TRIANGLES, values.astype(np.float32))
    return Surroundings(places=spread[..., :2], depth=spread[..., 2], hidden=spread[..., 3])


def _drawn(source: HeadOutline, target: HeadOutline) -> float:
    """How broad a view shows shoulders that the photo shows 1 broad, at most 1."""
    before, after = (float(np.cos(np.radians(head.yaw))) for head in (source, target))
    return min(after / max(before, 1e-6), 1.0)


def _beside_neck(beside: np.ndarray, source: HeadOutline, target: HeadOutline) -> np.ndarray:
    """Where a photo shows what a view shows beside the neck, pixels to the right of the neck.

    Shoulders lie in a plane through the nape. Turned, the far one draws near the neck and comes out
    from behind the throat lower down; the near one comes towards the viewer. What a view shows of
    the neck is neck.

    Args:
        beside: pixels to the right of the neck, in the view.
        source: the head in the photo.
        target: the head in the view.
    """
    ahead = 1.0 if target.yaw >= source.yaw else -1.0
    drawn = max(_drawn(source, target), _NARROWEST)
    arm = _ARM * float(source.radii.mean())
    (rear, far), (rear_before, far_before) = (
        np.sort(ahead * head.throat) for head in (target, source)
    )
    behind = _BEHIND_NECK * float(source.radii.mean())
    sines = [ahead * float(np.sin(np.radians(yaw))) for yaw in (source.yaw, target.yaw)]
    hidden = (far + behind * sines[1]) / drawn - behind * sines[0]
    hidden = float(np.clip(hidden, far_before, far_before + arm))
    view = [rear - arm, rear, 0.0, _COVERED * far, far, far + arm]
    photo = [rear_before - drawn * arm, rear_before, 0.0, _COVERED * far_before, hidden]
    photo.append(hidden + arm)
    along = ahead * beside
    within = np.interp(along, view, photo)
    return np.asarray(
        ahead * (within + np.minimum(along - view[0], 0.0) + np.maximum(along - view[-1], 0.0))
    )


def _before_throat(columns: np.ndarray, target: HeadOutline, before: float) -> np.ndarray:
    """In [0, 1]: which columns of a view lie before the throat of a head turned from a yaw."""
    ahead = 1.0 if target.yaw >= before else -1.0
    edge = max(ahead * target.throat)
    along = (ahead * (columns - target.neck[0]) - edge) / float(target.radii.mean())
    return smoothstep(-_THROAT, _THROAT, along)


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
