"""Which pixels of the photo are the person, so that no backdrop ends up on a cheek.

A small network says it, MediaPipe's selfie segmentation (`assets/PERSON.md`): colours alone do not
tell hair from a dark shelf behind it.
"""

from __future__ import annotations

import threading
from importlib import resources
from typing import Any

import cv2
import numpy as np

from dagan_tf.core.pixels import to_unit
from dagan_tf.core.tflite import load_tflite
from dagan_tf.simulator.render.grid import Grid

NETWORK = "selfie_segmentation.tflite"
# Side of its input and of its answer, pixels.
SIDE = 256
# If less of the fitted head's inside than this is found to be the person, it has not seen that
# person and the answer is not used.
LEAST_INSIDE = 0.85
# So deep inside the fitted head, as a part of its height, there is nothing but the person.
_CORE = 0.12
# OpenCV's networks serve one thread at a time: each thread has its own.
_OWN = threading.local()


def person_mask(photo: np.ndarray, head: np.ndarray) -> np.ndarray | None:
    """Separates person and backdrop.

    Args:
        photo: (S, S, 3) uint8 RGB, the head in the middle, the shoulders as far as there are any.
        head: (S, S) bool, where the fitted head lies.

    Returns:
        (S, S) bool, in one piece; None where the person is not found.
    """
    extent = photo.shape[0]
    whole, seen = Grid(extent, extent), Grid(SIDE, extent)
    network = _network()
    network.setInput(to_unit(seen.averaged(photo).transpose(2, 0, 1)[None]))
    person = whole.spread(network.forward()[0, 0]) > 0.5
    if not head.any() or person[head].mean() < LEAST_INSIDE:
        return None
    height = float(np.ptp(np.flatnonzero(head.any(axis=1)))) + 1.0
    within = cv2.distanceTransform(head.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    person |= within > _CORE * height
    # Not the others in the picture, nor what of the backdrop is taken for one.
    _, pieces = cv2.connectedComponents(person.astype(np.uint8), connectivity=4)
    return np.asarray(pieces == np.bincount(pieces[head & person]).argmax())


def _network() -> Any:
    """This thread's own, loaded at the first use."""
    if not hasattr(_OWN, "network"):
        packaged = resources.files("dagan_tf.simulator.scene").joinpath("assets", NETWORK)
        with resources.as_file(packaged) as file:
            _OWN.network = load_tflite(file)
    return _OWN.network
