"""Takes streaks and cracks out of profiles, beside the nose, along the jaw and under the eyes.

A front shows these slopes at a grazing angle. What shines beside the nose, from the corner of the
eye downwards, a profile shows many times as wide, as a line from eye to mouth that looks like a
tear's; the end of a shade at the jaw becomes a crease on the cheek, and the fold of a smile a
crack.
"""

import cv2
import numpy as np

from dagan_tf.core.pixels import from_levels, to_unit
from dagan_tf.simulator.head.regions import smoothstep

# They are taken out, and lashes become darker, between these turns from the photo, degrees.
TURNED = (60.0, 80.0)
# How far around a place is looked for what is usual there, of the frame; along the jaw, and what is
# so fine there, pores and stubble, that it stays.
_AROUND, _AROUND_JAW, _FINE = 0.027, 0.036, 0.009
# Dark lines narrower than this, of the frame, go if they are darker than around by more than the
# second of these, nats, and stay below the first: the groove behind the nose's wing is fainter.
_CRACK_WIDTH, _CRACK = 0.03, (0.3, 0.5)
# Added to levels of [0, 1] before the logarithm.
_DARKEST = 0.04


def without_streaks(
    image: np.ndarray,
    uneven: np.ndarray,
    creased: np.ndarray,
    skin: np.ndarray,
    turn: float,
) -> np.ndarray:
    """Evens out what is bright or cracked beside the nose of a turned head, and its jaw's slope.

    Args:
        image: (S, S, 3) uint8 RGB, a view.
        uneven: (S, S) float32 in [0, 1], how far to take off what is bright or cracked: beside the
            nose and under the eyes.
        creased: (S, S) float32 in [0, 1], how far to even out all but pores: along the jaw and
            under the eyes.
        skin: (S, S) bool, what may be changed and what it is held against.
        turn: degrees between the view and the photo it was made of.

    Returns:
        (S, S, 3) uint8 RGB.
    """
    share = skin.astype(np.float32)
    amount = share * np.float32(smoothstep(*TURNED, abs(turn)))
    if not amount.any():
        return image
    levels = to_unit(image) + _DARKEST
    # Each channel for itself: what shines has the lamp's colour, what is sore is red.
    tone = np.log(levels)
    whole = tone + uneven[..., None] * _cracks(tone)

    def usual(around: float) -> np.ndarray:
        spread = around * len(image)
        near = cv2.GaussianBlur(share, (0, 0), spread) + 1e-3
        found = cv2.GaussianBlur(whole * share[..., None], (0, 0), spread)
        return np.asarray(found / near[..., None])

    even = whole - uneven[..., None] * np.maximum(whole - usual(_AROUND), 0.0)
    even -= creased[..., None] * (usual(_FINE) - usual(_AROUND_JAW))
    change = amount[..., None] * (even - tone)
    return from_levels(255.0 * (levels * np.exp(change) - _DARKEST))


def _cracks(tone: np.ndarray) -> np.ndarray:
    """(S, S, 3): how much darker a narrow place is than both its sides, if it is by much."""
    side = 2 * round(0.5 * _CRACK_WIDTH * len(tone)) + 1
    window = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    depth = cv2.morphologyEx(tone, cv2.MORPH_BLACKHAT, window)
    # A crack goes with all of its slopes, and all channels with the deepest.
    deepest = cv2.dilate(depth.max(axis=2), window)[..., None]
    return np.asarray(depth * smoothstep(*_CRACK, deepest), np.float32)
