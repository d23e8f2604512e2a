"""The 68 iBUG landmarks of a face, turned ones too.

dlib's 68-point predictor was trained in the boxes of its HOG detector. On a turned face it follows
its box: a tenth of a box too far back, and the points of a frontal face come out, spread over the
cheek. dlib's 5-point predictor was trained in the CNN's boxes too and errs less, so it places the
box of the other one. Both are asked in several boxes where a face is turned: when they go astray
they always go towards a frontal face.
"""

from dataclasses import replace
from itertools import product

import numpy as np

from dagan_tf.faces.detector import FaceBox
from dagan_tf.faces.shape_predictor import ShapePredictor
from dagan_tf.faces.weights import LANDMARKS_5, LANDMARKS_68

NUM_LANDMARKS = 68

# Places of boxes about five points, see `_box_about`. Measured over the boxes of simulated views of
# the London Set at 15 to 60 degrees: HOG's, and the CNN's of turned faces.
_HOG_PLACE = (0.0, 0.55, 3.2)
_CNN_PLACE = (0.5, 0.5, 3.1)
# Where the 68 points of turned faces are predicted. A little behind HOG's boxes and larger ones
# go astray less (chosen on views of every second person).
_PLACES = tuple(product((-0.25, -0.05), (0.3, 0.45, 0.6), (3.2, 3.6)))
# Where the 5 points are predicted, in widths of the CNN's box to the right. In its own box alone
# the yaw of 9 of 158 views at 60 degrees was more than 15 degrees off, with these of none.
_SHIFTS = (0.0, 0.1, -0.1)
# The nose's sideways distance from the eyes, in its distance below them: 0.15 at a yaw of 15
# degrees, 0.30 at 30. Beyond this the HOG box is no longer trusted to be the best.
_TURNED = 0.2
# The nose's distance from the middle of the jaw's ends, in half of their distance: 0.6 at a yaw
# of 30 degrees, 0.9 at 45, 1.15 at 60. Beyond this predictions begin to go astray.
_FAR_TURNED = 0.75


class LandmarkPredictor:
    """Predicts the 68 points (dlib's weights, trained on iBUG 300-W); may be pickled."""

    def __init__(self) -> None:
        self._five = ShapePredictor(LANDMARKS_5)
        self._all = ShapePredictor(LANDMARKS_68)

    def predict(self, photo: np.ndarray, box: FaceBox) -> np.ndarray:
        """Returns (68, 2) float32 landmarks, pixels, x right and y down.

        Args:
            photo: (H, W, 3) uint8 RGB.
            box: Of the face, as dlib's detectors give it; a given one as HOG's lie, eyebrows to
                chin.

        Raises:
            DaganError: The box lies outside the photo.
        """
        five = self._predict_five(photo, box)
        if abs(_turn_of_five(five)) < _TURNED:
            if box.detector == "cnn":
                box = _box_about(five, *_HOG_PLACE)
            return self._all.predict(photo, box)
        if box.detector != "cnn":
            five = self._five.predict(photo, _box_about(five, *_CNN_PLACE))
        found = np.array([self._all.predict(photo, _box_about(five, *place)) for place in _PLACES])
        turns = np.array([abs(_turn(points)) for points in found])
        if np.median(turns) > _FAR_TURNED:
            return found[int(np.argmax(turns))]
        return np.median(found, axis=0)

    def _predict_five(self, photo: np.ndarray, box: FaceBox) -> np.ndarray:
        """The 5 points, (5, 2); of a box of the CNN's, the most turned answer of some beside it."""
        if box.detector != "cnn":
            return self._five.predict(photo, box)
        moved = [replace(box, left=box.left + shift * box.width) for shift in _SHIFTS]
        found = [self._five.predict(photo, at) for at in moved]
        return max(found, key=lambda five: abs(_turn_of_five(five)))


# dlib's five points: the eye at the right of the image, outer and inner corner, the left one, the
# base of the nose.


def _turn_of_five(five: np.ndarray) -> float:
    """How far the nose lies sideways of the eyes, in its distance below them; roll taken out."""
    along = five[0] - five[2]
    nose = five[4] - five[:4].mean(axis=0)
    below = float(along[0] * nose[1] - along[1] * nose[0])
    return float(nose @ along) / max(below, 1e-6)


def _box_about(five: np.ndarray, forward: float, down: float, size: float) -> FaceBox:
    """A square box about five points.

    Its centre lies `forward` times the nose's sideways distance from the middle of the eyes, and
    `down` times its distance below them; its width is `size` times that. In the image's axes: the
    eyes of a turned face that is raised lie askew without any roll.
    """
    middle = five[:4].mean(axis=0)
    across, below = five[4] - middle
    below = max(float(below), 1e-6)
    centre = middle + np.array([forward * across, down * below])
    width = size * below
    return FaceBox(
        left=float(centre[0] - width / 2),
        top=float(centre[1] - width / 2),
        width=float(width),
        height=float(width),
        score=0.0,
        detector="given",
    )


def _turn(points: np.ndarray) -> float:
    """0 for a frontal face, negative if the nose points to the left of the image."""
    jaw = points[16] - points[0]
    nose = points[30] - (points[0] + points[16]) / 2
    return float(2.0 * (nose @ jaw) / max(float(jaw @ jaw), 1e-6))
