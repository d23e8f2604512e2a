"""Takes bright streaks out of profiles, beside the nose.

A front shows the slope between nose and cheek at a grazing angle. What shines there, from the
corner of the eye downwards, a profile shows many times as wide, as a line from eye to mouth that
looks like a tear's.
"""

import cv2
import numpy as np

from dagan_tf.core.pixels import from_levels, to_unit
from dagan_tf.simulator.head.regions import smoothstep

# They are taken out between these angles from how the photo shows the face, degrees.
_TURNED = (60.0, 80.0)
# How far around a place is looked for what is usual there, of the frame.
_AROUND = 0.027
# Added to levels of [0, 1] before the logarithm.
_DARKEST = 0.04


def without_streaks(
    image: np.ndarray, beside_nose: np.ndarray, skin: np.ndarray, turn: float
) -> np.ndarray:
    """Darkens what is brighter than its surroundings beside the nose of a turned head.

    Args:
        image: (S, S, 3) uint8 RGB, a view.
        beside_nose: (S, S) float32 in [0, 1], how far to do so.
        skin: (S, S) bool, what may be darkened and what it is held against.
        turn: degrees between the view and the photo it was made of.

    Returns:
        (S, S, 3) uint8 RGB.
    """
    share = skin.astype(np.float32)[..., None]
    amount = beside_nose[..., None] * share * np.float32(smoothstep(*_TURNED, abs(turn)))
    if not amount.any():
        return image
    levels = to_unit(image) + _DARKEST
    # Each channel for itself: what shines has the lamp's colour, what is sore is red.
    tone = np.log(levels)
    spread = _AROUND * len(image)
    usual = cv2.GaussianBlur(tone * share, (0, 0), spread)
    usual /= cv2.GaussianBlur(share, (0, 0), spread)[..., None] + 1e-3
    gain = np.exp(-amount * np.maximum(tone - usual, 0.0))
    return from_levels(255.0 * (levels * gain - _DARKEST))
