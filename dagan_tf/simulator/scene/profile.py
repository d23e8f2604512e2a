"""What the face of a view that is nearly a profile is freed of, and given."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dagan_tf.simulator.head.regions import HeadRegions
from dagan_tf.simulator.scene.lashes import with_dark_lashes
from dagan_tf.simulator.scene.streaks import TURNED, without_streaks

# What is covered by less than this is part backdrop.
_FULL = 0.98


def as_profile(
    image: np.ndarray,
    cover: np.ndarray,
    uncovered: np.ndarray | bool,
    regions: HeadRegions,
    shown: Callable[[np.ndarray], np.ndarray],
    turn: float,
) -> np.ndarray:
    """Takes streaks and creases off, and darkens lashes.

    Args:
        image: (S, S, 3) uint8 RGB, a view.
        cover: (S, S) float32 in [0, 1], the head's part of each pixel.
        uncovered: (S, S) bool, where neither hair nor collar hangs before the head, or True.
        regions: the head's.
        shown: where the view shows a region: (V,) to (S, S) float32, both in [0, 1].
        turn: degrees between the view and the photo.

    Returns:
        (S, S, 3) uint8 RGB; up to 60 degrees the image.
    """
    if abs(turn) <= TURNED[0]:
        return image
    parts = (regions.beside_nose, regions.under_eyes, regions.jaw_slope, regions.eyes)
    beside_nose, under_eyes, jaw_slope, eyes = map(shown, parts)
    skin = (cover > _FULL) & ((eyes < 0.5) | (under_eyes > 0.5))
    # The skin under the eyes is both.
    uneven, creased = (np.maximum(part, under_eyes) for part in (beside_nose, jaw_slope))
    image = without_streaks(image, uneven * uncovered, creased * uncovered, skin, turn)
    return with_dark_lashes(image, eyes * (1.0 - under_eyes) * uncovered, turn)
