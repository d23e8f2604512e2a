"""One picture of many: photos, their simulated views and below them the same refined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from dagan_tf.faces.resizing import resized

# White between the pictures of the contact sheet, and the height of a line of text, pixels.
_GAP, _LINE = 6, 18


class Row(NamedTuple):
    """A photo and its views.

    Attributes:
        photo: (S, S, 3) uint8 RGB, see `in_square`.
        yaws: N, degrees.
        simulated: (N, S, S, 3) uint8 RGB.
        refined: The same, refined.
    """

    photo: np.ndarray
    yaws: Sequence[float]
    simulated: np.ndarray
    refined: np.ndarray


def contact_sheet(rows: Sequence[Row]) -> np.ndarray:
    """Photos, each with its simulated views and below them the same refined.

    Args:
        rows: At least one, all of one size.

    Returns:
        uint8 (H, W, 3) RGB.
    """
    lines = []
    for row in rows:
        yaws = [f"yaw {yaw:+.0f}" for yaw in row.yaws]
        shown = [row.photo, *row.simulated]
        lines.append(_line(shown, ["photo", *(f"{yaw}, simulated" for yaw in yaws)]))
        shown = [np.full_like(row.photo, 255), *row.refined]
        lines.append(_line(shown, ["", *(f"{yaw}, refined" for yaw in yaws)]))
    width = max(line.shape[1] for line in lines)
    return np.concatenate(
        [
            np.pad(line, ((0, 0), (0, width - line.shape[1]), (0, 0)), constant_values=255)
            for line in lines
        ]
    )


def in_square(photo: np.ndarray, side: int) -> np.ndarray:
    """The whole photo, (H, W, 3) uint8, on a white square of (side, side, 3)."""
    height, width = photo.shape[:2]
    scale = side / max(height, width)
    small = resized(photo, max(1, round(scale * width)), max(1, round(scale * height)))
    top, left = (side - small.shape[0]) // 2, (side - small.shape[1]) // 2
    square = np.full((side, side, 3), 255, np.uint8)
    square[top : top + small.shape[0], left : left + small.shape[1]] = small
    return square


def _line(images: Sequence[np.ndarray], texts: Sequence[str]) -> np.ndarray:
    cells = []
    for image, text in zip(images, texts, strict=True):
        cell = np.pad(image, ((_LINE, _GAP), (0, _GAP), (0, 0)), constant_values=255)
        cv2.putText(cell, text, (2, _LINE - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1)
        cells.append(cell)
    return np.concatenate(cells, axis=1)
