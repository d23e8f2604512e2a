"""Runs dlib's regression trees, which predict a set of points of a face from its box."""

from typing import Any, NamedTuple

import dlib
import numpy as np

from dagan_tf.errors import DaganError
from dagan_tf.faces.detector import FaceBox, check_photo
from dagan_tf.faces.resizing import resized
from dagan_tf.faces.weights import weight_path

# dlib answers in whole pixels and reads single pixels: in a face of this width that is fine
# enough, and neither a tiny nor a huge photo changes the answer.
_BOX_WIDTH = 300.0
# The trees read pixels beyond the box too.
_SURROUNDINGS = 0.6


class BoxCrop(NamedTuple):
    """A face at the size that the trees read, with what is around it.

    Attributes:
        image: uint8 RGB.
        box: of the face, in the photo.
        corners: (4,) int64, the box's left, top, right and bottom in `image`, pixels.
        scale: (2,) its pixels to one of the photo, x and y.
        origin: (2,) pixel of the photo at its corner.
    """

    image: np.ndarray
    box: FaceBox
    corners: np.ndarray
    scale: np.ndarray
    origin: np.ndarray

    @classmethod
    def of(cls, photo: np.ndarray, box: FaceBox) -> "BoxCrop":
        """Cuts out a face.

        Args:
            photo: (H, W, 3) uint8 RGB.
            box: Of the face, as it lay around the faces that the weights were trained on.

        Raises:
            DaganError: The box lies outside the photo.
        """
        check_photo(photo)
        height, width = photo.shape[:2]
        left = max(0, int(box.left - _SURROUNDINGS * box.width))
        top = max(0, int(box.top - _SURROUNDINGS * box.height))
        right = min(width, int(box.left + (1 + _SURROUNDINGS) * box.width) + 1)
        bottom = min(height, int(box.top + (1 + _SURROUNDINGS) * box.height) + 1)
        if right <= left or bottom <= top:
            raise DaganError(f"{box} lies outside the photo of {width}x{height} pixels")
        crop = photo[top:bottom, left:right]
        ratio = _BOX_WIDTH / box.width
        size = (max(1, round(crop.shape[1] * ratio)), max(1, round(crop.shape[0] * ratio)))
        scale = np.array([size[0] / crop.shape[1], size[1] / crop.shape[0]])
        origin = np.array([left, top])
        # Pixel centres are at integers in both images, hence the halves.
        corners = np.array(
            [(box.left, box.top), (box.left + box.width, box.top + box.height)], dtype=np.float64
        )
        corners = np.rint((corners - origin + 0.5) * scale - 0.5).astype(int)
        return cls(resized(crop, *size), box, corners.ravel(), scale, origin)


class ShapePredictor:
    """One of dlib's shape predictors (Kazemi and Sullivan, CVPR 2014).

    The weights are loaded at the first use and never pickled.
    """

    def __init__(self, weights: str) -> None:
        """Loads nothing yet.

        Args:
            weights: File name, as in `faces.weights`.
        """
        self._weights = weights
        self._predictor: Any = None

    def predict(self, crop: BoxCrop) -> np.ndarray:
        """Returns (K, 2) float32 points, pixels of the photo, x right and y down.

        Args:
            crop: Of the face; K depends on the weights.
        """
        if self._predictor is None:
            self._predictor = dlib.shape_predictor(str(weight_path(self._weights)))
        shape = self._predictor(crop.image, dlib.rectangle(*crop.corners.tolist()))
        points = np.array([(part.x, part.y) for part in shape.parts()], dtype=np.float64)
        return ((points + 0.5) / crop.scale - 0.5 + crop.origin).astype(np.float32)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_predictor": None}
