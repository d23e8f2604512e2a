"""The 68 iBUG landmarks of a face, frontal or turned.

dlib's 68-point predictor was trained in the boxes of its HOG detector. On a turned face it follows
its box: if that lies a tenth of a box too far back, the points of a frontal face come out, spread
over the cheek. dlib's 5-point predictor was trained in the CNN's boxes too and errs less, so it
places the box of the other one. Both are asked in several boxes where a face is turned: when they
go astray they always go towards a frontal face.
"""

from dataclasses import replace
from itertools import product

import numpy as np

from dagan_tf.faces.alignment import (
    apply_similarity,
    invert_similarity,
    upright_square,
    warp_similarity,
)
from dagan_tf.faces.detector import FaceBox
from dagan_tf.faces.shape_predictor import BoxCrop, ShapePredictor
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
# HOG's box of a face that BlazeFace found, upright: how far its centre lies below the eyes' middle,
# in distances from there to the mouth, and its width in widths of BlazeFace's box. Means over 600
# photos that both found, frontal and three-quarter; their scatter is 0.08 of a width.
_BLAZE_DOWN, _BLAZE_WIDTH = 0.44, 0.98
# The CNN's box of a profile, likewise, in widths of BlazeFace's box above its centre.
_BLAZE_UP = 0.105
_PROFILE = 60.0
# dlib was trained on upright faces: one tilted further is turned upright for it, degrees.
_TILTED = 20.0
# Side of the upright square, in widths of the box and in pixels.
_ROOM, _UPRIGHT_SIDE = 2.6, 800
# The nose's distance from the middle of the jaw's ends, in half of their distance: 0.6 at a yaw
# of 30 degrees, 0.9 at 45, 1.15 at 60. Beyond this predictions begin to go astray.
_FAR_TURNED = 0.75


class LandmarkPredictor:
    """Predicts the 68 points (dlib's weights, trained on iBUG 300-W); may be pickled."""

    def __init__(self) -> None:
        """Loads nothing yet."""
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
        if box.detector == "blaze":
            return self._predict_blaze(photo, box)
        if box.detector == "cnn":
            five = self._five_beside(photo, box)
            crop = BoxCrop.of(photo, _box_about(five, *_HOG_PLACE))
        else:
            crop = BoxCrop.of(photo, box)
            five = self._five.predict(crop)
        if abs(_turn_of_five(five)) < _TURNED:
            return self._all.predict(crop)
        if box.detector != "cnn":
            five = self._five.predict(BoxCrop.of(photo, _box_about(five, *_CNN_PLACE)))
        boxes = [_box_about(five, *place) for place in _PLACES]
        found = np.array([self._all.predict(BoxCrop.of(photo, one)) for one in boxes])
        turns = np.array([abs(_turn(points)) for points in found])
        if np.median(turns) > _FAR_TURNED:
            return found[int(np.argmax(turns))]
        return np.median(found, axis=0)

    def _predict_blaze(self, photo: np.ndarray, box: FaceBox) -> np.ndarray:
        roll = box.roll or 0.0
        if abs(roll) <= _TILTED:
            return self.predict(photo, _dlib_box(box))
        size = min(_UPRIGHT_SIDE, round(_ROOM * box.width))
        centre = np.array([box.left + box.width / 2, box.top + box.height / 2])
        matrix = upright_square(centre, roll, size / (_ROOM * box.width), size)
        points = apply_similarity(matrix, np.array(box.keypoints))
        width = box.width * size / (_ROOM * box.width)
        edge = (size - 1) / 2 - width / 2
        upright = replace(
            box, left=edge, top=edge, width=width, height=width,
            keypoints=tuple((float(x), float(y)) for x, y in points),
        )  # fmt: skip
        found = self.predict(warp_similarity(photo, matrix, size), _dlib_box(upright))
        return apply_similarity(invert_similarity(matrix), found).astype(np.float32)

    def _five_beside(self, photo: np.ndarray, box: FaceBox) -> np.ndarray:
        """The 5 points, (5, 2), of a box of the CNN's: the most turned answer of some beside it."""
        moved = [replace(box, left=box.left + shift * box.width) for shift in _SHIFTS]
        found = [self._five.predict(BoxCrop.of(photo, at)) for at in moved]
        return max(found, key=lambda five: abs(_turn_of_five(five)))


def _dlib_box(box: FaceBox) -> FaceBox:
    """The box that dlib's own detectors would give about where BlazeFace's lies, upright."""
    if abs(box.yaw or 0.0) >= _PROFILE:
        top = box.top - _BLAZE_UP * box.height
        return replace(box, top=top, detector="cnn", keypoints=())
    right, left, _, mouth = np.array(box.keypoints[:4])
    middle = (right + left) / 2
    centre = middle + _BLAZE_DOWN * np.array([0.0, np.hypot(*(mouth - middle))])
    width = _BLAZE_WIDTH * box.width
    return FaceBox(
        left=float(centre[0] - width / 2),
        top=float(centre[1] - width / 2),
        width=width,
        height=width,
        score=box.score,
        detector="given",
    )


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
