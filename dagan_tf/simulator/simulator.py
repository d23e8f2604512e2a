"""The simulator: one photo in, the same face at any yaw out (paper, section 3.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from threadpoolctl import ThreadpoolController

from dagan_tf.errors import DaganError
from dagan_tf.faces.face import Face, FaceFinder, FaceNotFoundError
from dagan_tf.faces.filling import frame_photo
from dagan_tf.simulator.camera import Pose
from dagan_tf.simulator.fitting.fit import MAX_FIT_ERROR, FaceFit, FitError, fit_landmarks
from dagan_tf.simulator.framing import frame_matrix
from dagan_tf.simulator.head.morphable_model import MorphableModel
from dagan_tf.simulator.profile_frame import profile_matrix
from dagan_tf.simulator.scene.head_scene import PreparedPhoto, SceneMaker

BACKGROUNDS = ("keep", "blur", "none")
MAX_YAW = 90.0
MAX_PITCH = 30.0
# A photo is free to be shown at any yaw while both its cheeks are seen; beyond this many degrees
# the side turned away is not in the picture, and the head is only turned further (300W-LP's rule).
FREE_YAW = 15.0


@dataclass(frozen=True, eq=False)
class SimulatedView:
    """A face as it would look from another side.

    Attributes:
        image: (S, S, 3) uint8 RGB in the canonical frame.
        mask: (S, S) uint8; 255 where the photo really showed what is seen, 0 where it was filled.
        depth: (S, S) float32 pixels of `image`, larger is nearer, 0 in the plane through the
            frame's centre; surroundings included, NaN there if they are left out.
        head: (S, S) uint8; 255 where head and hair were drawn, less where they share a pixel with
            the surroundings, 0 elsewhere.
        landmarks: (68, 2) float32 pixels of `image`.
        pose: the pose shown, degrees.
        source_pose: the photo's own pose, degrees.
        identity: whose face it is, as the caller named it.
        fit_error: root mean square landmark error over the outer-eye distance.
    """

    image: np.ndarray
    mask: np.ndarray
    depth: np.ndarray
    head: np.ndarray
    landmarks: np.ndarray
    pose: Pose
    source_pose: Pose
    identity: str
    fit_error: float


class AlignedFace(NamedTuple):
    """A real photo in the canonical frame.

    Attributes:
        image: (S, S, 3) uint8 RGB, upright.
        mask: (S, S) uint8; 255 inside the photo, 0 beyond its edges, where `image` is filled.
        fit: what framed it.
    """

    image: np.ndarray
    mask: np.ndarray
    fit: FaceFit


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
        self._scenes = SceneMaker(self.model, image_size, background)

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
        return yaw_refusal(fit.pose.yaw, yaw)

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

    def align(self, photo: np.ndarray, *, face: Face | None = None) -> AlignedFace:
        """Crops a real photo to the canonical frame of the simulated views.

        Args:
            photo: (H, W, 3) uint8 RGB.
            face: where the face is; found in the photo if None.

        Returns:
            The crop, its mask and the fit that framed it.

        Raises:
            DaganError: as for `simulate`.
        """
        fit = self.fit(photo, face=face)
        matrix = frame_matrix(self.model, fit, self.image_size)
        image, shown = frame_photo(photo, matrix, self.image_size)
        return AlignedFace(image, np.where(shown, 255, 0).astype(np.uint8), fit)

    def align_profile(self, photo: np.ndarray, yaw: float) -> np.ndarray:
        """Crops a real full profile, which no landmarks fit, to the canonical frame.

        Args:
            photo: (H, W, 3) uint8 RGB.
            yaw: near -90 or +90 degrees, as the caller knows it.

        Returns:
            (S, S, 3) uint8 crop, framed by the box of dlib's CNN (see `profile_frame`).

        Raises:
            FaceNotFoundError: the CNN finds no face.
            DaganError: a yaw that is no profile.
        """
        box = self.finder.locate(photo)
        if box is None:
            raise FaceNotFoundError("no face found in the profile photo")
        return frame_photo(photo, profile_matrix(box, yaw, self.image_size), self.image_size).image

    def fit(self, photo: np.ndarray, *, face: Face | None = None) -> FaceFit:
        """Finds the face of a photo and fits the 3D head to it; raises as `simulate` does."""
        face = face or self.finder.find_one(photo)
        with self._blas.limit(limits=1):
            fit = fit_landmarks(self.model, face.landmarks)
        self.check_fit(fit)
        return fit

    def check_fit(self, fit: FaceFit) -> None:
        """Raises FitError if the fit's error is above the limit."""
        if fit.error > self.max_fit_error:
            raise FitError(
                f"fit error {fit.error:.3f} is above {self.max_fit_error} outer-eye distances: "
                "the landmarks do not look like a face's"
            )

    def prepare(self, photo: np.ndarray, fit: FaceFit) -> PreparedPhoto:
        """Reads a photo onto its fitted head, once for all its views.

        Args:
            photo: (H, W, 3) uint8 RGB.
            fit: the photo's fit.

        Returns:
            What `render` draws from.
        """
        with self._blas.limit(limits=1):
            return self._scenes.prepare(photo, fit)

    def render(self, prepared: PreparedPhoto, pose: Pose, *, identity: str = "") -> SimulatedView:
        """Draws one view, whatever the photo's own pose (`simulate` asks `refusal` first).

        Args:
            prepared: what `prepare` returned.
            pose: degrees.
            identity: carried into the view.

        Returns:
            The view.
        """
        with self._blas.limit(limits=1):
            drawn = self._scenes.draw(prepared, pose)
        return SimulatedView(
            image=drawn.image,
            mask=drawn.mask,
            depth=drawn.depth,
            head=drawn.head,
            landmarks=drawn.landmarks,
            pose=pose,
            source_pose=prepared.fit.pose,
            identity=identity,
            fit_error=prepared.fit.error,
        )


def yaw_refusal(own: float, yaw: float) -> str | None:
    """As `Simulator.refusal`, for a photo turned by `own` degrees."""
    if abs(own) <= FREE_YAW or yaw * np.sign(own) >= abs(own) - 0.5:
        return None
    side = f"{min(own, 90.0):+.0f} to +90" if own > 0 else f"-90 to {max(own, -90.0):+.0f}"
    return (
        f"yaw: got {yaw:+.0f}, expected {side} degrees: the photo is turned by {own:+.0f} and "
        "hides the other side of the face"
    )
