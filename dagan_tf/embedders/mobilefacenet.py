"""MobileFaceNet embeddings, a second judge of identity that took no part in training.

For measuring only: its published weights were trained on MS1M, a withdrawn web-scraped set, and
are not shipped. Any TFLite file with the same input and output works.
"""

import os

import numpy as np

from dagan_tf.embedders.tflite_network import open_tflite
from dagan_tf.errors import DaganError
from dagan_tf.faces.alignment import fit_similarity, warp_similarity

_SIZE = 112
# Where ArcFace's alignment puts the eyes, the nose tip and the mouth's corners (insightface).
_TEMPLATE = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ]
)


class MobileFaceNet:
    """Embeds faces with a MobileFaceNet TFLite file (Chen et al., CCBR 2018)."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Opens the network.

        Args:
            path: The .tflite file; input (B, 112, 112, 3) float32, output (B, D).
        """
        self._interpreter = open_tflite(path)
        self._input = self._interpreter.get_input_details()[0]
        self._output = self._interpreter.get_output_details()[0]
        if tuple(self._input["shape"][1:]) != (_SIZE, _SIZE, 3):
            raise DaganError(
                f"{path}: takes {tuple(self._input['shape'])}; expected (B, {_SIZE}, {_SIZE}, 3)"
            )

    def embed(self, photo: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        """Returns the (192,) float32 embedding, of length 1.

        Args:
            photo: (H, W, 3) uint8 RGB.
            landmarks: (68, 2) iBUG landmarks in pixels.
        """
        chip = align_five_points(photo, landmarks)
        batch = np.zeros(self._input["shape"], np.float32)
        batch[:] = (chip.astype(np.float32) - 127.5) / 128.0
        self._interpreter.set_tensor(self._input["index"], batch)
        self._interpreter.invoke()
        embedding = self._interpreter.get_tensor(self._output["index"])[0]
        return embedding / np.linalg.norm(embedding)


def align_five_points(
    photo: np.ndarray, landmarks: np.ndarray, image_size: int = _SIZE
) -> np.ndarray:
    """Cuts a face out as ArcFace does, black beyond the photo.

    Args:
        photo: (H, W, 3) uint8 RGB.
        landmarks: (68, 2) iBUG landmarks in pixels.
        image_size: side of the result, pixels.

    Returns:
        (image_size, image_size, 3) uint8.
    """
    return warp_similarity(
        photo, five_points_matrix(landmarks, image_size), image_size, border="black"
    )


def five_points_matrix(landmarks: np.ndarray, image_size: int = _SIZE) -> np.ndarray:
    """Similarity that puts five points of a face onto ArcFace's template.

    Args:
        landmarks: (68, 2) iBUG landmarks in pixels.
        image_size: side of the crop, pixels; the template is scaled with it.

    Returns:
        (2, 3) float64, pixels of the photo to pixels of the crop.
    """
    template = (_TEMPLATE + 0.5) * (image_size / _SIZE) - 0.5
    return fit_similarity(five_points(landmarks), template)


def five_points(landmarks: np.ndarray) -> np.ndarray:
    """Eye centres, nose tip and mouth corners, (5, 2), image left first, of 68 landmarks."""
    landmarks = np.asarray(landmarks, dtype=np.float64)
    if landmarks.shape != (68, 2):
        raise ValueError(f"landmarks have shape {landmarks.shape}; expected (68, 2)")
    return np.stack(
        [
            landmarks[36:42].mean(axis=0),
            landmarks[42:48].mean(axis=0),
            landmarks[30],
            landmarks[48],
            landmarks[54],
        ]
    )
