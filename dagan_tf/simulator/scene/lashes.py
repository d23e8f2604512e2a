"""Makes lashes and the edges of lids as dark as a profile shows them.

From before, lashes are seen end on and apart; from the side they stand before each other, as one
dark line over the eye. Without it a front turned into a profile has pale slits for eyes.
"""

from __future__ import annotations

import cv2
import numpy as np

from dagan_tf.core.pixels import from_levels, to_unit
from dagan_tf.simulator.head.regions import smoothstep
from dagan_tf.simulator.scene.streaks import TURNED

# How far around a place is looked for what is usual there, of the frame; what is darker becomes so
# many times as much darker, but by no more than this, nats: made-up eyes are dark as they are.
_AROUND, _DARKER, _MOST = 0.016, 2.0, 0.35
# Added to levels of [0, 1] before the logarithm.
_DARKEST = 0.05


def with_dark_lashes(image: np.ndarray, eyes: np.ndarray, turn: float) -> np.ndarray:
    """Darkens what is dark about the eyes of a turned head.

    Args:
        image: (S, S, 3) uint8 RGB, a view.
        eyes: (S, S) float32 in [0, 1], where the eyes and their lids are.
        turn: degrees between the view and the photo it was made of.

    Returns:
        (S, S, 3) uint8 RGB.
    """
    amount = eyes * np.float32(smoothstep(*TURNED, abs(turn)))
    if not amount.any():
        return image
    tone = np.log(to_unit(image) + _DARKEST)
    darker = np.minimum(tone - cv2.GaussianBlur(tone, (0, 0), _AROUND * len(image)), 0.0)
    tone += amount[..., None] * np.maximum((_DARKER - 1.0) * darker, -_MOST)
    return from_levels(255.0 * (np.exp(tone) - _DARKEST))
