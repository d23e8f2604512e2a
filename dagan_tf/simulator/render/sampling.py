"""Reads images between their pixels."""

from __future__ import annotations

import cv2
import numpy as np


def sample(image: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Bilinear samples of an image, its edges repeated.

    Args:
        image: (H, W) or (H, W, C), uint8 or float32.
        places: (N, M, 2) x and y, pixels.

    Returns:
        (N, M) or (N, M, C), of the image's dtype.
    """
    return np.asarray(
        cv2.remap(
            image,
            np.ascontiguousarray(places[..., 0], np.float32),
            np.ascontiguousarray(places[..., 1], np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
    )
