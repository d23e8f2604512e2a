"""One way to resize a picture: areas averaged when it shrinks, bicubic when it grows."""

import cv2
import numpy as np


def resized(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """Resizes a picture.

    Args:
        image: (H, W) or (H, W, C) uint8.
        width: new, pixels.
        height: new, pixels.

    Returns:
        uint8 of the new size, contiguous in memory.
    """
    image = np.ascontiguousarray(image)
    rows, columns = image.shape[:2]
    if (columns, rows) == (width, height):
        return image
    method = cv2.INTER_AREA if width * height < columns * rows else cv2.INTER_CUBIC
    return cv2.resize(image, (width, height), interpolation=method)
