"""The colour of hair by the pixels that are nothing but hair.

What vertices show of short or thin hair is half skin or half backdrop, and of a high forehead all
skin: hair would turn out pale. Among the photo's pixels there are some that are hair alone.
"""

from __future__ import annotations

import cv2
import numpy as np

from dagan_tf.simulator.scene.lighting import LUMA

# Hair is first taken for the darkest part of all, then in rounds for what is at least so far on the
# way from skin's colour to the hair's as last found.
_START, _ROUNDS, _HAIR = 0.1, 6, 0.7
# Added to levels before their logarithm is taken: black hair has noise.
_DARKEST = 6.0
# Every how many pixels one is looked at; fewest of them to tell by.
_EVERY, _FEWEST = 3, 40
# Hair is told from a shadow if it is darker than skin by more, nats. What is of another hue by more
# than the second and not darker by the third is white or fair hair, or gloss: there may be at most
# so many times as much of it.
_DARKER, _HUE, _FAIR, _GLOSS = 0.45, 0.3, 0.3, 1.3


def near_places(places: np.ndarray, reach: int, shape: tuple[int, ...]) -> np.ndarray:
    """(H, W) bool: what is no farther than `reach` pixels from one of (N, 2) places."""
    marks = np.zeros(shape, np.uint8)
    for x, y in places:
        cv2.circle(marks, (round(float(x)), round(float(y))), reach, 1, cv2.FILLED)
    return marks > 0


def dark_hair(
    photo: np.ndarray,
    scalp: np.ndarray,
    ears: np.ndarray,
    own: np.ndarray,
    reach: int,
    skin: np.ndarray,
) -> np.ndarray | None:
    """The colour of hair that is darker than the skin.

    Args:
        photo: (C, C, 3) uint8.
        scalp: (N, 2) pixels, vertices that the photo shows where hair may grow.
        ears: (M, 2) the same of the ears, whose surroundings are left out.
        own: (C, C) bool, what is surely no backdrop.
        reach: how far around vertices to look, pixels.
        skin: (3,) the skin's colour.

    Returns:
        (3,) grey levels; None where there is no such hair, or more of fairer hair.
    """
    if not len(scalp):
        return None
    # Only what is near the scalp is looked at.
    low = np.maximum(np.floor(scalp.min(axis=0)).astype(np.int64) - reach, 0)
    high = np.ceil(scalp.max(axis=0)).astype(np.int64) + reach + 1
    part = (slice(low[1], high[1]), slice(low[0], high[0]))
    photo, own = photo[part], own[part]
    within = near_places(scalp - low, reach, own.shape) & own
    within &= ~near_places(ears - low, reach, own.shape)
    seen = cv2.GaussianBlur(photo, (0, 0), 0.7)[within][::_EVERY].astype(np.float32)
    if len(seen) < _FEWEST:
        return None
    of_skin = np.log(skin + _DARKEST).astype(np.float32)
    from_skin = np.log(seen + np.float32(_DARKEST)) - of_skin
    darker = -from_skin @ LUMA
    # Wherever it starts it ends at the same colour.
    way = np.median(from_skin[darker >= np.quantile(darker, 1.0 - _START)], axis=0)
    hair = np.zeros(len(seen), bool)
    for _ in range(_ROUNDS):
        if float(-way @ LUMA) < _DARKER:
            return None
        hair = from_skin @ way > _HAIR * float(way @ way)
        way = np.median(from_skin[hair], axis=0)
    hue = np.abs(from_skin - from_skin.mean(axis=1, keepdims=True)).sum(axis=1)
    fair = (hue > _HUE) & (darker < _FAIR)
    if hair.sum() < max(_FEWEST, fair.sum() / _GLOSS):
        return None
    return np.asarray(np.maximum(np.exp(of_skin + way) - _DARKEST, 1.0), np.float64)
