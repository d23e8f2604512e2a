"""The colours of the ears that are laid on a head: its skin's, in the light that folds leave."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dagan_tf.simulator.head.ears import LaidEars
from dagan_tf.simulator.head.mesh import Mesh
from dagan_tf.simulator.head.morphable_model import MorphableModel
from dagan_tf.simulator.head.regions import HeadRegions, smoothstep
from dagan_tf.simulator.render import shading
from dagan_tf.simulator.render.camera import Camera
from dagan_tf.simulator.render.occlusion import sky_seen
from dagan_tf.simulator.scene.grain import at_vertices
from dagan_tf.simulator.scene.lighting import LUMA, rolled_off

# How much of the light counts, by channel: light that went through the skin is red, so shadows are.
_RED_SHADOWS = (0.65, 0.95, 1.08)
# What the ear is brightened by where it gets as much light as the skin around it, by channel.
_TINT = (0.97, 0.95, 0.95)
# How much the shade of the ear on the head counts, light that it takes from nothing, and rounds of
# smoothing over which it ends around the ear.
_BESIDE, _UNLIT, _REACH = 0.8, 0.05, 4
# Gloss on it stays below so many times the brightness that is seen of skin: folds stay visible.
_MOST = 1.08
# Around the ear there is hair above the second of these shares, and none below the first.
_HAIRLINE = (0.3, 0.7)


@dataclass(frozen=True, eq=False)
class EarTexture:
    """The ears of one photo's head.

    Attributes:
        laid: how they lie on it.
        beside: (V,) float32, what `light_beside` returned.
        brightest: the skin's brightness where the photo shows it bright, grey levels.
        positions: (V + 2 N, 2) float32, where the head with them is in the photo, pixels.
        within: (V + 2 N,) float32, 1 where the photo shows all around it, 0 beyond its edges.
    """

    laid: LaidEars
    beside: np.ndarray
    brightest: float
    positions: np.ndarray
    within: np.ndarray

    def values(self, head: np.ndarray, settled: float) -> np.ndarray:
        """What `shading.shade` spreads over the pixels of a view.

        Args:
            head: (V, 24) float32, what `HeadTexture.values` returned.
            settled: in [0, 1], as there.

        Returns:
            (V + 2 N, 24) float32: a turned head's ears are filled, not shown.
        """
        flat = self.laid.flattened(head)
        bare = self.laid.flat
        flat[bare, shading.HAIR] = smoothstep(*_HAIRLINE, flat[bare, shading.HAIR])
        gain = slice(shading.GAIN, shading.GAIN + 3)
        before = self.laid.fastened(flat[:, gain])
        flat[:, gain] *= self.beside[:, None] ** np.float32(settled)
        patches = self.laid.fastened(flat)
        # At its rim the patch is the head it is fastened to, hair or skin.
        own = self.laid.own[:, None]
        patches[:, [shading.TRUST, shading.COVER]] = 1.0
        patches[:, shading.HAIR] *= 1.0 - self.laid.own
        lit = before * self._shades() ** np.float32(settled)
        brightness = (patches[:, shading.RED : shading.BLUE + 1] * lit) @ LUMA
        lit *= rolled_off(brightness, _MOST * self.brightest)[:, None] ** settled
        patches[:, gain] += own * (lit - patches[:, gain])
        out = np.concatenate([flat, patches])
        out[:, shading.X : shading.Y + 1] = self.positions
        filled = np.concatenate([bare, np.arange(len(head), len(out))])
        shown = np.float32(1.0 - settled)
        out[filled, shading.TRUST] *= shown * self.within[filled]
        out[filled, shading.MIRROR_TRUST] *= shown
        return out

    def _shades(self) -> np.ndarray:
        """(2 N, 3) float32, factors by channel."""
        light = self.laid.light[:, None]
        shadows = np.minimum(light, 1.0) ** np.array(_RED_SHADOWS, np.float32)
        return np.asarray(shadows * np.maximum(light, 1.0) * np.array(_TINT, np.float32))


class EarMaker:
    """Lays the ears of one model on the heads of photos.

    Attributes:
        mesh: of the head with these ears.
    """

    def __init__(self, laid: LaidEars, mean: np.ndarray, bare: Mesh):
        """Works out what all photos share.

        Args:
            laid: how they lie on the model.
            mean: (V, 3) its mean head.
            bare: its connectivity.
        """
        self.mesh = Mesh(laid.vertices(mean), laid.triangles)
        self._laid = laid
        self._beside = light_beside(laid, mean, bare)

    def read(
        self, vertices: np.ndarray, camera: Camera, shown: np.ndarray, brightest: float
    ) -> EarTexture:
        """The ears of one head in its photo.

        Args:
            vertices: (V, 3) float32, the head.
            camera: the photo's, to pixels of the canvas.
            shown: (C, C) bool, what of the canvas lies inside the photo.
            brightest: as of `HeadTexture`.
        """
        positions = camera.project(self._laid.vertices(vertices))[:, :2].astype(np.float32)
        positions = np.ascontiguousarray(positions)
        inside = (at_vertices(shown, positions) > 0.99).astype(np.float32)
        within = self.mesh.least_around(inside)
        return EarTexture(self._laid, self._beside, brightest, positions, within)


def ear_maker(model: MorphableModel, mesh: Mesh, regions: HeadRegions) -> EarMaker | None:
    """What lays the ears, or None for a model that keeps its own."""
    if model.ear is None or model.mirror is None:
        return None
    parts = (mesh, model.mirror, model.landmark_vertices, regions)
    return EarMaker(LaidEars(model.ear, model.mean, *parts), model.mean, mesh)


def light_beside(laid: LaidEars, mean: np.ndarray, mesh: Mesh) -> np.ndarray:
    """The light that ears leave to the head behind them.

    Args:
        laid: how they lie on it.
        mean: (V, 3) the mean head.
        mesh: its connectivity.

    Returns:
        (V,) float32 in [0, 1], 1 where they take none.
    """
    flat, whole = laid.flattened(mean), laid.vertices(mean)
    normals = mesh.normals(flat)
    lit = np.concatenate([normals, np.zeros_like(whole[len(mean) :])])
    before = sky_seen(flat, normals, mesh.triangles)
    after = sky_seen(whole, lit, laid.triangles)[: len(mean)]
    # What sees next to nothing of the sky anyway loses nothing.
    left = np.clip((after + _UNLIT) / (before + _UNLIT), 0.0, 1.0)
    near = np.zeros(len(mean), np.float32)
    near[laid.flat] = 1.0
    return np.asarray(left ** (_BESIDE * mesh.smooth(near, _REACH)), np.float32)
