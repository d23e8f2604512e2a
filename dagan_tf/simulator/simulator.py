"""The simulator: one photo in, the same face at any yaw out (paper, section 3.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from threadpoolctl import ThreadpoolController

from dagan_tf.errors import DaganError
from dagan_tf.faces.alignment import apply_similarity, warp_similarity
from dagan_tf.faces.face import Face, FaceFinder
from dagan_tf.simulator import scene
from dagan_tf.simulator.camera import Camera, Pose, rotation_matrix
from dagan_tf.simulator.fitting import MAX_FIT_ERROR, FaceFit, FitError, fit_landmarks
from dagan_tf.simulator.framing import frame_camera, frame_depth, frame_matrix
from dagan_tf.simulator.mesh import Mesh
from dagan_tf.simulator.morphable_model import MorphableModel
from dagan_tf.simulator.rasterizer import interpolate, rasterize
from dagan_tf.simulator.texture import HeadTexture, head_texture, scalp_region, smoothstep

BACKGROUNDS = ("keep", "blur", "none")
MAX_YAW = 90.0
MAX_PITCH = 30.0
# A photo is free to be shown at any yaw while both its cheeks are seen; beyond this many degrees
# the side turned away is not in the picture, and the head is only turned further (300W-LP's rule).
FREE_YAW = 15.0
# The photo is worked on in a canvas of this many frames a side, so that there are surroundings to
# draw from, at this many pixels per frame pixel, so that sampling it twice costs no sharpness.
CANVAS_FRAMES = 2.0
CANVAS_DENSITY = 1.5
# The head is drawn at this many times the frame's resolution, then averaged: smooth outlines.
SUPERSAMPLING = 2
# Near the cut through the neck the head fades into the surroundings, over this part of its height.
NECK_FADE = 0.12
NEUTRAL_GREY = 127.5


@dataclass(frozen=True, eq=False)
class SimulatedView:
    """A face as it would look from another side.

    Attributes:
        image: (S, S, 3) uint8 RGB in the canonical frame.
        mask: (S, S) uint8; 255 where the photo really showed what is seen, 0 where it was filled.
        depth: (S, S) float32 pixels of `image`, larger is nearer, 0 in the plane through the
            frame's centre; NaN off the head.
        landmarks: (68, 2) float32 pixels of `image`.
        pose: the pose shown, degrees.
        source_pose: the photo's own pose, degrees.
        identity: whose face it is, as the caller named it.
        fit_error: root mean square landmark error over the outer-eye distance.
    """

    image: np.ndarray
    mask: np.ndarray
    depth: np.ndarray
    landmarks: np.ndarray
    pose: Pose
    source_pose: Pose
    identity: str
    fit_error: float


@dataclass(frozen=True, eq=False)
class PreparedPhoto:
    """A photo read onto its head, from which `Simulator.render` draws any number of views.

    Attributes:
        fit: the photo's fit.
        vertices: (V, 3) float32, the fitted head in model units.
        texture: where each vertex finds its colour.
        head_mask: (C, C) bool, the head in the photo's canvas.
        skull: (2,) float64 pixels of the canvas, the skull's centre.
    """

    fit: FaceFit
    vertices: np.ndarray
    texture: HeadTexture
    head_mask: np.ndarray
    skull: np.ndarray


class Simulator:
    """Turns faces in photos.

    Args:
        model: 3D head; the packaged CC0 one if None.
        image_size: side of the views, pixels, at least 16.
        background: "keep" carries the photo's surroundings along, "blur" softens them, "none"
            replaces them by mid grey.
        finder: how faces are found in photos; detectors of dlib if None.
        max_fit_error: fits worse than this raise `FitError`.

    Raises:
        DaganError: an argument is out of range.
    """

    def __init__(
        self,
        *,
        model: MorphableModel | None = None,
        image_size: int = 224,
        background: str = "keep",
        finder: FaceFinder | None = None,
        max_fit_error: float = MAX_FIT_ERROR,
    ):
        if background not in BACKGROUNDS:
            raise DaganError(f"background: got {background!r}, expected one of {BACKGROUNDS}")
        if image_size < 16:
            raise DaganError(f"image_size: got {image_size}, expected at least 16 pixels")
        self.model = model or MorphableModel.load()
        self.image_size = image_size
        self.background = background
        self.finder = finder or FaceFinder()
        self.max_fit_error = max_fit_error
        # The systems solved here are small: threads of BLAS only wait for each other (measured: a
        # photo with six views takes five times the CPU time on two cores).
        self._blas = ThreadpoolController().select(user_api="blas")
        mean = self.model.mean
        self._mesh = Mesh(mean, self.model.triangles)
        self._coverage = smoothstep(
            0.0, NECK_FADE * float(np.ptp(mean[:, 1])), self._mesh.rim_distance
        ).astype(np.float32)
        chin = mean[self.model.landmark_vertices[8], 1]
        self._scalp = scalp_region(mean, self.model.landmark_vertices)
        self._skull = mean[:, 1] > chin

    def simulate(
        self,
        photo: np.ndarray,
        yaws: Sequence[float] = (30, 60, 90),
        *,
        pitch: float | None = None,
        identity: str = "",
        face: Face | None = None,
        fit: FaceFit | None = None,
    ) -> list[SimulatedView]:
        """Shows the face of a photo at other yaw angles.

        Args:
            photo: (H, W, 3) uint8 RGB.
            yaws: degrees in [-90, 90]; > 0 moves the nose to the right in the image.
            pitch: degrees in [-30, 30], > 0 looks up; None keeps the photo's own.
            identity: carried into the views.
            face: where the face is; found in the photo if None.
            fit: what `fit` or `fit_person` returned for this photo; found from `face` if None.

        Returns:
            One view a yaw, upright (roll 0), in the order asked for; yaws that `refusal` refuses
            are left out.

        Raises:
            FaceNotFoundError, SeveralFacesError: no face, or no single main one.
            FitError: no head explains the landmarks well enough.
            DaganError: an angle is out of range, or the photo allows none of the yaws.
        """
        self.check_angles(yaws, pitch)
        fit = fit or self.fit(photo, face=face)
        refusals = [self.refusal(fit, yaw) for yaw in yaws]
        allowed = [float(yaw) for yaw, reason in zip(yaws, refusals, strict=True) if reason is None]
        if not allowed:
            raise DaganError("; ".join(reason for reason in refusals if reason))
        prepared = self.prepare(photo, fit)
        tilt = fit.pose.pitch if pitch is None else pitch
        return [self.render(prepared, Pose(yaw, tilt), identity=identity) for yaw in allowed]

    @staticmethod
    def refusal(fit: FaceFit, yaw: float) -> str | None:
        """Why a photo cannot be shown at a yaw.

        A photo within 15 degrees of frontal can be shown at any yaw. One that is turned further
        hides a cheek, which nothing in it tells about: it is only turned further to its own side.

        Args:
            fit: the photo's fit.
            yaw: degrees in [-90, 90].

        Returns:
            One line with the yaw asked for and what is possible, or None if it can be shown.
        """
        own = fit.pose.yaw
        if abs(own) <= FREE_YAW or yaw * np.sign(own) >= abs(own) - 0.5:
            return None
        side = f"{min(own, 90.0):+.0f} to +90" if own > 0 else f"-90 to {max(own, -90.0):+.0f}"
        return (
            f"yaw: got {yaw:+.0f}, expected {side} degrees: the photo is turned by {own:+.0f} and "
            "hides the other side of the face"
        )

    @staticmethod
    def check_angles(yaws: Sequence[float], pitch: float | None) -> None:
        """Raises DaganError unless every yaw is in [-90, 90] and pitch in [-30, 30] or None."""
        if not yaws:
            raise DaganError("yaws: got none, expected at least one angle in degrees")
        for yaw in yaws:
            if not abs(yaw) <= MAX_YAW:
                raise DaganError(f"yaw: got {yaw}, expected degrees in [-90, 90]")
        if pitch is not None and not abs(pitch) <= MAX_PITCH:
            raise DaganError(f"pitch: got {pitch}, expected degrees in [-30, 30]")

    def align(self, photo: np.ndarray, *, face: Face | None = None) -> tuple[np.ndarray, FaceFit]:
        """Crops a real photo to the canonical frame of the simulated views.

        Args:
            photo: (H, W, 3) uint8 RGB.
            face: where the face is; found in the photo if None.

        Returns:
            (S, S, 3) uint8 crop, upright, and the fit that framed it.

        Raises:
            As `simulate`.
        """
        fit = self.fit(photo, face=face)
        matrix = frame_matrix(self.model, fit, self.image_size)
        return warp_similarity(photo, matrix, self.image_size), fit

    def fit(self, photo: np.ndarray, *, face: Face | None = None) -> FaceFit:
        """Finds the face of a photo and fits the 3D head to it; raises as `simulate` does."""
        face = face or self.finder.find_one(photo)
        with self._blas.limit(limits=1):
            fit = fit_landmarks(self.model, face.landmarks)
        if fit.error > self.max_fit_error:
            raise FitError(
                f"fit error {fit.error:.3f} is above {self.max_fit_error} outer-eye distances: "
                "the landmarks do not look like a face's"
            )
        return fit

    def prepare(self, photo: np.ndarray, fit: FaceFit) -> PreparedPhoto:
        """Reads a photo onto its fitted head, once for all its views.

        Args:
            photo: (H, W, 3) uint8 RGB.
            fit: the photo's fit.

        Returns:
            What `render` draws from.
        """
        with self._blas.limit(limits=1):
            return self._read_photo(photo, fit)

    def _read_photo(self, photo: np.ndarray, fit: FaceFit) -> PreparedPhoto:
        size = round(CANVAS_DENSITY * CANVAS_FRAMES * self.image_size)
        matrix = frame_matrix(self.model, fit, size, zoom=1.0 / CANVAS_FRAMES)
        canvas = warp_similarity(photo, matrix, size)
        camera = _upright(fit, matrix)
        vertices = self.model.vertices(fit.identity, fit.expression)
        projected = camera.project(vertices)
        normals = self._mesh.normals(vertices) @ camera.rotation.T.astype(np.float32)
        texture = head_texture(
            canvas, projected, normals, self._mesh, self.model.mirror, self._scalp
        )
        coverage = interpolate(texture.raster, self.model.triangles, self._coverage[:, None])
        return PreparedPhoto(
            fit=fit,
            vertices=vertices,
            texture=texture,
            head_mask=coverage[..., 0] > 0.5,
            skull=projected[self._skull, :2].mean(axis=0).astype(np.float64),
        )

    def render(self, fitted: PreparedPhoto, pose: Pose, *, identity: str = "") -> SimulatedView:
        """Draws one view, whatever the photo's own pose (`simulate` asks `refusal` first).

        Args:
            fitted: what `prepare` returned.
            pose: degrees.
            identity: carried into the view.

        Returns:
            The view.
        """
        size, fine = self.image_size, SUPERSAMPLING * self.image_size
        camera = frame_camera(self.model, fitted.fit, pose, fine)
        projected = camera.project(fitted.vertices)
        raster = rasterize(projected, self.model.triangles, fine, fine)
        colour, seen = fitted.texture.shade(raster, self.model.triangles)
        coverage = interpolate(raster, self.model.triangles, self._coverage[:, None])
        head = cv2.resize(colour * coverage, (size, size), interpolation=cv2.INTER_AREA)
        seen = cv2.resize(seen * coverage[..., 0], (size, size), interpolation=cv2.INTER_AREA)
        cover = cv2.resize(coverage[..., 0], (size, size), interpolation=cv2.INTER_AREA)
        skull = projected[self._skull, :2].mean(axis=0).astype(np.float64)
        surroundings = self._surroundings(fitted, cover > 0.5, _coarse(skull))
        shown = seen + (1.0 - cover) * (self.background == "keep")
        landmarks = _coarse(projected[self.model.landmark_vertices, :2])
        return SimulatedView(
            image=scene.compose(head, cover, surroundings),
            mask=np.where(shown > 0.5, 255, 0).astype(np.uint8),
            depth=np.where(
                cover > 0.5,
                _nearest(raster.depth) / SUPERSAMPLING
                - frame_depth(self.model, fitted.fit, pose, size),
                np.nan,
            ).astype(np.float32),
            landmarks=landmarks.astype(np.float32),
            pose=pose,
            source_pose=fitted.fit.pose,
            identity=identity,
            fit_error=fitted.fit.error,
        )

    def _surroundings(
        self, fitted: PreparedPhoto, mask: np.ndarray, skull: np.ndarray
    ) -> np.ndarray:
        if self.background == "none":
            return np.full((self.image_size, self.image_size, 3), NEUTRAL_GREY, np.float32)
        photo = fitted.texture.photo
        density = photo.shape[0] / (CANVAS_FRAMES * self.image_size)
        carried = scene.carry_surroundings(
            photo, fitted.head_mask, fitted.skull, mask, skull, density
        )
        if self.background == "blur":
            carried = cv2.GaussianBlur(carried, (0, 0), 0.04 * self.image_size)
        return carried


def _upright(fit: FaceFit, matrix: np.ndarray) -> Camera:
    """The fit's camera after its photo was warped by a similarity that removes the roll."""
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0])) * fit.camera.scale
    return Camera(
        scale=scale,
        rotation=rotation_matrix(Pose(fit.pose.yaw, fit.pose.pitch)),
        translation=apply_similarity(matrix, fit.camera.translation[None])[0],
    )


def _nearest(depth: np.ndarray) -> np.ndarray:
    """(S, S) the nearest surface in each pixel of the frame, from the supersampled drawing."""
    size = len(depth) // SUPERSAMPLING
    return depth.reshape(size, SUPERSAMPLING, size, SUPERSAMPLING).max(axis=(1, 3))


def _coarse(points: np.ndarray) -> np.ndarray:
    """Pixel coordinates of the supersampled drawing in the frame (pixel centres at integers)."""
    return (points + 0.5) / SUPERSAMPLING - 0.5
