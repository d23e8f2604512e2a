"""The simulator: one photo in, the same face at any yaw out (paper, section 3.1)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from dagan_tf.core.blas import one_blas_thread
from dagan_tf.core.pixels import to_mask
from dagan_tf.errors import DaganError
from dagan_tf.faces.alignment import apply_similarity
from dagan_tf.faces.detector import FaceBox
from dagan_tf.faces.face import Face, FaceFinder
from dagan_tf.faces.filling import frame_photo
from dagan_tf.simulator.acceptance import (
    MIN_FACE,
    check_fit,
    check_size,
    check_turn,
    profile_side,
)
from dagan_tf.simulator.angles import check_angles, read_angles, yaw_refusal
from dagan_tf.simulator.fitting.fit import MAX_FIT_ERROR, FaceFit, fit_person
from dagan_tf.simulator.fitting.framing import frame_matrix, mean_landmarks
from dagan_tf.simulator.head.morphable_model import MorphableModel
from dagan_tf.simulator.profile_frame import profile_matrix
from dagan_tf.simulator.render.camera import Pose, turned_upright
from dagan_tf.simulator.scene.head_scene import SceneMaker
from dagan_tf.simulator.scene.prepared_photo import PreparedPhoto
from dagan_tf.simulator.view import AlignedFace, SimulatedView

BACKGROUNDS = ("keep", "blur", "none")


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
        # NaN is no limit: nothing is below it, nothing above.
        if not min_face >= 0:
            raise DaganError(f"min_face: got {min_face}, expected at least 0 pixels")
        if not max_fit_error > 0:
            raise DaganError(f"max_fit_error: got {max_fit_error}, expected above 0")
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
            pitch: degrees in [-30, 30], > 0 looks up; None lets the photo's own turn with the head
                (see `turned_upright`).
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
        poses = [
            turned_upright(fit.pose, yaw) if pitch is None else Pose(yaw, pitch) for yaw in allowed
        ]
        return [self.render(prepared, pose, identity=identity) for pose in poses]

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
        box = face.box if face else self.finder.find_box(photo)
        fit, matrix = None, None
        side = profile_side(box, yaw)
        if side is None:
            face = face or self.finder.find_one(photo, box=box)
            fit = self.fit(photo, face=face, yaw=yaw)
            matrix = frame_matrix(self.model, fit, self.image_size)
            points = apply_similarity(matrix, face.landmarks).astype(np.float32)
            pose = fit.pose
        else:
            check_size(box, self.min_face)
            matrix = profile_matrix(box, side, self.image_size)
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
        if face is None:
            face = self.find(photo, yaw)
        else:
            self.check_box(face.box, yaw)
        fit = self.fit_person([face])[0]
        self.check_fit(fit, face, yaw)
        return fit

    def find(self, photo: np.ndarray, yaw: float | None = None) -> Face:
        """Finds the face of a photo that is to be fitted.

        Args:
            photo: (H, W, 3) uint8 RGB.
            yaw: degrees, if known.

        Raises:
            DaganError: as `fit`, of what can be told before the landmarks are sought.
        """
        box = self.finder.find_box(photo)
        self.check_box(box, yaw)
        return self.finder.find_one(photo, box=box)

    def fit_person(self, faces: Sequence[Face]) -> list[FaceFit]:
        """Fits the 3D head to photos of one person, who has one shape in all of them.

        Args:
            faces: one a photo, none of them turned too far (see `check_box`).

        Returns:
            One fit a photo, as good as the landmarks let it be: see `check_fit`.

        Raises:
            FitError: as `fitting.fit.fit_person`, for any of the photos.
        """
        return fit_person(self.model, [face.landmarks for face in faces])

    def check_box(self, box: FaceBox, yaw: float | None = None) -> None:
        """Raises what `fit` does of a face that is too small or turned too far.

        Args:
            box: of the face to be fitted.
            yaw: degrees, if known.
        """
        check_size(box, self.min_face)
        check_turn(box, yaw)

    def check_fit(self, fit: FaceFit, face: Face | None = None, yaw: float | None = None) -> None:
        """Raises FitError if the fit's error is above the limit or it is turned otherwise.

        Args:
            fit: to check.
            face: what it was fitted to; its detector tells how the face is turned.
            yaw: degrees, if known.
        """
        check_fit(fit, self.max_fit_error, face, yaw)

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
            skin=drawn.skin,
            landmarks=drawn.landmarks,
            pose=pose,
            source_pose=prepared.fit.pose,
            identity=identity,
            fit_error=prepared.fit.error,
        )
