"""A surface of its own about the head, which turns with it: long hair, or a collar.

Of hair, which `sheets.py` hangs, the front shows the photo; what a front does not show of it is
filled with the same rows' colours and with strands. `collar.py` makes the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from dagan_tf.simulator.head.regions import smoothstep
from dagan_tf.simulator.render import shading
from dagan_tf.simulator.render.camera import Camera
from dagan_tf.simulator.render.grid import SUPERSAMPLING
from dagan_tf.simulator.render.rasterizer import Raster, rasterize
from dagan_tf.simulator.render.shading import Shaded, shade, soften_rim
from dagan_tf.simulator.scene.texture import STRETCH, HeadTexture

# Its shade on the head reaches so far, of the frame.
_SHADE_REACH = 0.015
# Its inner side is so much darker, a factor, between these cosines to the line of sight.
_INNER, _TURNS = 0.55, (-0.2, 0.2)


@dataclass(frozen=True, eq=False)
class Curtain:
    """A surface of K vertices.

    Attributes:
        vertices: (K, 3) float32, model units.
        normals: (K, 3) float32, outwards, model axes.
        triangles: (T, 3) int32.
        positions: (K, 2) float32, in the photo, pixels of the canvas.
        facing: (K,) float32, cosine to the line of sight in the photo.
        visible: (K,) float32, 1 where the photo shows it.
        inside: (K,) float32 in [0, 1], surely its own colour there.
        filling: (K, 3) float32, colour where the photo does not show it.
        cover: (K,) float32 in [0, 1], how opaque.
        light: (K,) float32, by what its colours are multiplied.
        shade: in [0, 1], how much light what is drawn behind it loses close beside it.
        strands: (G, G) float32, its fine structure; see `grain.py`.
        grain_places: (K, 2) float32, places in it.
        hides: model units; what of the head stands out of it by less is hidden.
    """

    vertices: np.ndarray
    normals: np.ndarray
    triangles: np.ndarray
    positions: np.ndarray
    facing: np.ndarray
    visible: np.ndarray
    inside: np.ndarray
    filling: np.ndarray
    cover: np.ndarray
    light: np.ndarray
    shade: float
    strands: np.ndarray
    grain_places: np.ndarray
    hides: float

    def values(self, normals: np.ndarray, settled: float) -> np.ndarray:
        """What `shading.shade` spreads over the pixels of a view.

        Args:
            normals: (K, 3) in the view's camera axes.
            settled: in [0, 1], as of `HeadTexture.values`.

        Returns:
            (K, 24) float32.
        """
        stretch = self.facing / np.maximum(normals[:, 2], 0.15)
        well = self.inside * smoothstep(*STRETCH, stretch)
        out = np.zeros((len(normals), shading.COLUMNS), np.float32)
        out[:, shading.X : shading.Y + 1] = self.positions
        out[:, shading.TRUST] = self.visible * (1.0 - settled * (1.0 - well))
        lit = _INNER + (1.0 - _INNER) * smoothstep(*_TURNS, normals[:, 2])
        out[:, shading.HAIR_COLOUR : shading.HAIR_COLOUR + 3] = self.filling * lit[:, None]
        out[:, shading.COVER] = self.cover
        out[:, shading.U : shading.V + 1] = self.grain_places
        out[:, shading.HAIR] = 1.0
        out[:, shading.GAIN : shading.GAIN + 3] = self.light[:, None]
        return out


def grid_triangles(sheets: int, rows: int, columns: int) -> np.ndarray:
    """(T, 3) int32: two for each square of sheets whose vertices are listed row by row."""
    corner = np.arange(sheets * rows * columns, dtype=np.int32).reshape(sheets, rows, columns)
    a, b = corner[:, :-1, :-1], corner[:, :-1, 1:]
    c, d = corner[:, 1:, :-1], corner[:, 1:, 1:]
    both = [np.stack(three, axis=-1).reshape(-1, 3) for three in ((a, b, c), (b, d, c))]
    return np.concatenate(both)


def draw_before(
    head: Shaded,
    raster: Raster,
    curtain: Curtain,
    camera: Camera,
    settled: float,
    texture: HeadTexture,
) -> tuple[Shaded, np.ndarray]:
    """Draws a curtain before and behind a head.

    Args:
        head: drawn.
        raster: the head's, from which it was drawn.
        curtain: hair or collar.
        camera: the view's, to pixels of the raster.
        settled: as of `Curtain.values`.
        texture: the head's.

    Returns:
        Both in one drawing, and (S, S) float32 in [0, 1], how far each pixel shows the curtain.
    """
    projected = camera.project(curtain.vertices)
    hair = rasterize(projected, curtain.triangles, *raster.triangle_ids.shape)
    hidden = hair.depth + curtain.hides * camera.scale < raster.depth
    hair = hair._replace(triangle_ids=np.where(hidden, np.int32(-1), hair.triangle_ids))
    normals = curtain.normals @ camera.rotation.T.astype(np.float32)
    values = curtain.values(normals, settled)
    grain = texture.grain._replace(strands=curtain.strands)
    drawn = soften_rim(shade(hair, curtain.triangles, values, texture.photo, grain, SUPERSAMPLING))
    near = cv2.GaussianBlur(drawn.cover, (0, 0), _SHADE_REACH * len(drawn.cover))
    rest = 1.0 - drawn.cover
    lit = rest * (1.0 - settled * curtain.shade * near)
    nearest = np.where(drawn.cover > 0.5, np.maximum(drawn.depth, head.depth), head.depth)
    both = Shaded(
        colour=drawn.colour + lit[..., None] * head.colour,
        cover=drawn.cover + rest * head.cover,
        seen=drawn.seen + rest * head.seen,
        depth=nearest,
    )
    return both, drawn.cover
