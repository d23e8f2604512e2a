"""Turns a face into 128 numbers that say who it is: dlib's ResNet, an independent judge."""

from typing import Any

import dlib
import numpy as np

from dagan_tf.faces.alignment import apply_similarity, roi_matrix, warp_similarity
from dagan_tf.faces.detector import check_photo
from dagan_tf.faces.weights import FACE_EMBEDDING, weight_path

# What the network was trained on: chips of so many pixels with so much round the landmarks.
CHIP_SIZE = 150
_PADDING = 0.25
# dlib cuts its own chip; a face this large gives it a clean, small source.
_WORKING_SIZE = 400


class FaceEmbedder:
    """dlib's face recognition ResNet (King, 2017).

    The weights are loaded at the first use and never pickled.
    """

    def __init__(self) -> None:
        """Loads nothing yet."""
        self._network: Any = None

    def embed(self, photo: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        """Returns the (128,) float32 embedding of one face.

        Args:
            photo: (H, W, 3) uint8 RGB.
            landmarks: (68, 2) iBUG points, pixels.
        """
        check_photo(photo)
        if self._network is None:
            self._network = dlib.face_recognition_model_v1(str(weight_path(FACE_EMBEDDING)))
        # dlib takes whole pixels only; in an enlarged upright crop rounding costs nothing.
        matrix = roi_matrix(landmarks, _WORKING_SIZE)
        crop = warp_similarity(photo, matrix, _WORKING_SIZE)
        shape = _shape(apply_similarity(matrix, np.asarray(landmarks)))
        chip = dlib.get_face_chip(crop, shape, size=CHIP_SIZE, padding=_PADDING)
        return np.array(self._network.compute_face_descriptor(chip), dtype=np.float32)

    def __getstate__(self) -> dict[str, Any]:
        return {"_network": None}


def chip_matrix(landmarks: np.ndarray) -> np.ndarray:
    """Where in an image the chip lies that `FaceEmbedder` looks at.

    Args:
        landmarks: (68, 2) iBUG points, pixels.

    Returns:
        (2, 3) float64, pixels of the chip of 150 x 150 to pixels of the image.
    """
    # dlib takes whole pixels only.
    enlarged = _WORKING_SIZE * np.asarray(landmarks, np.float64)
    details = dlib.get_face_chip_details(_shape(enlarged), size=CHIP_SIZE, padding=_PADDING)
    box = details.rect
    scale = box.width() / CHIP_SIZE / _WORKING_SIZE
    cosine, sine = scale * np.cos(details.angle), scale * np.sin(details.angle)
    turn = np.array([[cosine, -sine], [sine, cosine]])
    centre = np.array([box.left() + box.right(), box.top() + box.bottom()]) / 2 / _WORKING_SIZE
    middle = np.full(2, (CHIP_SIZE - 1) / 2)
    return np.column_stack([turn, centre - turn @ middle])


def _shape(landmarks: np.ndarray) -> dlib.full_object_detection:
    points = np.rint(landmarks).astype(int).tolist()
    left, top = np.min(points, axis=0).tolist()
    right, bottom = np.max(points, axis=0).tolist()
    return dlib.full_object_detection(
        dlib.rectangle(left, top, right, bottom), [dlib.point(x, y) for x, y in points]
    )


def distance(a: np.ndarray, b: np.ndarray) -> float:
    """Euclidean distance of two embeddings; below 0.6 dlib takes both for one person."""
    return float(np.linalg.norm(np.asarray(a, np.float64) - np.asarray(b, np.float64)))
