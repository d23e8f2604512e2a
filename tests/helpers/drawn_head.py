"""A drawn head before a studio's wall, from the side, for registration."""

import cv2
import numpy as np

SIDE = 112


def drawn_head(yaw: float) -> tuple[np.ndarray, np.ndarray]:
    """The picture, (112, 112, 3) uint8 RGB, and where its head is, (112, 112) uint8, 255 = head.

    The nose points to the left for yaw < 0; the wall grows darker downwards.
    """
    image = np.full((SIDE, SIDE, 3), 200, np.float32)
    image -= np.arange(SIDE)[:, None, None] * 0.15
    head = np.zeros((SIDE, SIDE), np.uint8)
    cv2.ellipse(head, (72, 56), (44, 50), 0, 0, 360, 255, -1)
    cv2.fillPoly(head, [np.array([[32, 50], [14, 68], [34, 74]])], 255)
    cv2.rectangle(head, (60, 90), (111, 111), 255, -1)
    image[head > 0] = (190, 140, 110)
    for x, y, r in ((44, 46, 5), (42, 84, 6), (84, 60, 8), (50, 38, 3)):
        cv2.circle(image, (x, y), r, (70, 40, 40), -1)
    image = np.rint(image).astype(np.uint8)
    return (image, head) if yaw < 0 else (image[:, ::-1].copy(), head[:, ::-1].copy())


def moved(image: np.ndarray, scale: float, angle: float, right: float, down: float) -> np.ndarray:
    """Scaled and turned about the middle, degrees, then moved by pixels."""
    matrix = cv2.getRotationMatrix2D(((SIDE - 1) / 2,) * 2, angle, scale)
    matrix[:, 2] += (right, down)
    return cv2.warpAffine(image, matrix, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)
