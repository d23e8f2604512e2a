"""Reads the head's surface off a photo: what it shows of each point, and what fills the rest."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from dagan_tf.simulator.head.hairline import Hairline
from dagan_tf.simulator.head.mesh import Mesh
from dagan_tf.simulator.head.regions import HeadRegions, smoothstep
from dagan_tf.simulator.render.grid import Grid, Grids
from dagan_tf.simulator.render.rasterizer import Raster
from dagan_tf.simulator.render.shading import Grain
from dagan_tf.simulator.scene.colours import (
    SURELY_HAIR,
    brow_colour,
    continued,
    grown_hair,
    hair_is_hidden,
    hair_share,
    is_skin,
    like_hair,
    middle_colour,
    middle_of,
    of_one_colour,
    of_one_hue,
    own_colours,
    sure_hair_and_skin,
    without_purple,
)
from dagan_tf.simulator.scene.grain import SHORT, at_vertices, strands, structure_of
from dagan_tf.simulator.scene.hair_pixels import dark_hair
from dagan_tf.simulator.scene.lighting import LUMA, estimate_light, light_on_skin
from dagan_tf.simulator.scene.pores import pore_block, pore_strength
from dagan_tf.simulator.scene.texture import HeadTexture

# Cosine between surface and line of sight: below the first a point gives no colour to the
# filling, above the second it gives all of it.
GRAZING = (0.25, 0.6)
# The same for skin beside the eyes and above the chin: a front shows all cheeks dim where it sees
# them aslant, and what is filled from there would be dim, too.
FILLS = (0.65, 0.95)
# Hair hides the skull's own outline and its colour changes slowly.
HAIR_GRAZING = (0.08, 0.35)
# Distance in the photo from the person's outline, as a part of the head's height: nearer than the
# first a pixel may be backdrop, farther than the second it is not.
INSIDE = (0.012, 0.04)
FILL_INSIDE = (0.02, 0.05)
# Skin that is filled keeps below this quantile of the brightness that is seen of it.
BRIGHT = 0.97
# Pixels of the work grid so near to the person's outline may be backdrop.
RIM = 2.5
# The same, pixels of the work grid, for hair to take strands from.
HAIR_INSIDE = (1.0, 3.0)
# How far around a vertex of a brow its hairs are sought, as a part of the head's height.
BROW_REACH = 0.02
# The same for hair or bare scalp; and how far its pixels lie from the person's outline at least,
# pixels of the work grid.
HAIR_REACH, HAIR_RIM = 0.03, 1.5
# Likeness to hair below which the side's hair does not show what the photo shows there.
LIKE_HAIR = (0.2, 0.5)
# What is filled tends to the middle colour of the skin, or of the hair, within a few vertices.
PULL = 0.01
# How far behind the nearest surface a vertex may lie and still count as seen, as a part of the
# head's height.
DEPTH_TOLERANCE = 0.02
# How far strands move the hairline at most, a deviation, shares of hair; strands of less contrast
# than the second move it less.
RAGGED, LEAST_CONTRAST = 0.11, 0.04
# How unlike hair and skin are: by their brightness, and by so many times their hue.
HUE_COUNTS = 3.0
# How much darker than in the open what is filled is where it sees nothing of the sky: under the
# jaw, in an ear.
SHADE = 0.95
# The same below the jaw's edge, which the softened light of the sky alone hardly shows.
JAW_SHADE = 0.27


def head_texture(
    photo: np.ndarray, shown: np.ndarray, coarse: np.ndarray, projected: np.ndarray,
    normals: np.ndarray, raster: Raster, person: np.ndarray, mesh: Mesh,
    mirror: np.ndarray | None, regions: HeadRegions, hairline: Hairline | None, rest: np.ndarray,
    sky: np.ndarray, grids: Grids,
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
        hairline: how its hairline goes on at the side, or None for that of heads in general.
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
    # Colours to fill from are local means, so that no freckle is spread over a cheek.
    colours = at_vertices(own_colours(coarse, distance > RIM), places)
    seen = (visible * inside).astype(np.float32)
    general = regions.hair
    sure_hair, bare = sure_hair_and_skin(regions, seen * facing)
    above_mouth = rest[:, 1] > rest[regions.mouth > 0.5, 1].max(initial=-np.inf)
    beardless, pure = bare & above_mouth, None
    if beardless.any():
        pure = dark_hair(
            photo,
            positions[visible & (general > 0.5)],
            positions[visible & (regions.ear > 0.5)],
            canvas.spread(distance.astype(np.float32)) > HAIR_RIM,
            round(HAIR_REACH * height),
            middle_of(colours, beardless),
        )
    like = like_hair(colours, sure_hair, bare, pure)
    if hairline is not None and mirror is not None:
        regions = replace(regions, hair=hairline.hair(like, seen, general, mirror))
    # Hair that is like skin is sought where heads have it: what the usual hairline leaves bare is a
    # bald head's side, too.
    hair = general if like is None else regions.hair
    grazing = (1.0 - hair) * smoothstep(*GRAZING, facing) + hair * smoothstep(*HAIR_GRAZING, facing)
    known = visible * inside * grazing
    known = np.minimum(known, mesh.smooth(known, 2)).astype(np.float32)
    skin = known * (1.0 - hair)
    light = estimate_light(colours, normals, skin * smoothstep(0.3, 0.7, facing))
    shaded = (1.0 - SHADE * (1.0 - sky)) * (1.0 - JAW_SHADE * regions.under_jaw)
    # Hair shades itself in its own way, as the photo shows it.
    shade = (1.0 - (1.0 - hair) * (1.0 - shaded)).astype(np.float32)
    even = colours / (light_on_skin(normals, light, hair) * shade)[:, None]
    alike = of_one_colour(even, skin)
    # Of the neck nothing is shown that may be a collar.
    alike *= np.where(regions.skull, 1.0, of_one_hue(even, skin * regions.skull))
    # Hair that falls over a cheek, or the collar behind a jaw, would be spread over a turned head
    # as a stain.
    plain = np.maximum(alike, regions.front * smoothstep(0.45, 0.7, facing))
    # An ear or a temple seen from the front is a strip that a turned head would show smeared.
    edge_on = regions.loose * (1.0 - smoothstep(0.6, 0.85, facing))
    # A stain between two vertices is seen at one of them only.
    whole = mesh.least_around(np.minimum(plain, 1.0 - edge_on))
    # Teeth and the line between the lips are no stains.
    plain = np.maximum(whole, np.maximum(hair, regions.mouth))
    known = (known * plain).astype(np.float32)
    if like is not None:
        # Nor is the ear shown that the photo shows edge-on where the view's hair is.
        hairy = hair * np.maximum(regions.middle, smoothstep(*LIKE_HAIR, like))
        plain = np.maximum(whole, np.maximum(hairy, regions.mouth))
    # What only this head's hairline makes hair may be a shadow: it gives hair no colour.
    grows = np.minimum(hair, general)
    scalp = known * grows
    grown = (
        grown_hair(even, scalp, skin * above_mouth, like)
        if pure is None or like is None
        else scalp * smoothstep(*SURELY_HAIR, like)
    )
    of_skin, unseen = middle_colour(even, skin), pure
    if hair_is_hidden(grown, scalp, grows):
        brows = regions.brows & (seen > 0.5)
        from_brows = brow_colour(photo, positions[brows], round(BROW_REACH * height), of_skin)
        if from_brows is not None:
            grown, unseen = np.zeros_like(grown), from_brows
    # A bald head has no hair at its sides either, of which nobody knows the colour.
    bald = like is None and unseen is None and is_skin(middle_colour(even, grown), of_skin)
    if bald:
        plain = np.maximum(whole, regions.mouth)
    sure = np.where(hair > 0.5, grown * of_one_colour(even, grown), known * alike)
    cheek = np.where((hair > 0.5) | ~regions.skull, 0.0, 1.0 - regions.middle)
    sure *= 1.0 - cheek * (1.0 - smoothstep(*FILLS, facing))
    # The outermost pixels mix hair and backdrop: enough to show, not to fill from.
    sure *= smoothstep(*FILL_INSIDE, depth_inside)
    if mirror is not None:
        # Hair may be parted: what is hair on one side can be skin on the other.
        same = (hair > 0.5) == (hair[mirror] > 0.5)
        by_mirror = (1.0 - sure) * sure[mirror] * same
        even = sure[:, None] * even + by_mirror[:, None] * even[mirror]
        sure = sure + by_mirror
        even /= np.maximum(sure, 1e-6)[:, None]
    for part, given in ((hair > 0.5, unseen), (hair <= 0.5, None)):
        middle = middle_colour(even[part], sure[part]) if given is None else given
        even[part] = (sure[part, None] * even[part] + PULL * middle) / (sure[part, None] + PULL)
    filling = mesh.fill(even, sure + PULL, hair > 0.5)
    contrast = np.log(middle_of(filling, hair > 0.9) / middle_of(filling, hair < 0.1))
    # Either goes on for some way under the other, for the hairline to lie anywhere between.
    of_skin, of_hair = (continued(filling, part, mesh) for part in (hair <= 0.5, hair > 0.5))
    of_hair = without_purple(of_hair)
    above = np.arange(work.side)[:, None] < places[regions.mouth > 0.5, 1].min(initial=np.inf)
    colour = [middle_colour(even[part], sure[part]) for part in (hair > 0.5, hair <= 0.5)]
    hairy = hair_share(coarse, *colour) * above * smoothstep(*HAIR_INSIDE, distance)
    seen_skin = colours[skin > 0.6] if (skin > 0.6).any() else colours
    brightest = max(float(np.quantile(seen_skin @ LUMA, BRIGHT)), 1.0)
    skin_only = known * (1.0 - hair)
    around = np.arctan2(rest[:, 0], rest[:, 2]) * float(np.abs(rest[:, 0]).max())
    per_unit = height / float(np.ptp(rest[regions.skull, 1]))
    grain_places = per_unit * np.stack([around, -rest[:, 1]], axis=1)
    luma = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY).astype(np.float32)
    structure = structure_of(luma, canvas.spread(hairy))
    # White hair is as bright as skin: what its hue differs by counts for more.
    level = contrast.mean()
    unlike = abs(float(level)) + HUE_COUNTS * float(np.abs(contrast - level).mean())
    tile = strands(SHORT, per_unit * regions.height, structure, unlike)
    return HeadTexture(
        photo=photo,
        positions=positions,
        visible=visible.astype(np.float32),
        # On the face a stain is only not spread: a beard or a fringe is the person's.
        inside=(inside * np.maximum(plain, regions.front)).astype(np.float32),
        facing=facing.astype(np.float32),
        # Nor is that ear shown on the other side.
        known=np.minimum(known, plain).astype(np.float32),
        local=colours,
        filling=of_skin,
        hair_filling=of_hair,
        shade=shade,
        light=light,
        brightest=brightest,
        grain=Grain(
            tile,
            pore_block(),
            pore_strength(luma, positions, skin_only),
            # As far in hair of little contrast as in hair of much.
            RAGGED / max(float(tile.std()), LEAST_CONTRAST),
        ),
        grain_places=grain_places.astype(np.float32),
        pore_places=(per_unit * rest[:, [0, 2]]).astype(np.float32),
        regions=replace(regions, hair=np.zeros_like(hair)) if bald else regions,
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
