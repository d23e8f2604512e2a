"""A photo taken apart into head and surroundings, and put together again in another pose."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import cv2
import numpy as np

from dagan_tf.core.pixels import from_levels, to_mask
from dagan_tf.faces.alignment import apply_similarity
from dagan_tf.faces.filling import frame_photo
from dagan_tf.simulator.fitting.basis import fit_basis
from dagan_tf.simulator.fitting.fit import FaceFit
from dagan_tf.simulator.fitting.framing import frame_camera, frame_depth, frame_matrix
from dagan_tf.simulator.head.mesh import Mesh
from dagan_tf.simulator.head.morphable_model import MorphableModel
from dagan_tf.simulator.head.regions import head_regions, smoothstep
from dagan_tf.simulator.head.relief import raise_relief
from dagan_tf.simulator.head.roundness import eyes_in_profile, round_features
from dagan_tf.simulator.render.camera import Camera, Pose, rotation_matrix, turn_between
from dagan_tf.simulator.render.grid import CANVAS_FRAMES, SUPERSAMPLING, grids
from dagan_tf.simulator.render.occlusion import sky_seen
from dagan_tf.simulator.render.rasterizer import Raster, rasterize
from dagan_tf.simulator.render.sampling import sample
from dagan_tf.simulator.render.shading import shade, soften_rim
from dagan_tf.simulator.scene import surroundings as scene
from dagan_tf.simulator.scene.backdrop import MARGIN, clean_plates, seen_behind
from dagan_tf.simulator.scene.collar import as_worn, put_on_collar
from dagan_tf.simulator.scene.curtain import draw_before
from dagan_tf.simulator.scene.ear_texture import ear_maker
from dagan_tf.simulator.scene.foreground import person_mask
from dagan_tf.simulator.scene.hair import fit_outline, growth_along_rays
from dagan_tf.simulator.scene.long_hair import find_long_hair
from dagan_tf.simulator.scene.neck import Neck
from dagan_tf.simulator.scene.neckline import find_neckline
from dagan_tf.simulator.scene.outline import finite_radii, outline_radii
from dagan_tf.simulator.scene.prepared_photo import DrawnScene, PreparedPhoto
from dagan_tf.simulator.scene.profile import as_profile
from dagan_tf.simulator.scene.sheets import hang_curtain
from dagan_tf.simulator.scene.surroundings import HeadOutline
from dagan_tf.simulator.scene.texture_reading import head_texture

# A view turned by less than the first, degrees, is the photo; by more than the second, not at all.
SETTLED = (1.0, 4.0)
NEUTRAL_GREY = 127.5
# A photo whose channels differ nowhere by more than this, grey levels, has no colours, nor have its
# views: ears and the tone of turned heads are those of skin.
GREY = 3
# The learned profile of a front is added to photos turned by less than the first, degrees, and not
# to those turned by more than the second.
RELIEF_FRONT = (15.0, 40.0)
# Long hair is sought in photos turned by less, degrees.
LONG_HAIR_FRONT = 25.0
# Between these turns, degrees, a photo's shoulders go: a profile has none before its throat.
ALONE = (73.0, 77.0)
# The same for a backdrop to be out of focus.
SOFT = (20.0, 45.0)
# Eyes are a profile's from the second on, and as a front suggests up to the first, degrees.
EYES_ASIDE = (62.0, 80.0)
# Collars in photos turned by less, degrees.
COLLAR_FRONT = 20.0
# Skin has its own colour where its cosine to the line of sight is larger.
FACING = 0.4
# Under long hair the head grows to its outline from the brow on, and fully so many heights (brow to
# chin) above it.
SCALP = 0.35
# Standard deviation, of the frame, that takes the facets of the mesh out of a region.
REGION_BLUR = 0.01
# So much of the frame around ears is half skin: what lies there is the ear's shade, or what its
# shape hides.
AROUND_EARS = 0.04


class SceneMaker:
    """Takes photos apart and draws views of them."""

    def __init__(self, model: MorphableModel, image_size: int, background: str):
        """Works out what all photos of these settings share.

        Args:
            model: the 3D head.
            image_size: side of the views, pixels.
            background: "keep", "blur" or "none".
        """
        self.model = model
        self.grids = grids(image_size)
        self.background = background
        mean = model.mean
        self._mesh = Mesh(mean, model.triangles)
        self._regions = head_regions(mean, model.landmark_vertices)
        self._neck = Neck(model, self._mesh, self._regions)
        brow = float(mean[model.landmark_vertices[17:27], 1].mean())
        self._scalp = smoothstep(brow, brow + SCALP * self._regions.height, mean[:, 1]).astype(
            np.float32
        )
        self._ears = ear_maker(model, self._mesh, self._regions)
        self._drawn = self._mesh if self._ears is None else self._ears.mesh
        self._sky = sky_seen(mean, self._mesh.normals(mean), model.triangles)

    def prepare(self, photo: np.ndarray, fit: FaceFit) -> PreparedPhoto:
        """Reads a photo, (H, W, 3) uint8, onto its fitted head."""
        frame, _, canvas, work = self.grids
        matrix = frame_matrix(self.model, fit, canvas.side, zoom=1.0 / CANVAS_FRAMES)
        laid, shown = frame_photo(photo, matrix, canvas.side)
        camera = _upright(fit, matrix)
        face = self._relieved(fit, self.model.vertices(fit.identity, fit.expression))
        if self.model.nape is not None:
            face = face + self.model.nape
        projected = camera.project(face)
        depth = self._head_depth(projected)
        bare = np.isfinite(depth)
        small = work.averaged(laid)
        person = person_mask(small, bare)
        scale = work.per(canvas)
        centre = canvas.carry(projected[self._regions.skull, :2].mean(axis=0), work)
        hair, regions = None, self._regions
        if person is not None:
            if abs(fit.pose.yaw) < LONG_HAIR_FRONT:
                places = canvas.carry(projected[:, :2], work)
                hair = find_long_hair(
                    small, person, work.averaged(shown) > 0.5, bare, places,
                    places[self.model.landmark_vertices], regions,
                )  # fmt: skip
            if hair is not None:
                # What hangs beside the face is the curtain's.
                regions = replace(regions, grows=regions.grows * self._scalp)
            radii = outline_radii(bare, centre)
            growth = growth_along_rays(radii, person, centre, work.averaged(shown) > 0.5)
            projected = fit_outline(projected, regions, growth, finite_radii(radii) / scale)
        vertices = camera.unproject(projected)
        normals = self._mesh.normals(vertices) @ camera.rotation.T.astype(np.float32)
        placed = canvas.carry_depth(projected, work)
        raster = rasterize(placed, self.model.triangles, work.side, work.side)
        head = raster.triangle_ids >= 0
        outer = np.ones_like(head) if person is None else person
        texture = head_texture(
            laid, shown, small, projected, normals, raster, outer, self._mesh, self.model.mirror,
            self._regions, self.model.hairline, self.model.mean, self._sky, self.grids,
        )  # fmt: skip
        height = float(np.ptp(projected[self._regions.skull, 1])) * scale
        chin = canvas.carry(projected[self.model.landmark_vertices[8], :2], work)
        lowest = np.full(work.side, chin[1])
        if hair is not None:
            # Below the chin it would stay behind, or pieces of what it hides.
            hems = [max(float(chin[1]), one.hem) for one in hair.sides]
            lowest = np.where(np.arange(work.side) < chin[0], *hems)
        above = np.arange(work.side)[:, None] < lowest
        whole = head if person is None else head | person
        curtain = None
        if hair is not None and person is not None:
            curtain = hang_curtain(
                hair, laid, small, person, depth, projected, camera, self._regions, self.grids
            )
        collar = None
        if hair is None and abs(fit.pose.yaw) < COLLAR_FRONT:
            facing = (self._regions.skin > 0.5) & (normals[:, 2] > FACING)
            marks = placed[self.model.landmark_vertices, :2]
            line = find_neckline(small, work.averaged(shown) > 0.5, placed[facing, :2], marks)
            if line is not None:
                chin_in_photo = projected[self.model.landmark_vertices[8]]
                collar = put_on_collar(line, chin_in_photo, camera, self.grids)
        backdrop = clean_plates(laid, small, whole & above, whole, MARGIN * height, shown)
        if person is None:
            backdrop = backdrop._replace(person=None)
        radii = outline_radii(np.isfinite(self._head_depth(projected)), centre)
        outline = HeadOutline(
            centre=work.carry(centre, frame),
            radii=finite_radii(radii) / (scale * canvas.density),
            neck=canvas.carry(self._neck.middle(camera, vertices), frame),
        )
        marks_of_head = self._relieved(fit, self.model.landmarks(fit.identity, fit.expression))
        eyes = np.float32(self._front(fit)) * eyes_in_profile(face, marks_of_head)
        tone = self.model.turned_tone
        if tone is not None and self.model.mirror is not None:
            tone = tone.of_person(texture.local, texture.visible, self.model.mirror)
        ears = None
        if self._ears is not None:
            ears = self._ears.read(vertices, camera, shown, texture.brightest)
        return PreparedPhoto(
            fit, vertices, eyes, texture, tone, backdrop, shown.astype(np.float32), outline,
            curtain, ears, collar, grey=bool(np.ptp(small, axis=2).max() <= GREY),
        )  # fmt: skip

    def draw(self, prepared: PreparedPhoto, pose: Pose) -> DrawnScene:
        """Draws one view."""
        frame, fine, canvas, _ = self.grids
        size = frame.side
        fit = prepared.fit
        camera = frame_camera(self.model, fit, pose, fine.side)
        projected = camera.project(prepared.vertices)
        normals = self._mesh.normals(prepared.vertices) @ camera.rotation.T.astype(np.float32)
        settled = float(smoothstep(*SETTLED, turn_between(fit.pose, pose)))
        texture = prepared.texture
        gain: np.ndarray | float = 1.0
        turn = pose.yaw - fit.pose.yaw
        vertices, cover = self._neck.turned(prepared.vertices, turn)
        aside = np.float32(smoothstep(*EYES_ASIDE, abs(turn)))
        if aside:
            vertices = vertices + aside * prepared.eyes[:, None] * np.array([0, 0, 1], np.float32)
        if prepared.tone is not None and self.model.mirror is not None:
            gain = prepared.tone.gain(turn, self.model.mirror)
        values = texture.values(normals, settled, self._mesh, self.model.mirror, cover, gain, turn)
        if prepared.ears is not None:
            values = prepared.ears.values(values, settled)
            vertices = prepared.ears.laid.vertices(vertices)
        placed = camera.project(vertices)
        triangles = self._drawn.front_facing(placed)
        raster = rasterize(placed, triangles, fine.side, fine.side)
        head = shade(raster, triangles, values, texture.photo, texture.grain, SUPERSAMPLING)
        solid = head.cover > 0.5
        of_ears = triangles[:, 0] >= self._mesh.size
        ears = frame.averaged(of_ears[raster.triangle_ids] & (raster.triangle_ids >= 0))
        regions = texture.regions
        skin = self._shown(regions.skin, raster, triangles) * (1.0 - 0.5 * self._around(ears))
        uncovered: np.ndarray | bool = True
        if prepared.curtain is not None:
            head, over = draw_before(head, raster, prepared.curtain, camera, settled, texture)
            uncovered = over < 0.5
        collar = None if prepared.collar is None else as_worn(prepared.collar, turn)
        if collar is not None:
            head, over = draw_before(head, raster, collar, camera, settled, texture)
            uncovered = over < 0.5
        ears, skin = ears * uncovered, skin * uncovered
        head = soften_rim(head, np.float32(settled) * ears)
        skull = projected[self._regions.skull].mean(axis=0).astype(np.float64)
        centre = fine.carry(skull[:2], frame)
        target = HeadOutline(
            centre,
            finite_radii(outline_radii(solid, centre)),
            fine.carry(self._neck.middle(camera, prepared.vertices), frame),
        )
        around = scene.surroundings(prepared.outline, target, size)
        middle = frame_depth(self.model, fit, pose, size)
        # The softened rim reaches beyond the head, where there is no depth.
        covered = (head.cover > 0.5) & np.isfinite(head.depth)
        if self.background == "none":
            image: np.ndarray = np.full((size, size, 3), NEUTRAL_GREY, np.float32)
            known, depth = np.zeros((size, size), np.float32), np.float32(np.nan)
        else:
            places = frame.carry(around.places, canvas)
            alone, soft = (float(smoothstep(*turns, abs(turn))) for turns in (ALONE, SOFT))
            soft *= self.background == "keep"
            image, known = seen_behind(prepared.backdrop, places, alone, soft)
            if settled < 1.0:
                own = sample(texture.photo, places)
                image = settled * image.astype(np.float32) + (1.0 - settled) * own
                known = np.maximum(known, (1.0 - settled) * sample(prepared.shown, places))
            if self.background == "blur":
                image = cv2.GaussianBlur(image, (0, 0), 0.04 * size)
                known = np.zeros_like(known)
            depth = around.depth + (skull[2] / SUPERSAMPLING - middle)
        points = fit_basis(self.model).place(
            camera.rotation, np.concatenate([fit.expression, fit.identity]).astype(np.float64)
        )[0]
        points = self._relieved(fit, points)
        points[:, 2] += aside * self._front(fit) * eyes_in_profile(points, points)
        drawn = scene.compose(head.colour, head.cover, image)
        shown = partial(self._shown, raster=raster, triangles=triangles)
        drawn = as_profile(drawn, head.cover, uncovered, regions, shown, turn)
        if prepared.grey:
            drawn = cv2.cvtColor(cv2.cvtColor(drawn, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        return DrawnScene(
            image=drawn,
            mask=to_mask(head.seen + (1.0 - head.cover) * known > 0.5),
            head=from_levels(255.0 * head.cover),
            skin=from_levels(255.0 * skin * head.cover),
            depth=np.where(covered, head.depth / SUPERSAMPLING - middle, depth).astype(np.float32),
            landmarks=fine.carry(camera.project(points)[:, :2], frame),
        )

    def _around(self, ears: np.ndarray) -> np.ndarray:
        """(S, S) float32 in [0, 1]: 1 on ears and close to them, fading."""
        side = 2 * round(AROUND_EARS * len(ears)) + 1
        near = cv2.dilate((ears > 0.0).astype(np.float32), np.ones((side, side), np.uint8))
        return cv2.GaussianBlur(near, (0, 0), 0.5 * AROUND_EARS * len(ears))

    def _shown(self, part: np.ndarray, raster: Raster, triangles: np.ndarray) -> np.ndarray:
        """(S, S) float32 in [0, 1]: where a view shows a part of the head, (V,) in [0, 1]."""
        part = np.concatenate([part, np.zeros(self._drawn.size - len(part), np.float32)])
        # One of the fine pixels does: it has no sharp edges of its own.
        ids = raster.triangle_ids[::SUPERSAMPLING, ::SUPERSAMPLING]
        shown = np.where(ids >= 0, part[triangles].mean(axis=1)[ids], 0.0).astype(np.float32)
        return cv2.GaussianBlur(shown, (0, 0), REGION_BLUR * len(ids))

    def _relieved(self, fit: FaceFit, points: np.ndarray) -> np.ndarray:
        """Points (N, 3) of the fitted head with the relief that its front suggests.

        A photo that is turned itself shows the profile, and its fit knows it.
        """
        if self.model.relief is None:
            return points
        front = self._front(fit)
        landmarks = self.model.landmarks(fit.identity, fit.expression)
        points = raise_relief(points, landmarks, front * self.model.relief.offsets(fit.identity))
        return round_features(points, landmarks, front)

    def _front(self, fit: FaceFit) -> float:
        """In [0, 1], how far the photo is a front, whose profile has to be guessed."""
        if self.model.relief is None:
            return 0.0
        return float(1.0 - smoothstep(*RELIEF_FRONT, abs(fit.pose.yaw)))

    def _head_depth(self, projected: np.ndarray) -> np.ndarray:
        """(W, W) of the head without the part of the neck that fades; -inf off it."""
        _, _, canvas, work = self.grids
        solid = self.model.triangles[(self._neck.cover[self.model.triangles] > 0.5).all(axis=1)]
        placed = canvas.carry_depth(projected, work)
        return rasterize(placed, solid, work.side, work.side).depth


def _upright(fit: FaceFit, matrix: np.ndarray) -> Camera:
    """The fit's camera after its photo was warped by a similarity that removes the roll."""
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0])) * fit.camera.scale
    return Camera(
        scale=scale,
        rotation=rotation_matrix(Pose(fit.pose.yaw, fit.pose.pitch)),
        translation=apply_similarity(matrix, fit.camera.translation[None])[0],
    )
