"""The simulator: one photo in, the same face at any yaw out (paper, section 3.1)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from dagan_tf.core.blas import one_blas_thread
from dagan_tf.core.pixels import to_mask
from dagan_tf.errors import DaganError
from dagan_tf.faces.alignment import apply_similarity
from dagan_tf.faces.face import Face, FaceFinder
from dagan_tf.faces.filling import frame_photo
from dagan_tf.simulator.angles import check_angles, read_angles, yaw_refusal
from dagan_tf.simulator.fitting.fit import MAX_FIT_ERROR, FaceFit, FitError, fit_person
from dagan_tf.simulator.fitting.framing import frame_matrix, mean_landmarks
from dagan_tf.simulator.head.morphable_model import MorphableModel
from dagan_tf.simulator.profile_frame import PROFILE_YAW, SEEN_PROFILE_YAW, profile_matrix
from dagan_tf.simulator.render.camera import Pose
from dagan_tf.simulator.scene.head_scene import PreparedPhoto, SceneMaker

BACKGROUNDS = ("keep", "blur", "none")
# Most degrees between the fitted yaw and the detector's. Of 638 studio and everyday photos up to
# three-quarter turned they differ by 14 at most, of its profiles by 60 in the median.
MOST_DISAGREEMENT = 20.0
# Least width of a face's box, pixels. Shrunk to it, 36 studio and everyday photos give the yaw of
# their full size within 2 degrees and landmarks within .02 of the eyes' distance in the median; at
# half of it within 5 and .04. What is smaller has no looks to be shown from the side.
MIN_FACE = 32.0


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
        pose: the photo's own, degrees; pitch and roll of profiles are NaN.
        landmarks: (68, 2) float32 pixels of `image`; of profiles the mean head's.
        fit: what framed it; None for profiles.
    """

    image: np.ndarray
    mask: np.ndarray
    pose: Pose
    landmarks: np.ndarray
    fit: FaceFit | None


class ProfileError(FitError):
    """The face is turned too far for landmarks."""


class SmallFaceError(FitError):
    """The face has too few pixels."""


class Simulator:
    """Turns faces in photos."""

    def __init__(
        self,
        *,
        model: MorphableModel | None = None,
        image_size: int = 224,
        background: str = "keep",
        finder: FaceFinder | None = None,
        max_fit_error: float = MAX_FIT_ERROR,
        min_face: float = MIN_FACE,
    ):
        """Checks the settings; detectors load with the first photo.

        Args:
            model: 3D head; the packaged CC0 one if None.
            image_size: side of the views, pixels, at least 16.
            background: "keep" carries the photo's surroundings along, "blur" softens them, "none"
                replaces them by mid grey.
            finder: how faces are found in photos; detectors of dlib if None.
            max_fit_error: fits worse than this raise `FitError`.
            min_face: width of the box, pixels, of faces that are just large enough.

        Raises:
            DaganError: an argument is out of range.
        """
        if background not in BACKGROUNDS:
            raise DaganError(f"background: got {background!r}, expected one of {BACKGROUNDS}")
        if image_size < 16:
            raise DaganError(f"image_size: got {image_size}, expected at least 16 pixels")
        self.model = model or MorphableModel.load()
        self.image_size = image_size
        self.background = background
        self.finder = finder or FaceFinder()
        self.max_fit_error = max_fit_error
        self.min_face = min_face
        self._scenes = SceneMaker(self.model, image_size, background)

    def simulate(
        self,
        photo: np.ndarray,
        yaws: Iterable[float] = (30, 60, 90),
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
            ProfileError, FitError: as `fit`.
            DaganError: an angle is out of range, or the photo allows none of the yaws.
        """
        yaws = read_angles("yaws", yaws)
        check_angles(yaws, pitch)
        fit = fit or self.fit(photo, face=face)
        refusals = [self.refusal(fit, yaw) for yaw in yaws]
        allowed = [yaw for yaw, reason in zip(yaws, refusals, strict=True) if reason is None]
        if not allowed:
            raise DaganError("; ".join(reason for reason in refusals if reason))
        prepared = self.prepare(photo, fit)
        tilt = fit.pose.pitch if pitch is None else pitch
        return [self.render(prepared, Pose(yaw, tilt), identity=identity) for yaw in allowed]

    @staticmethod
    def refusal(fit: FaceFit, yaw: float) -> str | None:
        """Why a photo cannot be shown at a yaw.

        A photo within 15 degrees of frontal can be shown at any yaw. One that is turned further
        hides a cheek, about which it tells nothing: it is only turned further to its own side.

        Args:
            fit: the photo's fit.
            yaw: degrees in [-90, 90].

        Returns:
            One line with the yaw asked for and what is possible, or None if it can be shown.
        """
        return yaw_refusal(fit.pose.yaw, yaw)

    def align(
        self, photo: np.ndarray, *, face: Face | None = None, yaw: float | None = None
    ) -> AlignedFace:
        """Brings a real photo into the canonical frame of the simulated views.

        Faces up to 65 degrees are framed by the fitted head, those turned further by the
        detector's box (see `profile_frame`).

        Args:
            photo: (H, W, 3) uint8 RGB.
            face: where the face is; found in the photo if None.
            yaw: degrees, if known, > 0 when the nose points to the right in the image.

        Returns:
            The crop, its mask and what framed it.

        Raises:
            DaganError: as for `fit`.
        """
        face = face or self.finder.find_one(photo)
        fit, matrix = None, None
        side = _profile_side(face, yaw)
        if side is None:
            fit = self.fit(photo, face=face, yaw=yaw)
            matrix = frame_matrix(self.model, fit, self.image_size)
            points = apply_similarity(matrix, face.landmarks).astype(np.float32)
            pose = fit.pose
        else:
            self._check_size(face)
            matrix = profile_matrix(face.box, side, self.image_size)
            points = mean_landmarks(self.model, math.copysign(90.0, side), self.image_size)
            pose = Pose(side, math.nan, math.nan)
        image, shown = frame_photo(photo, matrix, self.image_size)
        mask = to_mask(shown)
        return AlignedFace(image, mask, pose, points, fit)

    def fit(
        self, photo: np.ndarray, *, face: Face | None = None, yaw: float | None = None
    ) -> FaceFit:
        """Finds the face of a photo and fits the 3D head to it.

        Args:
            photo: (H, W, 3) uint8 RGB.
            face: where the face is; found in the photo if None.
            yaw: degrees, if known.

        Raises:
            FaceNotFoundError, SeveralFacesError: no face, or no single main one.
            ProfileError: the face is turned too far for landmarks.
            SmallFaceError: its box is narrower than `min_face`.
            FitError: no head explains the landmarks well enough, or only one that is turned
                otherwise than the face is.
        """
        face = face or self.finder.find_one(photo)
        self.check_face(face, yaw)
        fit = self.fit_person([face])[0]
        self.check_fit(fit, face, yaw)
        return fit

    def fit_person(self, faces: Sequence[Face]) -> list[FaceFit]:
        """Fits the 3D head to photos of one person, who has one shape in all of them.

        Args:
            faces: one a photo, none of them turned too far (see `check_face`).

        Returns:
            One fit a photo, as good as the landmarks let it be: see `check_fit`.

        Raises:
            FitError: as `fitting.fit.fit_person`, for any of the photos.
        """
        return fit_person(self.model, [face.landmarks for face in faces])

    def check_face(self, face: Face, yaw: float | None = None) -> None:
        """Raises what `fit` does of a face that is too small or turned too far.

        Args:
            face: to be fitted.
            yaw: degrees, if known.
        """
        self._check_size(face)
        side = _profile_side(face, yaw)
        if side is not None:
            raise ProfileError(
                f"yaw: the photo shows a profile ({side:+.0f} degrees), whose other side it hides "
                f"and no landmarks fit; expected at most {SEEN_PROFILE_YAW:g}"
            )

    def _check_size(self, face: Face) -> None:
        if face.box.width < self.min_face:
            raise SmallFaceError(
                f"the face is {face.box.width:.0f} pixels wide; expected at least "
                f"{self.min_face:g} (min_face)"
            )

    def check_fit(self, fit: FaceFit, face: Face | None = None, yaw: float | None = None) -> None:
        """Raises FitError if the fit's error is above the limit or it is turned otherwise.

        Args:
            fit: to check.
            face: what it was fitted to; its detector tells how the face is turned.
            yaw: degrees, if known.
        """
        if fit.error > self.max_fit_error:
            raise FitError(
                f"fit error {fit.error:.3f} is above {self.max_fit_error} outer-eye distances: "
                "the landmarks do not look like a face's"
            )
        seen = yaw if yaw is not None or face is None else face.box.yaw
        if seen is not None and abs(fit.pose.yaw - seen) > MOST_DISAGREEMENT:
            raise FitError(
                f"the landmarks say yaw {fit.pose.yaw:+.0f}, "
                f"{'what is known' if yaw is not None else 'the detector'} {seen:+.0f} degrees: "
                f"expected at most {MOST_DISAGREEMENT:g} between them"
            )

    def prepare(self, photo: np.ndarray, fit: FaceFit) -> PreparedPhoto:
        """Reads a photo onto its fitted head, once for all its views.

        Args:
            photo: (H, W, 3) uint8 RGB.
            fit: the photo's fit.

        Returns:
            What `render` draws from.
        """
        with one_blas_thread():
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
        with one_blas_thread():
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


def _profile_side(face: Face, yaw: float | None) -> float | None:
    """The yaw of a profile, as known or else as seen; None if the face is turned less."""
    seen = face.box.yaw
    if yaw is not None:
        return yaw if abs(yaw) >= PROFILE_YAW else None
    return seen if seen is not None and abs(seen) >= SEEN_PROFILE_YAW else None
