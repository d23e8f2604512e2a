"""Finds faces: BlazeFace first, of any roll; where it sees none dlib's HOG detector, then its CNN.

Measured on 158 frontal, 160 three-quarter and 160 profile photos of the London Set and 360 everyday
ones (docs/detectors.md): BlazeFace finds the one face of all of them, dlib's two of all but five
profiles, at fifty times the cost where the CNN is needed.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import dlib
import numpy as np

from dagan_tf.errors import DaganError
from dagan_tf.faces.blazeface import BlazeFace, Detection
from dagan_tf.faces.keypoints import upright_roll, yaw_of
from dagan_tf.faces.resizing import resized
from dagan_tf.faces.weights import FACE_DETECTOR_CNN, weight_path

# In the order in which they are asked.
DETECTORS = ("blaze", "hog", "cnn")
# Nothing narrower can show a face, and strips cost the detectors far more than their pixels.
_MIN_SHORT_SIDE = 16
# HOG sees faces of 80 px and more. Photos whose short side is below this are enlarged to it, so
# that a face filling a third of a small photo is found (tuned on the 92x112 photos of ORL).
_HOG_SHORT_SIDE = 240
# Larger photos are shrunk to this many pixels, which bounds the time (about 0.4 s) and still
# shows a face that is a fifteenth of a square photo's side.
_HOG_PIXELS = 1200 * 1200
# The CNN sees faces of about 40 px and costs 4 us a pixel: at most about 2 s.
_CNN_SHORT_SIDE = 200
_CNN_PIXELS = 700 * 700
# Beside a face of HOG score 1 and more, a box below 0.25 is a badge or a fold of cloth, not a
# second face: two people in one photo score alike.
_SURE_SCORE = 1.0
_DOUBTFUL_SCORE = 0.25
# Likewise BlazeFace's: ears and collars below 0.71 beside faces of 0.85 and more.
_SURE_BLAZE, _DOUBTFUL_BLAZE = 0.85, 0.75


@dataclass(frozen=True)
class FaceBox:
    """A face's rectangle in pixels of the photo; it may reach over the photo's border.

    Attributes:
        left: x of the left edge.
        top: y of the upper edge.
        width: Extent in x, > 0.
        height: Extent in y, > 0.
        score: The detector's confidence; comparable only within one detector.
        detector: "blaze", "hog", "cnn" or "given". BlazeFace's and the CNN's boxes lie elsewhere on
            a face than HOG's: they follow the visible head, HOG's the middle of the eyes.
        keypoints: six (x, y) of BlazeFace (see `faces.keypoints`), else none.
    """

    left: float
    top: float
    width: float
    height: float
    score: float
    detector: str
    keypoints: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        numbers = (self.left, self.top, self.width, self.height, self.score)
        if not all(math.isfinite(number) for number in numbers):
            raise ValueError(f"{self} has a coordinate that is not finite")
        if self.width <= 0 or self.height <= 0:
            raise ValueError(f"{self} is empty; expected width > 0 and height > 0")

    @property
    def area(self) -> float:
        """Square pixels."""
        return self.width * self.height

    @property
    def roll(self) -> float | None:
        """Degrees in (-180, 180], > 0 tilts clockwise in the image; None if unknown."""
        return upright_roll(np.array(self.keypoints)) if self.keypoints else None

    @property
    def yaw(self) -> float | None:
        """Degrees, > 0 when the nose points to the right of the upright face; None if unknown."""
        return yaw_of(np.array(self.keypoints)) if self.keypoints else None


class FaceDetector:
    """Detects faces of any roll, from the front to full profiles.

    The weights are loaded at the first use and never pickled, so an instance may be handed to
    worker processes. One instance serves one thread at a time.
    """

    def __init__(self, detectors: Sequence[str] = DETECTORS) -> None:
        """Loads nothing yet.

        Args:
            detectors: Some of `DETECTORS`; each is asked where those before it find no face.

        Raises:
            DaganError: None or an unknown one.
        """
        unknown = [name for name in detectors if name not in DETECTORS]
        if unknown or not detectors:
            raise DaganError(
                f"detectors: got {', '.join(detectors) or 'none'}, "
                f"expected some of {', '.join(DETECTORS)}"
            )
        self._detectors = tuple(detectors)
        self._blaze = BlazeFace()
        self._hog: Any = None
        self._cnn: Any = None

    def detect(self, photo: np.ndarray) -> list[FaceBox]:
        """Returns the boxes of all faces found, the largest first; possibly none.

        Boxes that a detector is unsure of are left out where it is sure of another face.

        Args:
            photo: (H, W, 3) uint8 RGB. Small ones are enlarged and large ones shrunk internally;
                the boxes are in the photo's own pixels.
        """
        check_photo(photo)
        if min(photo.shape[:2]) < _MIN_SHORT_SIDE:
            return []
        run = {"blaze": self._run_blaze, "hog": self._run_hog, "cnn": self._run_cnn}
        boxes: list[FaceBox] = []
        for name in self._detectors:
            boxes = boxes or run[name](photo)
        return sorted(boxes, key=lambda box: (-box.area, box.left, box.top))

    def _run_blaze(self, photo: np.ndarray) -> list[FaceBox]:
        boxes = [_blaze_box(one) for one in self._blaze.find(photo)]
        return _without_doubtful(boxes, _SURE_BLAZE, _DOUBTFUL_BLAZE)

    def _run_hog(self, photo: np.ndarray) -> list[FaceBox]:
        if self._hog is None:
            self._hog = dlib.get_frontal_face_detector()
        resized, scale = _resize(photo, _HOG_SHORT_SIDE, _HOG_PIXELS)
        rectangles, scores, _ = self._hog.run(resized, 0)
        boxes = [
            _box(rectangle, score, scale, "hog")
            for rectangle, score in zip(rectangles, scores, strict=True)
        ]
        return _without_doubtful(boxes, _SURE_SCORE, _DOUBTFUL_SCORE)

    def _run_cnn(self, photo: np.ndarray) -> list[FaceBox]:
        if self._cnn is None:
            path = weight_path(FACE_DETECTOR_CNN)
            self._cnn = dlib.cnn_face_detection_model_v1(str(path))
        resized, scale = _resize(photo, _CNN_SHORT_SIDE, _CNN_PIXELS)
        return [_box(face.rect, face.confidence, scale, "cnn") for face in self._cnn(resized, 0)]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_hog": None, "_cnn": None}


def _without_doubtful(boxes: list[FaceBox], sure: float, doubtful: float) -> list[FaceBox]:
    if all(box.score < sure for box in boxes):
        return boxes
    return [box for box in boxes if box.score >= doubtful]


def _blaze_box(found: Detection) -> FaceBox:
    left, top, right, bottom = (float(edge) for edge in found.box)
    points = tuple((float(x), float(y)) for x, y in found.keypoints)
    return FaceBox(left, top, right - left, bottom - top, found.score, "blaze", points)


def check_photo(photo: np.ndarray) -> None:
    """Raises ValueError unless `photo` is (H, W, 3) uint8 with at least one pixel."""
    if not isinstance(photo, np.ndarray):
        raise ValueError(f"photo is a {type(photo).__name__}; expected a numpy array")
    if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] != 3 or photo.size == 0:
        raise ValueError(f"photo is {photo.dtype} {photo.shape}; expected uint8 (H, W, 3)")


def _resize(photo: np.ndarray, short_side: int, pixels: int) -> tuple[np.ndarray, float]:
    """Enlarges to `short_side` if smaller, then shrinks to `pixels` if more; returns the scale."""
    height, width = photo.shape[:2]
    scale = max(1.0, short_side / min(height, width))
    scale = min(scale, math.sqrt(pixels / (height * width)))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return resized(photo, *size), scale


def _box(rectangle: Any, score: float, scale: float, detector: str) -> FaceBox:
    # dlib's rectangles include both edge pixels; pixel centres are at integers, edges at halves.
    return FaceBox(
        left=(rectangle.left() / scale) + 0.5 / scale - 0.5,
        top=(rectangle.top() / scale) + 0.5 / scale - 0.5,
        width=(rectangle.right() - rectangle.left()) / scale,
        height=(rectangle.bottom() - rectangle.top()) / scale,
        score=float(score),
        detector=detector,
    )
