"""Writes a short text into the corner of a picture, for contact sheets."""

import cv2
import numpy as np


def labelled(image: np.ndarray, text: str) -> np.ndarray:
    """A copy of (H, W, 3) uint8 with white text on a black edge at its top left."""
    out = image.copy()
    scale = image.shape[0] / 400
    for colour, thick in (((0, 0, 0), 2), ((255, 255, 255), 1)):
        cv2.putText(out, text, (4, int(36 * scale)), cv2.FONT_HERSHEY_SIMPLEX, scale, colour, thick)
    return out
