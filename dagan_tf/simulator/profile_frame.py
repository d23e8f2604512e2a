"""The canonical frame of a full profile: from its box and its side, without landmarks.

dlib's 68-point predictor and the fit to its points are lost at 90 degrees; BlazeFace and dlib's CNN
are not. Where their boxes lie in the canonical frame was measured on simulated views at +-90
degrees, whose frame is known.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dagan_tf.errors import DaganError
from dagan_tf.faces.alignment import upright, upright_square
from dagan_tf.faces.detector import FaceBox

# From this yaw on, degrees, a photo counts as a profile where a layout or a file tells it ...
PROFILE_YAW = 75.0
# ... and where its keypoints do: the London Set's three-quarter photos have 59 at most, all but one
# of its profiles more.
SEEN_PROFILE_YAW = 65.0
# Keypoints of a profile tell its roll to 10 degrees: less is none.
_LEAST_ROLL = 20.0


class _Place(NamedTuple):
    """A detector's box in the frame, in widths of the box.

    Attributes:
        side: of the frame.
        forward: its centre from the box's, towards the side the nose points to.
        down: likewise, down.
    """

    side: float
    forward: float
    down: float


# The CNN's: means over 305 of 316 views of FRLL photos (shown to it at 288 pixels), with deviations
# of 0.14, 0.04 and 0.04: the box grows by fifths only. BlazeFace's: medians over 66 of 80 views
# that it took for profiles, deviations 0.09, 0.03 and 0.04.
_PLACES = {"cnn": _Place(1.544, 0.021, 0.059), "blaze": _Place(1.551, 0.077, 0.018)}


def profile_matrix(box: FaceBox, yaw: float, image_size: int) -> np.ndarray:
    """Similarity that carries a profile photo into the canonical frame, upright.

    Args:
        box: of the face, by BlazeFace or dlib's CNN.
        yaw: near -90 or +90, > 0 when the nose points to the right.
        image_size: side of the square frame, pixels.

    Returns:
        (2, 3) float64, photo pixels to frame pixels.

    Raises:
        DaganError: a yaw that is not a profile's.
    """
    if not SEEN_PROFILE_YAW <= abs(yaw) <= 125:
        raise DaganError(
            f"yaw = {yaw}: expected {SEEN_PROFILE_YAW:g} to 125 degrees on either side"
        )
    place = _PLACES.get(box.detector, _PLACES["cnn"])
    ratio = image_size / (place.side * box.width)
    roll = box.roll or 0.0
    roll = roll if abs(roll) > _LEAST_ROLL else 0.0
    ahead = box.width * np.array([np.sign(yaw) * place.forward, place.down])
    centre = (
        np.array([box.left + box.width / 2, box.top + box.height / 2]) + upright(roll).T @ ahead
    )
    return upright_square(centre, roll, ratio, image_size)
