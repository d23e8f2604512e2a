"""The canonical frame of a full profile: from the CNN's box and the side, without landmarks.

dlib's 68-point predictor and the fit to its points are lost at 90 degrees; dlib's CNN detector is
not. Where its box lies in the canonical frame was measured on simulated views at +-90 degrees,
whose frame is known.
"""

from __future__ import annotations

import numpy as np

from dagan_tf.errors import DaganError
from dagan_tf.faces.detector import FaceBox

# From this yaw on, degrees, a photo counts as a profile.
PROFILE_YAW = 75.0
# Side of the frame and place of its centre from the box's centre (towards the nose's side, down),
# in widths of the box: means over the 305 of 316 views of FRLL photos at +-90 degrees in which the
# CNN sees a face (shown to it at 288 pixels). Their standard deviations are 0.14, 0.04 and 0.04:
# the box grows by fifths only, so that heads come out up to a tenth too large or too small.
_SIDE = 1.544
_FORWARD = 0.021
_DOWN = 0.059


def profile_matrix(box: FaceBox, yaw: float, image_size: int) -> np.ndarray:
    """Similarity that carries a profile photo into the canonical frame.

    Args:
        box: `FaceDetector.detect_cnn`'s of the photo.
        yaw: near -90 or +90, > 0 when the nose points to the right.
        image_size: side of the square frame, pixels.

    Returns:
        (2, 3) float64, photo pixels to frame pixels.

    Raises:
        DaganError: a yaw that is no profile.
    """
    if not PROFILE_YAW <= abs(yaw) <= 105:
        raise DaganError(f"yaw = {yaw}: expected {PROFILE_YAW:g} to 105 degrees on either side")
    ratio = image_size / (_SIDE * box.width)
    centre = np.array(
        [
            box.left + box.width / 2 + np.sign(yaw) * _FORWARD * box.width,
            box.top + box.height / 2 + _DOWN * box.width,
        ]
    )
    middle = (image_size - 1) / 2.0
    return np.column_stack([ratio * np.eye(2), middle - ratio * centre])
