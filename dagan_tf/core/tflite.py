"""Networks in TFLite files, run by OpenCV: nothing here needs TensorFlow."""

from pathlib import Path
from typing import Any

import cv2


def load_tflite(path: Path) -> Any:
    """Reads a network. It serves one thread at a time, and does not go through a pickle.

    Args:
        path: the file.

    Raises:
        cv2.error: there is none, or none that OpenCV understands.
    """
    # OpenCV 5's new engine returns one output at a time only.
    classic = getattr(cv2.dnn, "ENGINE_CLASSIC", None)
    if classic is None:
        return cv2.dnn.readNetFromTFLite(str(path))
    return cv2.dnn.readNetFromTFLite(str(path), classic)
