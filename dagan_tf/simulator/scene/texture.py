"""The head's surface as the photo shows it, and an honest guess where it does not.

A point of the head takes its colour from the photo where the photo sees it well, else from the
mirrored point if that is seen, else from a smooth filling over the surface with the grain of what
is seen of skin and hair. What the photo does not really show stays marked, so that a loss may
trust it less.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter

from dagan_tf.simulator.head.mesh import Mesh
from dagan_tf.simulator.head.regions import HeadRegions, smoothstep
from dagan_tf.simulator.render import shading
from dagan_tf.simulator.render.grid import Grid, Grids
from dagan_tf.simulator.render.rasterizer import Raster
from dagan_tf.simulator.render.sampling import sample
from dagan_tf.simulator.scene.lighting import estimate_light, light_on

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
# What is filled tends to the middle colour of the skin, or of the hair, within a few vertices.
PULL = 0.01
# A head is bald if less than this part of what is seen of its scalp differs from the skin.
BALD = 0.05
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
# Side of the grain's tile, pixels of the photo; how far a pore or strand reaches across and along;
# the most contrast taken over from the photo, in brightness (freckles and curls are no grain).
GRAIN_SIDE = 128
GRAIN_BLUR = ((0.8, 0.8), (0.9, 9.0))
GRAIN_CONTRAST = (2.5, 14.0)


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
        filling: (V, 3) float32, colour in even light where neither side is seen.
        shade: (V,) float32, factor on the filling, less than 1 where the head shades itself.
        light: (3,) direction of the light, camera axes.
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
    shade: np.ndarray
    light: np.ndarray
    grain: np.ndarray
    grain_places: np.ndarray

    def values(
        self, normals: np.ndarray, settled: float, mesh: Mesh, regions: HeadRegions,
        mirror: np.ndarray | None, coverage: np.ndarray,
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

        Returns:
            (V, 16) float32.
        """
        stretch = self.facing / np.maximum(normals[:, 2], 0.15)
        well = self.inside * smoothstep(*STRETCH, stretch)
        trust = self.visible * (1.0 - settled * (1.0 - well))
        # Softened inwards only: trust never grows past what was seen.
        trust = np.minimum(trust, mesh.smooth(trust, 2))
        now = _light_on_skin(normals, self.light, regions.hair)
        out = np.empty((len(trust), shading.COLUMNS), np.float32)
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
        edge_on = (
            settled
            * (1.0 - np.maximum(regions.hair, regions.mouth))
            * (1.0 - smoothstep(*TONED, self.facing))
        )
        out[:, shading.TONE : shading.TONE + 3] = edge_on[:, None] * (filled - self.local)
        out[:, shading.COVER] = coverage
        out[:, shading.U : shading.V + 1] = self.grain_places
        out[:, shading.HAIR] = regions.hair
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
    within = mesh.least_around((_at_vertices(shown, positions) > 0.99).astype(np.float32))
    visible = visible & (within > 0.0)
    distance = cv2.distanceTransform(person.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    places = canvas.carry(positions, work)
    depth_inside = _at_vertices(distance, places) / (work.per(canvas) * height)
    inside = smoothstep(*INSIDE, depth_inside).astype(np.float32)
    facing = normals[:, 2]
    hair = regions.hair
    grazing = (1.0 - hair) * smoothstep(*GRAZING, facing) + hair * smoothstep(*HAIR_GRAZING, facing)
    known = visible * inside * grazing
    known = np.minimum(known, mesh.smooth(known, 2)).astype(np.float32)

    # Colours to fill from are local means, so that no freckle is spread over a cheek.
    colours = _at_vertices(cv2.GaussianBlur(coarse, (0, 0), 2.0), places)
    skin = known * (1.0 - hair)
    light = estimate_light(colours, normals, skin * smoothstep(0.3, 0.7, facing))
    shaded = (1.0 - SHADE * (1.0 - sky)) * (1.0 - JAW_SHADE * regions.under_jaw)
    # Hair shades itself in its own way, as the photo shows it.
    shade = (1.0 - (1.0 - hair) * (1.0 - shaded)).astype(np.float32)
    even = colours / (_light_on_skin(normals, light, hair) * shade)[:, None]
    alike = _of_one_colour(even, skin)
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
    grown = _grown(even, known * hair, skin * above_mouth)
    sure = np.where(hair > 0.5, grown * _of_one_colour(even, grown), known * alike)
    # The outermost pixels mix hair and backdrop: enough to show, not to fill from.
    sure *= smoothstep(*FILL_INSIDE, depth_inside)
    if mirror is not None:
        by_mirror = (1.0 - sure) * sure[mirror]
        even = sure[:, None] * even + by_mirror[:, None] * even[mirror]
        sure = sure + by_mirror
        even /= np.maximum(sure, 1e-6)[:, None]
    for part in (hair > 0.5, hair <= 0.5):
        middle = _middle_colour(even[part], sure[part])
        even[part] = (sure[part, None] * even[part] + PULL * middle) / (sure[part, None] + PULL)
    filling = mesh.smooth(mesh.fill(even, sure + PULL, hair > 0.5), 2)
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
        filling=filling.astype(np.float32),
        shade=shade,
        light=light,
        grain=_grain(photo, positions, known, hair),
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


def _of_one_colour(colours: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(V,) in [0, 1]: how alike each colour is to the weighted median, in brightness and hue.

    Hair over a temple or a shadow must not be spread over a cheek.
    """
    use = weights > 0.3
    if use.sum() < 20:
        return np.ones(len(colours))
    logs = np.log(np.maximum(colours, 4.0))
    middle = np.median(logs[use], axis=0)
    spread = np.maximum(1.5 * np.median(np.abs(logs[use] - middle), axis=0), 0.06)
    off = np.sqrt((((logs - middle) / spread) ** 2).mean(axis=1))
    return np.asarray(1.0 - smoothstep(1.8, 3.2, off))


def _grown(colours: np.ndarray, scalp: np.ndarray, face: np.ndarray) -> np.ndarray:
    """(V,) what of the scalp gives hair its colour.

    A bare forehead or scalp is not hair's colour, unless there is hardly anything else.

    Args:
        colours: (V, 3).
        scalp: (V,) how well the photo shows it, 0 where no hair could grow.
        face: (V,) the same of the face without its beard: grey hair is like a grey beard.
    """
    unlike = scalp * (1.0 - _of_one_colour(colours, face))
    return unlike if unlike.sum() > BALD * scalp.sum() else scalp


def _grain(
    photo: np.ndarray, positions: np.ndarray, known: np.ndarray, hair: np.ndarray
) -> np.ndarray:
    """(2, G, G) what a smooth filling lacks: pores of skin, strands of hair, as strong as seen.

    Noise, not a patch of the photo: a patch repeated is seen as a pattern. It tiles without seams.
    """
    luma = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    contrast = _at_vertices(cv2.absdiff(luma, cv2.GaussianBlur(luma, (0, 0), 2.5)), positions)
    layers = []
    for share, blur, most in zip((1.0 - hair, hair), GRAIN_BLUR, GRAIN_CONTRAST, strict=True):
        use = known * share > 0.6
        # 0.6745: half of all normal draws lie within so many deviations.
        strength = min(float(np.median(contrast[use])) / 0.6745, most) if use.sum() > 20 else 0.0
        layers.append(np.float32(strength) * _noise(*blur))
    return np.stack(layers)


def _middle_colour(colours: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(3,) median of the colours that are well known; of all if hardly any is."""
    use = weights > 0.5 * weights.max(initial=0.0)
    return np.asarray(np.median(colours[use if use.any() else slice(None)], axis=0))


@cache
def _noise(across: float, along: float) -> np.ndarray:
    """(G, G) float32 periodic noise of mean 0 and deviation 1, always the same."""
    white = np.random.default_rng(0).standard_normal((GRAIN_SIDE, GRAIN_SIDE)).astype(np.float32)
    smooth = gaussian_filter(white, (along, across), mode="wrap")
    return np.asarray((smooth - smooth.mean()) / smooth.std(), np.float32)


def _light_on_skin(normals: np.ndarray, light: np.ndarray, hair: np.ndarray) -> np.ndarray:
    """(V,) as `light_on`; 1 on hair, which shines and shades itself in its own way."""
    return np.asarray(1.0 + (light_on(normals, light) - 1.0) * (1.0 - hair))


def _at_vertices(image: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """(V, ...) float32 samples of an image at (V, 2) pixel positions."""
    return sample(image.astype(np.float32), positions[None])[0]
