"""One photo in, its face (box and 68 landmarks) out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dagan_tf.errors import DaganError
from dagan_tf.faces.detector import DETECTORS, FaceBox, FaceDetector, check_photo
from dagan_tf.faces.face_mesh import MeshPredictor
from dagan_tf.faces.landmarks import NUM_LANDMARKS, LandmarkPredictor
from dagan_tf.faces.weights import LANDMARK_SOURCES

# A face is the photo's subject when it is at least this many times as large as the next one.
_DOMINANCE = 2.0
_PREDICTORS: dict[str, type[LandmarkPredictor | MeshPredictor]] = {
    "dlib": LandmarkPredictor,
    "mesh": MeshPredictor,
}


class FaceNotFoundError(DaganError):
    """No face was found where one is needed."""


class SeveralFacesError(DaganError):
    """Several faces were found and none is clearly the photo's subject."""


@dataclass(frozen=True)
class Face:
    """A face in a photo.

    Attributes:
        box: Its rectangle.
        landmarks: (68, 2) float32 iBUG points, pixels, x right and y down.
    """

    box: FaceBox
    landmarks: np.ndarray


class FaceFinder:
    """Detector and landmark predictor together; may be pickled to worker processes."""

    def __init__(
        self, detectors: Sequence[str] = DETECTORS, landmarks: str = LANDMARK_SOURCES[0]
    ) -> None:
        """Loads nothing yet.

        Args:
            detectors: as of `FaceDetector`.
            landmarks: where they come from, of `LANDMARK_SOURCES`.

        Raises:
            DaganError: an unknown name.
        """
        if landmarks not in _PREDICTORS:
            raise DaganError(
                f"landmarks: got {landmarks!r}, expected {' or '.join(LANDMARK_SOURCES)}"
            )
        self.landmarks = landmarks
        self._detector = FaceDetector(detectors)
        self._predictor = _PREDICTORS[landmarks]()

    def find_all(self, photo: np.ndarray) -> list[Face]:
        """Returns all faces of `photo` ((H, W, 3) uint8 RGB), the largest first."""
        return [
            Face(box, self._predictor.predict(photo, box)) for box in self._detector.detect(photo)
        ]

    def find_one(
        self,
        photo: np.ndarray,
        *,
        box: FaceBox | None = None,
        landmarks: np.ndarray | None = None,
    ) -> Face:
        """Returns the photo's subject.

        Args:
            photo: (H, W, 3) uint8 RGB.
            box: Where the face is, for photos whose face the detectors miss; the landmarks are
                then predicted in it.
            landmarks: (68, 2) iBUG points in pixels, used as they are.

        Raises:
            FaceNotFoundError: Nothing was given and no face is found.
            SeveralFacesError: The largest face is less than twice the area of the next one.
            DaganError: The given box or landmarks do not fit the photo.
        """
        check_photo(photo)
        if landmarks is not None:
            points = _checked_landmarks(landmarks, photo)
            return Face(box or _bounding_box(points), points)
        if box is not None:
            return Face(box, self._predictor.predict(photo, box))
        box = self.find_box(photo)
        return Face(box, self._predictor.predict(photo, box))

    def find_box(self, photo: np.ndarray) -> FaceBox:
        """Returns the box of the photo's subject, without the landmarks, which cost most.

        Args:
            photo: (H, W, 3) uint8 RGB.

        Raises:
            FaceNotFoundError, SeveralFacesError: as `find_one`.
        """
        boxes = self._detector.detect(photo)
        if not boxes:
            height, width = photo.shape[:2]
            raise FaceNotFoundError(f"no face found in the photo of {width}x{height} pixels")
        if len(boxes) > 1 and boxes[0].area < _DOMINANCE * boxes[1].area:
            raise SeveralFacesError(
                f"{len(boxes)} faces found and none clearly the main one "
                f"(its area must be {_DOMINANCE:g} times the next one's)"
            )
        return boxes[0]


def _checked_landmarks(landmarks: np.ndarray, photo: np.ndarray) -> np.ndarray:
    try:
        points = np.array(landmarks, dtype=np.float32)
    except (TypeError, ValueError):
        raise DaganError("landmarks are not an array of numbers") from None
    if points.shape != (NUM_LANDMARKS, 2):
        raise DaganError(f"landmarks have shape {points.shape}; expected ({NUM_LANDMARKS}, 2)")
    if not np.isfinite(points).all():
        raise DaganError("landmarks hold values that are not finite")
    # A face may be cut by the photo's border, but most of it must be there.
    height, width = photo.shape[:2]
    inside = ((points >= -0.5) & (points <= (width - 0.5, height - 0.5))).all(axis=1)
    if inside.mean() < 0.5:
        raise DaganError(
            f"only {inside.sum()} of {NUM_LANDMARKS} landmarks lie inside the photo of "
            f"{width}x{height} pixels"
        )
    extent = np.ptp(points, axis=0)
    if extent.min() < 2:
        raise DaganError(f"landmarks span {extent[0]:.1f}x{extent[1]:.1f} pixels: not a face")
    return points


def _bounding_box(points: np.ndarray) -> FaceBox:
    left, top = points.min(axis=0)
    width, height = np.ptp(points, axis=0)
    return FaceBox(float(left), float(top), float(width), float(height), 1.0, "given")
