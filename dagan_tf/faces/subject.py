"""Whom a photo of a recognition set shows: the face in the given box, or nearest the centre.

Sets such as LFW, CFP and IJB say so: other people in the picture are bystanders, however large.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dagan_tf.errors import DaganError
from dagan_tf.faces.detector import FaceBox
from dagan_tf.faces.face import Face, FaceFinder, FaceNotFoundError

# Around a given box, as a share of its height: detectors want to see the whole head.
_MARGIN = 0.4


def find_subject(finder: FaceFinder, photo: np.ndarray, box: Sequence[float] | None = None) -> Face:
    """Finds the subject's face.

    Args:
        finder: finds all faces.
        photo: (H, W, 3) uint8 RGB.
        box: left, top, width, height of the subject's face in pixels, as the set gives it; what
            lies farther from it than 0.4 of its height is not looked at. None looks at all.

    Returns:
        Of the faces found the one whose box's middle is nearest that of the photo, or of `box`.
        If the detectors see none where a box is given, the landmarks are predicted in the box.

    Raises:
        FaceNotFoundError: no box is given and no face found.
        DaganError: the box lies outside the photo.
    """
    if box is None:
        return _nearest(finder, photo)
    left, top, width, height = map(float, box)
    margin = _MARGIN * height
    x, y = max(int(left - margin), 0), max(int(top - margin), 0)
    cut = photo[y : int(top + height + margin), x : int(left + width + margin)]
    if not cut.size or width <= 0 or height <= 0:
        raise DaganError(
            f"the face's box {[left, top, width, height]} lies outside the photo of"
            f" {photo.shape[1]}x{photo.shape[0]} pixels"
        )
    given = FaceBox(left, top, width, height, 1.0, "given")
    try:
        face = _nearest(finder, np.ascontiguousarray(cut))
    except FaceNotFoundError:
        return finder.find_one(photo, box=given)
    box_there = replace(
        face.box,
        left=face.box.left + x,
        top=face.box.top + y,
        keypoints=tuple((right + x, down + y) for right, down in face.box.keypoints),
    )
    return Face(box_there, face.landmarks + np.array([x, y], np.float32))


def _nearest(finder: FaceFinder, photo: np.ndarray) -> Face:
    faces = finder.find_all(photo)
    height, width = photo.shape[:2]
    if not faces:
        raise FaceNotFoundError(f"no face found in the photo of {width}x{height} pixels")

    def distance(face: Face) -> float:
        box = face.box
        return float(
            np.hypot(
                box.left + (box.width - width) / 2.0,
                box.top + (box.height - height) / 2.0,
            )
        )

    return min(faces, key=distance)
