"""What hair's colours are, where it is looked through and where it is not."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from dagan_tf.faces.filling import push_pull
from dagan_tf.simulator.head.regions import smoothstep

# The least spread of colours, and the least that is told from black, grey levels.
_SPREAD, _BLACK = 0.05, 8.0
# How much of a pixel is hair is asked where hair and backdrop are farther apart than this, nats.
# A colour that is no mixture of both, off by so much, is hair in the shade, or gloss. What lies so
# near to the person, pixels, tells nothing of the backdrop.
_APART, _OFF, _NEAR = 0.5, (0.3, 0.6), 3.0
# Nats by which a hue differs from all between hair's and skin's when it is neither's.
_OTHER_HUE = (0.2, 0.35)
# What is brighter than both by so much, nats, is neither.
_TOO_LIGHT = (0.0, 0.2)


class Colour(NamedTuple):
    """Colours as a normal distribution of their logarithms.

    Attributes:
        mean: (3,).
        whitening: (3, 3), what makes its deviations 1.
    """

    mean: np.ndarray
    whitening: np.ndarray

    @classmethod
    def of(cls, logs: np.ndarray) -> Colour:
        """Of (N, 3) logarithms."""
        spread = np.cov(logs.T) + _SPREAD**2 * np.eye(3)
        return cls(logs.mean(axis=0), np.linalg.inv(np.linalg.cholesky(spread)))

    def distance(self, logs: np.ndarray) -> np.ndarray:
        """Squared, in deviations, of (..., 3)."""
        return np.asarray((((logs - self.mean) @ self.whitening.T) ** 2).sum(axis=-1))

    def likelihood(self, logs: np.ndarray) -> np.ndarray:
        """Its logarithm but for a constant, of (..., 3)."""
        return np.log(np.linalg.det(self.whitening)) - 0.5 * self.distance(logs)


def backdrop_logs(coarse: np.ndarray, person: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """The backdrop's colours, behind the person as beside it.

    Args:
        coarse: (W, W, 3) uint8, the photo.
        person: (W, W) bool.
        shown: (W, W) bool, what lies inside the photo.

    Returns:
        (W, W, 3) logarithms.
    """
    away = cv2.distanceTransform((~person).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    known = ((away > _NEAR) & shown).astype(np.float32)
    return logs_of(push_pull(coarse.astype(np.float32), known))


def logs_of(colours: np.ndarray) -> np.ndarray:
    """Logarithms of (..., 3) colours in [0, 255], float64; black is taken for a dark grey."""
    return np.log(np.maximum(colours.astype(np.float64), _BLACK))


def hair_part(logs: np.ndarray, backdrop: np.ndarray, hair: np.ndarray) -> np.ndarray:
    """How much of each pixel is hair and not the backdrop that is seen between locks.

    Args:
        logs: (W, W, 3), the photo's.
        backdrop: (W, W, 3), what `backdrop_logs` returned.
        hair: (3,) the hair's.

    Returns:
        (W, W) in [0, 1].
    """
    towards, away = hair - backdrop, logs - backdrop
    apart = np.maximum((towards**2).sum(axis=-1), 1e-6)
    along = (away * towards).sum(axis=-1) / apart
    off = np.linalg.norm(away - along[..., None] * towards, axis=-1)
    part = np.maximum(np.clip(along, 0.0, 1.0), smoothstep(*_OFF, off))
    # Hair of the backdrop's colour may look as it likes.
    return np.where(apart > _APART**2, part, 1.0)


def between_colours(logs: np.ndarray, hair: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """How surely pixels are between hair's and skin's colours: trees and walls have others.

    Hair that shines or is fairer at its ends has hardly another hue, and is no brighter than skin.

    Args:
        logs: (..., 3) of colours.
        hair: (3,) the hair's.
        skin: (3,) the skin's.

    Returns:
        (...) in [0, 1].
    """
    hues, first, last = (-np.diff(one, axis=-1) for one in (logs, hair, skin))
    way = last - first
    along = np.clip((hues - first) @ way / max(float(way @ way), 1e-6), 0.0, 1.0)
    off = np.abs(hues - first - along[..., None] * way).sum(axis=-1)
    light = (logs - np.maximum(hair, skin)).mean(axis=-1)
    return (1.0 - smoothstep(*_OTHER_HUE, off)) * (1.0 - smoothstep(*_TOO_LIGHT, light))
