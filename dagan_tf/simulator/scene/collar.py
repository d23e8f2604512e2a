"""A shirt's collar, as a surface that stands round the neck.

A front shows it below the chin only; from the side it would be missing, and the neck bare down to
the shoulders. The surface begins at the collar's edge, which rises towards the nape, widens down to
the shoulders, and shows the photo's columns below the jaw, on its back half these once more.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dagan_tf.simulator.head.regions import smoothstep
from dagan_tf.simulator.render.camera import Camera
from dagan_tf.simulator.render.grid import Grids
from dagan_tf.simulator.scene.curtain import Curtain, grid_triangles
from dagan_tf.simulator.scene.neckline import Neckline

# It is put on between these turns from the photo, degrees; at less the photo's own is seen.
_TURNS = (20.0, 35.0)
# Lengths in heights, brow to chin, but for what is across: in half the jaw's width.
# At the nape its edge is so much higher than at the sides. A V that a front shows would be an arch
# from the side: so much of its rise is that of a plane, which is a line from there.
_RISE, _STRAIGHT = 0.22, 0.6
# Its front and its back lie so far before the chin; so far below its edge it ends, and from its
# edge to there it is wider by these.
_FRONT, _BACK, _LONG = -0.3, -1.25, 0.9
_WIDER = np.array([0.0, 0.03, 0.07, 0.12, 0.2, 0.35, 0.55])
_AROUND = 49
# From the front to the side it shows the columns up to the first, from there to the nape back to
# the second: farther out there is the jacket, or the neck ends. Its edge shows what lies so far
# below the photo's.
_SHOWS, _WITHIN = (0.75, 0.6), 0.03
# It faces down by so much.
_DOWN = 0.2
# Light falls from the front: at the nape there is so much less, a part of it.
_DARKER = 0.35
# Of the neck beside it so much light is lost.
_SHADE = 0.4
# So much of the neck that stands out of it is hidden.
_HIDES = 0.3


def put_on_collar(line: Neckline, chin: np.ndarray, camera: Camera, grids: Grids) -> Curtain:
    """Builds the surface.

    Args:
        line: its edge, pixels of the work grid.
        chin: (3,) the chin as `camera` sees it.
        camera: the photo's, to pixels of the canvas.
        grids: of the photo.

    Returns:
        (7 * 49) vertices, from the edge down, each row from the nape round to the nape.
    """
    canvas, work = grids.canvas, grids.work
    angles = np.linspace(-np.pi, np.pi, _AROUND)  # 0 is the front.
    side, ahead = np.sin(angles), np.cos(angles)
    behind = np.clip(-ahead, 0.0, None)
    down = np.linspace(0.0, _LONG, len(_WIDER))[:, None]
    wider = _WIDER[:, None] * line.height
    risen = (1.0 - _STRAIGHT) * np.abs(side) + _STRAIGHT * (1.0 - ahead)
    edge = line.below_chin(np.where(ahead > 0, risen, 1.0)) - _RISE * behind
    middle = float(chin[2]) * work.per(canvas) + 0.5 * (_FRONT + _BACK) * line.height
    deep = 0.5 * (_FRONT - _BACK) * line.height
    shape = _stacked(
        line.middle + (line.half + wider) * side,
        line.chin + (edge + down) * line.height,
        middle + (deep + wider) * ahead,
    )
    shows = np.where(ahead > 0, np.minimum(np.abs(side), _SHOWS[0]), _SHOWS[0])
    across = np.sign(side) * (shows - (_SHOWS[0] - _SHOWS[1]) * behind)
    positions = _stacked(
        line.middle + across * line.half + 0.5 * np.sign(side) * wider,
        line.chin + (line.below_chin(across) + _WITHIN + down) * line.height,
    )
    outwards = _stacked(side, np.full_like(down, -_DOWN), ahead) / np.hypot(1.0, _DOWN)
    one = np.ones(len(shape), np.float32)
    return Curtain(
        vertices=camera.unproject(work.carry_depth(shape, canvas)),
        normals=(outwards @ camera.rotation).astype(np.float32),
        triangles=grid_triangles(1, len(_WIDER), _AROUND),
        positions=work.carry(positions, canvas),
        # Its colours are the photo's, however it faces.
        facing=np.inf * one,
        visible=one,
        inside=one,
        filling=np.zeros((len(shape), 3), np.float32),
        cover=one,
        light=np.tile(1.0 - _DARKER * (0.5 - 0.5 * ahead), len(_WIDER)).astype(np.float32),
        shade=_SHADE,
        strands=np.zeros((1, 1), np.float32),
        grain_places=np.zeros((len(shape), 2), np.float32),
        hides=_HIDES * line.height * canvas.per(work) / camera.scale,
    )


def as_worn(collar: Curtain, turn: float) -> Curtain | None:
    """A collar in a view turned by so many degrees from the photo; None where it shows its own."""
    share = float(smoothstep(*_TURNS, abs(turn)))
    if not share:
        return None
    # From below: half transparent it would be a ghost.
    height = collar.hides / _HIDES
    lowered = np.array([0.0, (1.0 - share) * _LONG * height, 0.0], np.float32)
    return replace(collar, vertices=collar.vertices - lowered)


def _stacked(*columns: np.ndarray) -> np.ndarray:
    """(R * C, K) float32 of arrays that go together to (R, C)."""
    whole = np.stack(np.broadcast_arrays(*columns), axis=2)
    return whole.reshape(-1, len(columns)).astype(np.float32)
