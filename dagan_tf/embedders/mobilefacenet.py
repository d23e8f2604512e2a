"""MobileFaceNet embeddings, a second judge of identity that took no part in training.

For measuring only: its published weights were trained on MS1M, a withdrawn web-scraped set, and
are not shipped. Any TFLite file with the same input and output works.
"""

import os
import warnings
from pathlib import Path

import numpy as np
import tensorflow as tf

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
        """Args: path: The .tflite file; input (B, 112, 112, 3) float32, output (B, D)."""
        if not Path(path).is_file():
            raise DaganError(f"{path}: no such file; expected MobileFaceNet as .tflite")
        with warnings.catch_warnings():
            # TensorFlow 2.20 would rather have it from a package of its own.
            warnings.filterwarnings("ignore", ".*tf.lite.Interpreter is deprecated", UserWarning)
            try:
                self._interpreter = tf.lite.Interpreter(str(path), num_threads=1)
                self._interpreter.allocate_tensors()
            except (ValueError, RuntimeError) as error:
                raise DaganError(f"{path}: not a TFLite file ({error})") from None
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
        matrix = fit_similarity(five_points(landmarks), _TEMPLATE)
        chip = warp_similarity(photo, matrix, _SIZE, border="black")
        batch = np.zeros(self._input["shape"], np.float32)
        batch[:] = (chip.astype(np.float32) - 127.5) / 128.0
        self._interpreter.set_tensor(self._input["index"], batch)
        self._interpreter.invoke()
        embedding = self._interpreter.get_tensor(self._output["index"])[0]
        return embedding / np.linalg.norm(embedding)


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
