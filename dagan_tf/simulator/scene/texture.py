"""The head's surface, each point with where it finds its colour, made into values for a view.

A point of the head takes its colour from the photo where the photo sees it well, else from the
mirrored point if that is seen, else from a smooth filling over the surface with the grain of what
is seen of skin and hair. What the photo does not really show stays marked, so that a loss may
trust it less.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dagan_tf.simulator.head.mesh import Mesh
from dagan_tf.simulator.head.regions import HeadRegions, smoothstep
from dagan_tf.simulator.render import shading
from dagan_tf.simulator.scene.lighting import LUMA, light_on_skin, rolled_off

# A point is shown as the photo shows it unless it would be stretched too far: cosine in the photo
# over cosine in the view.
STRETCH = (0.3, 0.6)
# The same of hair: stretched it is blurred sooner than skin, and new strands are sharp.
HAIR_STRETCH = (0.5, 0.85)
# Rounds of smoothing over which a turned head's tone sets in.
BROAD = 3
# How strongly the light falls on what is filled. What the photo shows is left as it shows it:
# turned into the light it was recognised less well (benchmarks/simulator_identity.py).
FILL_LIGHT = 0.4
# Skin that the photo shows edge-on is darker there, and redder, than when turned to the light:
# below the first cosine to the line of sight it gets the filling's tone and keeps its own detail,
# above the second it stays as it is.
TONED = (0.4, 0.8)
# The same at the side of the face, which a front shows dark as a whole.
TONED_SIDE = (0.62, 0.96)
# The same, for the tone that turned heads have: it brightens what a front shows dim but leaves all
# structure, so it may reach farther.
LIT_SIDE = (0.7, 0.97)
# Rounds of smoothing over which hair thins out at the hairline: the mesh is coarser than strands.
HAIRLINE = 2
# How much darker the jaw's edge and what is below it are on a head turned half-way to its profile
# than its front shows them.
TURNED_JAW = 0.07


@dataclass(frozen=True, eq=False)
class HeadTexture:
    """Where each vertex finds its colour in the photo.

    Attributes:
        photo: (C, C, 3) uint8, the photo as fitted.
        positions: (V, 2) float32, vertex in the photo, pixels.
        visible: (V,) float32, 1 where the photo shows it and no other part of the head is nearer.
        inside: (V,) float32 in [0, 1], surely the surface's own colour: no backdrop and, off the
            face, no stain.
        facing: (V,) float32, cosine to the line of sight in the photo.
        known: (V,) float32 in [0, 1], how well the photo shows it for use elsewhere.
        local: (V, 3) float32, mean colour of the photo around each vertex.
        filling: (V, 3) float32, colour in even light where neither side is seen and there is skin.
        hair_filling: (V, 3) float32, the same where there is hair.
        shade: (V,) float32, factor on the filling, less than 1 where the head shades itself.
        light: (3,) direction of the light, camera axes.
        brightest: the skin's brightness where the photo shows it bright; the filling's limit.
        grain: fine structure of skin and hair.
        grain_places: (V, 2) float32, places in the strands.
        pore_places: (V, 2) float32, x and z of places in the pores; y is that in the strands.
        regions: the head's regions, hair where this head has it.
    """

    photo: np.ndarray
    positions: np.ndarray
    visible: np.ndarray
    inside: np.ndarray
    facing: np.ndarray
    known: np.ndarray
    local: np.ndarray
    filling: np.ndarray
    hair_filling: np.ndarray
    shade: np.ndarray
    light: np.ndarray
    brightest: float
    grain: shading.Grain
    grain_places: np.ndarray
    pore_places: np.ndarray
    regions: HeadRegions

    def values(
        self, normals: np.ndarray, settled: float, mesh: Mesh, mirror: np.ndarray | None,
        coverage: np.ndarray, gain: np.ndarray | float, turn: float,
    ) -> np.ndarray:  # fmt: skip
        """What `shading.shade` spreads over the pixels of a view.

        Args:
            normals: (V, 3) unit normals in the view's camera axes.
            settled: in [0, 1]; 0 shows all the photo shows, as in the photo's own pose; 1 only
                what may be turned.
            mesh: the head's connectivity.
            mirror: (V,) index of each vertex' mirror image, or None.
            coverage: (V,) how opaque the head is.
            gain: (V, 3) what `TurnedTone.gain` returned, or 1.
            turn: degrees between the view and the photo.

        Returns:
            (V, 24) float32.
        """
        regions = self.regions
        towards = np.maximum(normals[:, 2], 0.15)
        stretch = self.facing / towards
        of_skin, of_hair = (smoothstep(*limits, stretch) for limits in (STRETCH, HAIR_STRETCH))
        well = self.inside * (of_skin + regions.hair * (of_hair - of_skin))
        trust = self.visible * (1.0 - settled * (1.0 - well))
        # Softened inwards only: trust never grows past what was seen.
        trust = np.minimum(trust, mesh.smooth(trust, 2))
        now = light_on_skin(normals, self.light, regions.hair)
        out = np.zeros((len(trust), shading.COLUMNS), np.float32)
        out[:, shading.X : shading.Y + 1] = self.positions
        partner = slice(None) if mirror is None else mirror
        out[:, shading.MIRROR_X : shading.MIRROR_Y + 1] = self.positions[partner]
        out[:, shading.TRUST] = trust
        # Only where the other side is seen better: on a frontal photo both are seen alike badly.
        if mirror is not None:
            better = np.maximum(self.known[mirror] - self.known, 0.0)
            out[:, shading.MIRROR_TRUST] = better * smoothstep(
                *STRETCH, self.facing[mirror] / towards
            )
        softened = 1.0 + FILL_LIGHT * (now - 1.0)
        filled = self.filling * (softened * self.shade)[:, None]
        out[:, shading.RED : shading.BLUE + 1] = filled
        out[:, shading.HAIR_COLOUR : shading.HAIR_COLOUR + 3] = self.hair_filling
        # Eyes and lips are no dim skin.
        bare = settled * (1.0 - np.maximum(regions.hair, np.maximum(regions.mouth, regions.eyes)))
        edge_on = bare * (1.0 - self._open(TONED_SIDE))
        out[:, shading.TONE : shading.TONE + 3] = edge_on[:, None] * (filled - self.local)
        out[:, shading.COVER] = coverage
        out[:, shading.U : shading.V + 1] = self.grain_places
        out[:, shading.PORES_X : shading.PORES_Z + 1] = self.pore_places
        out[:, shading.HAIR] = mesh.smooth(regions.hair, HAIRLINE)
        # What the photo shows well is lit as it shows it; the rest gives way to it broadly.
        dim = bare * (1.0 - self._open(LIT_SIDE))
        guessed = mesh.smooth(1.0 - trust * (1.0 - dim), BROAD)[:, None]
        gain = np.exp(guessed * np.log(gain))
        # The lamps of other rooms would turn bright skin white, and let white hair glow.
        hair, light = regions.hair[:, None], self.hair_filling @ LUMA
        most = max(self.brightest, float(light.max()))
        of_skin = rolled_off((filled * gain) @ LUMA, self.brightest)[:, None] - 1.0
        of_hair = rolled_off((self.hair_filling * gain) @ LUMA, most)[:, None] - 1.0
        held = gain * (1.0 + guessed * (of_skin + hair * (of_hair - of_skin)))
        half_way = float(np.sin(np.radians(2.0 * min(abs(turn), 90.0))))
        edge = 1.0 - TURNED_JAW * half_way * regions.jaw_edge
        out[:, shading.GAIN : shading.GAIN + 3] = held * edge[:, None]
        return out

    def _open(self, beside: tuple[float, float]) -> np.ndarray:
        """(V,) in [0, 1], 1 where the photo shows the skin turned to it: limits for the side."""
        middle, side = (smoothstep(*limits, self.facing) for limits in (TONED, beside))
        return np.asarray(side + self.regions.middle * (middle - side))
