"""One image to one aligned crop: real faces of any pose and synthetic ones, framed alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dagan_tf.data.manifest import ManifestRow, landmark_points
from dagan_tf.embedders.mobilefacenet import five_points_matrix
from dagan_tf.errors import DaganError
from dagan_tf.faces.alignment import apply_similarity, roi_matrix, warp_similarity
from dagan_tf.faces.face import FaceFinder
from dagan_tf.faces.filling import frame_photo
from dagan_tf.faces.photo_io import read_photo
from dagan_tf.faces.resizing import resized
from dagan_tf.faces.subject import find_subject
from dagan_tf.faces.weights import LANDMARK_SOURCES
from dagan_tf.recognition.people import RealFace, turned
from dagan_tf.simulator.fitting.fit import FitError
from dagan_tf.simulator.fitting.framing import mean_landmarks
from dagan_tf.simulator.profile_frame import PROFILE_YAW
from dagan_tf.simulator.simulator import Simulator

# Side of the canonical frame that five-point crops are cut from, pixels, at least.
_SOURCE_SIZE = 224


class Aligner:
    """Frames images of all kinds alike.

    Profiles are framed by the detector's box, all others by the fitted head; for the
    alignment `five_points` the eyes, nose and mouth of that frame are then put onto ArcFace's.
    """

    def __init__(
        self, image_size: int, alignment: str, landmarks: str = LANDMARK_SOURCES[0]
    ) -> None:
        """Prepares the frame.

        Args:
            image_size: side of the crops, pixels.
            alignment: see `CropConfig`.
            landmarks: likewise.
        """
        self.image_size = image_size
        self._five_points = alignment == "five_points"
        self._frame = max(_SOURCE_SIZE, image_size) if self._five_points else image_size
        # Whom a test names it must not lose, however small.
        finder = FaceFinder(landmarks=landmarks)
        self._simulator = Simulator(image_size=self._frame, min_face=0.0, finder=finder)
        self._profiles = {
            side: mean_landmarks(self._simulator.model, side, self._frame) for side in (-90, 90)
        }

    def align(
        self, path: Path, what: RealFace | ManifestRow
    ) -> tuple[np.ndarray, np.ndarray, float]:
        """Aligns an image.

        Args:
            path: the image.
            what: what is known of it.

        Returns:
            (S, S, 3) uint8 crop, (68, 2) float32 landmarks in it, pixels, and yaw, degrees.

        Raises:
            DaganError: it cannot be read, or no face can be found or fitted in it.
        """
        if isinstance(what, RealFace):
            crop, landmarks, yaw = self._real(what)
        else:
            crop, landmarks = self._synthetic(path, what.yaw, what.landmarks)
            yaw = what.yaw
        if self._five_points:
            matrix = five_points_matrix(landmarks, self.image_size)
            crop = warp_similarity(crop, matrix, self.image_size, border="black")
            landmarks = apply_similarity(matrix, landmarks)
        return crop, landmarks.astype(np.float32), yaw

    def _real(self, who: RealFace) -> tuple[np.ndarray, np.ndarray, float]:
        photo = read_photo(who.path)
        finder = self._simulator.finder
        if who.central or who.box:
            face = find_subject(finder, photo, who.box)
        else:
            face = finder.find_one(photo)
        known = who.yaw if who.yaw is not None and abs(who.yaw) >= PROFILE_YAW else None
        try:
            aligned = self._simulator.align(photo, face=face, yaw=known)
        except FitError:
            # The five points need no head; whom a test names it must not lose.
            if not (who.tested and self._five_points):
                raise
            matrix = roi_matrix(face.landmarks, self._frame, margin=0.5)
            crop = frame_photo(photo, matrix, self._frame).image
            yaw = turned(0.0, who.least_yaw) if who.yaw is None else who.yaw
            return crop, apply_similarity(matrix, face.landmarks), yaw
        yaw = turned(aligned.pose.yaw, who.least_yaw) if who.yaw is None else who.yaw
        return aligned.image, aligned.landmarks, yaw

    def _synthetic(self, path: Path, yaw: float, known: str) -> tuple[np.ndarray, np.ndarray]:
        image = read_photo(path)
        if image.shape[0] != image.shape[1]:
            raise DaganError(f"{str(path)!r} is {image.shape[1]}x{image.shape[0]}; expected square")
        ratio = self._frame / image.shape[0]
        image = resized(image, self._frame, self._frame)
        # Real profiles have the mean head's landmarks: what is compared is read alike.
        if abs(yaw) > PROFILE_YAW or not known:
            return image, self._profiles[90 if yaw > 0 else -90]
        points = landmark_points(known).astype(np.float32)
        return image, (points + 0.5) * ratio - 0.5
