"""The head's surface as the photo shows it, and an honest guess where it does not.

A point of the head takes its colour from the photo where the photo sees it well, else from the
mirrored point if that is seen, else from a smooth filling over the surface with the grain of what
is seen of skin and hair. What the photo does not really show stays marked, so that a loss may
trust it less.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from dagan_tf.simulator.head.mesh import Mesh
from dagan_tf.simulator.head.regions import HeadRegions, smoothstep
from dagan_tf.simulator.render import shading
from dagan_tf.simulator.render.grid import Grid, Grids
from dagan_tf.simulator.render.rasterizer import Raster
from dagan_tf.simulator.scene.colours import (
    continued,
    grown_hair,
    hair_share,
    middle_colour,
    middle_of,
    of_one_colour,
    own_colours,
)
from dagan_tf.simulator.scene.grain import at_vertices, grain
from dagan_tf.simulator.scene.lighting import LUMA, estimate_light, light_on, rolled_off

# Cosine between surface and line of sight: below the first a point gives no colour to the
# filling, above the second it gives all of it.
GRAZING = (0.25, 0.6)
# Hair hides the skull's own outline and its colour changes slowly.
HAIR_GRAZING = (0.08, 0.35)
# A point is shown as the photo shows it unless it would be stretched too far: cosine in the photo
# over cosine in the view.
STRETCH = (0.3, 0.6)
# Distance in the photo from the person's outline, as a part of the head's height: nearer than the
# first a pixel may be backdrop, farther than the second it is not.
INSIDE = (0.012, 0.04)
FILL_INSIDE = (0.02, 0.05)
# Skin that is filled keeps below this quantile of the brightness that is seen of it.
BRIGHT = 0.8
# Rounds of smoothing over which a turned head's tone sets in.
BROAD = 6
# Pixels of the work grid so near to the person's outline may be backdrop.
RIM = 2.5
# The same, pixels of the work grid, for hair to take strands from.
HAIR_INSIDE = (1.0, 3.0)
# What is filled tends to the middle colour of the skin, or of the hair, within a few vertices.
PULL = 0.01
# How far behind the nearest surface a vertex may lie and still count as seen, as a part of the
# head's height.
DEPTH_TOLERANCE = 0.02
# How strongly the light falls on what is filled. What the photo shows is left as it shows it:
# turned into the light it was recognised less well (benchmarks/simulator_identity.py).
FILL_LIGHT = 0.4
# Skin that the photo shows edge-on is darker there, and redder, than when turned to the light:
# below the first cosine to the line of sight it gets the filling's tone and keeps its own detail,
# above the second it stays as it is.
TONED = (0.4, 0.8)
# How much darker than in the open what is filled is where it sees nothing of the sky: under the
# jaw, in an ear.
SHADE = 0.95
# The same below the jaw's edge, which the softened light of the sky alone hardly shows.
JAW_SHADE = 0.27
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
        grain: (2, G, G) float32, fine structure of skin and hair.
        grain_places: (V, 2) float32, places in the grain.
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
    grain: np.ndarray
    grain_places: np.ndarray

    def values(
        self, normals: np.ndarray, settled: float, mesh: Mesh, regions: HeadRegions,
        mirror: np.ndarray | None, coverage: np.ndarray, gain: np.ndarray | float, turn: float,
    ) -> np.ndarray:  # fmt: skip
        """What `shading.shade` spreads over the pixels of a view.

        Args:
            normals: (V, 3) unit normals in the view's camera axes.
            settled: in [0, 1]; 0 shows all the photo shows, as in the photo's own pose; 1 only
                what may be turned.
            mesh: the head's connectivity.
            regions: its regions.
            mirror: (V,) index of each vertex' mirror image, or None.
            coverage: (V,) how opaque the head is.
            gain: (V, 3) what `TurnedTone.gain` returned, or 1.
            turn: degrees between the view and the photo.

        Returns:
            (V, 24) float32.
        """
        stretch = self.facing / np.maximum(normals[:, 2], 0.15)
        well = self.inside * smoothstep(*STRETCH, stretch)
        trust = self.visible * (1.0 - settled * (1.0 - well))
        # Softened inwards only: trust never grows past what was seen.
        trust = np.minimum(trust, mesh.smooth(trust, 2))
        now = _light_on_skin(normals, self.light, regions.hair)
        out = np.zeros((len(trust), shading.COLUMNS), np.float32)
        out[:, shading.X : shading.Y + 1] = self.positions
        partner = slice(None) if mirror is None else mirror
        out[:, shading.MIRROR_X : shading.MIRROR_Y + 1] = self.positions[partner]
        out[:, shading.TRUST] = trust
        # Only where the other side is seen better: on a frontal photo both are seen alike badly.
        better = 0.0 if mirror is None else np.maximum(self.known[mirror] - self.known, 0.0)
        out[:, shading.MIRROR_TRUST] = better
        softened = 1.0 + FILL_LIGHT * (now - 1.0)
        filled = self.filling * (softened * self.shade)[:, None]
        out[:, shading.RED : shading.BLUE + 1] = filled
        out[:, shading.HAIR_COLOUR : shading.HAIR_COLOUR + 3] = self.hair_filling
        edge_on = (
            settled
            * (1.0 - np.maximum(regions.hair, regions.mouth))
            * (1.0 - smoothstep(*TONED, self.facing))
        )
        out[:, shading.TONE : shading.TONE + 3] = edge_on[:, None] * (filled - self.local)
        out[:, shading.COVER] = coverage
        out[:, shading.U : shading.V + 1] = self.grain_places
        out[:, shading.HAIR] = regions.hair
        # What the photo shows well is lit as it shows it; the rest gives way to it broadly.
        guessed = mesh.smooth(1.0 - trust * (1.0 - edge_on), BROAD)[:, None]
        gain = np.exp(guessed * np.log(gain))
        # The lamps of other rooms would turn bright skin white.
        less = rolled_off((filled * gain) @ LUMA, self.brightest)[:, None] - 1.0
        held = gain * (1.0 + guessed * (1.0 - regions.hair[:, None]) * less)
        half_way = float(np.sin(np.radians(2.0 * min(abs(turn), 90.0))))
        edge = 1.0 - TURNED_JAW * half_way * regions.jaw_edge
        out[:, shading.GAIN : shading.GAIN + 3] = held * edge[:, None]
        return out


def head_texture(
    photo: np.ndarray, shown: np.ndarray, coarse: np.ndarray, projected: np.ndarray,
    normals: np.ndarray, raster: Raster, person: np.ndarray, mesh: Mesh,
    mirror: np.ndarray | None, regions: HeadRegions, rest: np.ndarray, sky: np.ndarray,
    grids: Grids,
) -> HeadTexture:  # fmt: skip
    """Reads the head's surface off a photo.

    Args:
        photo: (C, C, 3) uint8.
        shown: (C, C) bool, what of it lies inside the photo that was taken.
        coarse: (W, W, 3) uint8, the photo at a lower resolution.
        projected: (V, 3) float32, the fitted head in the photo (x, y, depth in pixels).
        normals: (V, 3) float32 unit normals in camera axes (z towards the viewer).
        raster: the head as the photo shows it, W pixels a side.
        person: (W, W) bool, which of the coarse pixels are the person.
        mesh: the head's connectivity.
        mirror: (V,) index of each vertex' mirror image, or None.
        regions: the head's regions.
        rest: (V, 3) float32, the mean head in model units.
        sky: (V,) float32, what `sky_seen` returned for it.
        grids: whose canvas has C pixels a side and whose work W.

    Returns:
        The texture.
    """
    canvas, work = grids.canvas, grids.work
    height = float(np.ptp(projected[regions.skull, 1]))
    positions = np.ascontiguousarray(projected[:, :2], np.float32)
    visible = _visible(projected, raster, canvas, work, DEPTH_TOLERANCE * height)
    # No triangle with a corner beyond the photo: what lies between would count as seen in part.
    within = mesh.least_around((at_vertices(shown, positions) > 0.99).astype(np.float32))
    visible = visible & (within > 0.0)
    distance = cv2.distanceTransform(person.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    places = canvas.carry(positions, work)
    depth_inside = at_vertices(distance, places) / (work.per(canvas) * height)
    inside = smoothstep(*INSIDE, depth_inside).astype(np.float32)
    facing = normals[:, 2]
    hair = regions.hair
    grazing = (1.0 - hair) * smoothstep(*GRAZING, facing) + hair * smoothstep(*HAIR_GRAZING, facing)
    known = visible * inside * grazing
    known = np.minimum(known, mesh.smooth(known, 2)).astype(np.float32)

    # Colours to fill from are local means, so that no freckle is spread over a cheek.
    colours = at_vertices(own_colours(coarse, distance > RIM), places)
    skin = known * (1.0 - hair)
    light = estimate_light(colours, normals, skin * smoothstep(0.3, 0.7, facing))
    shaded = (1.0 - SHADE * (1.0 - sky)) * (1.0 - JAW_SHADE * regions.under_jaw)
    # Hair shades itself in its own way, as the photo shows it.
    shade = (1.0 - (1.0 - hair) * (1.0 - shaded)).astype(np.float32)
    even = colours / (_light_on_skin(normals, light, hair) * shade)[:, None]
    alike = of_one_colour(even, skin)
    # Hair that falls over a cheek, or the collar behind a jaw, would be spread over a turned head
    # as a stain.
    plain = np.maximum(alike, regions.front * smoothstep(0.45, 0.7, facing))
    # An ear or a temple seen from the front is a strip that a turned head would show smeared.
    edge_on = regions.loose * (1.0 - smoothstep(0.6, 0.85, facing))
    # A stain between two vertices is seen at one of them only.
    plain = np.maximum(mesh.least_around(np.minimum(plain, 1.0 - edge_on)), hair)
    # Teeth and the line between the lips are no stains.
    plain = np.maximum(plain, regions.mouth)
    known = (known * plain).astype(np.float32)
    above_mouth = rest[:, 1] > rest[regions.mouth > 0.5, 1].max(initial=-np.inf)
    grown = grown_hair(even, known * hair, skin * above_mouth)
    sure = np.where(hair > 0.5, grown * of_one_colour(even, grown), known * alike)
    # The outermost pixels mix hair and backdrop: enough to show, not to fill from.
    sure *= smoothstep(*FILL_INSIDE, depth_inside)
    if mirror is not None:
        by_mirror = (1.0 - sure) * sure[mirror]
        even = sure[:, None] * even + by_mirror[:, None] * even[mirror]
        sure = sure + by_mirror
        even /= np.maximum(sure, 1e-6)[:, None]
    for part in (hair > 0.5, hair <= 0.5):
        middle = middle_colour(even[part], sure[part])
        even[part] = (sure[part, None] * even[part] + PULL * middle) / (sure[part, None] + PULL)
    filling = mesh.fill(even, sure + PULL, hair > 0.5)
    contrast = np.log(middle_of(filling, hair > 0.9) / middle_of(filling, hair < 0.1))
    # Either goes on for some way under the other, for the hairline to lie anywhere between.
    of_skin, of_hair = (continued(filling, part, mesh) for part in (hair <= 0.5, hair > 0.5))
    above = np.arange(work.side)[:, None] < places[regions.mouth > 0.5, 1].min(initial=np.inf)
    colour = [middle_colour(even[part], sure[part]) for part in (hair > 0.5, hair <= 0.5)]
    strands = hair_share(coarse, *colour) * above * smoothstep(*HAIR_INSIDE, distance)
    seen_skin = colours[skin > 0.6] if (skin > 0.6).any() else colours
    brightest = max(float(np.quantile(seen_skin @ LUMA, BRIGHT)), 1.0)
    skin_only = known * (1.0 - hair)
    around = np.arctan2(rest[:, 0], rest[:, 2]) * float(np.abs(rest[:, 0]).max())
    per_unit = height / float(np.ptp(rest[regions.skull, 1]))
    grain_places = per_unit * np.stack([around, -rest[:, 1]], axis=1)
    return HeadTexture(
        photo=photo,
        positions=positions,
        visible=visible.astype(np.float32),
        # On the face a stain is only not spread: a beard or a fringe is the person's.
        inside=(inside * np.maximum(plain, regions.front)).astype(np.float32),
        facing=facing.astype(np.float32),
        known=known,
        local=colours,
        filling=of_skin,
        hair_filling=of_hair,
        shade=shade,
        light=light,
        brightest=brightest,
        grain=grain(
            photo, positions, skin_only, canvas.spread(strands), float(np.abs(contrast).mean())
        ),
        grain_places=grain_places.astype(np.float32),
    )


def _visible(
    projected: np.ndarray, raster: Raster, canvas: Grid, work: Grid, tolerance: float
) -> np.ndarray:
    """(V,) bool: nothing of the head is nearer by more than the tolerance, canvas pixels."""
    scale = work.per(canvas)
    # A grazing surface is steep: what is compared is the nearest depth of the four pixels around.
    at = np.floor(canvas.carry(projected[:, :2], work)).astype(np.int64)
    inside = ((at >= 0) & (at < work.side - 1)).all(axis=1)
    column, row = np.clip(at, 0, work.side - 2).T
    around = [raster.depth[row + i, column + j] for i in (0, 1) for j in (0, 1)]
    # Of four pixels the second farthest: an occluder covers them all.
    nearest = np.sort(np.stack(around), axis=0)[1]
    return inside & (projected[:, 2] * scale >= nearest - tolerance * scale)


def _light_on_skin(normals: np.ndarray, light: np.ndarray, hair: np.ndarray) -> np.ndarray:
    """(V,) as `light_on`; 1 on hair, which shines and shades itself in its own way."""
    return np.asarray(1.0 + (light_on(normals, light) - 1.0) * (1.0 - hair))
