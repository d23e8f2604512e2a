"""Landmarks for every face of a set, including those that a detector misses.

A measure of identity needs landmarks on each face; leaving out the faces that the detector does
not find would leave out the worst ones. In the canonical frame all faces of one pose lie alike,
so the mean layout of the found ones serves the others.
"""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dagan_tf.errors import DaganError
from dagan_tf.faces.face import FaceFinder, FaceNotFoundError, SeveralFacesError


@dataclass(frozen=True)
class Located:
    """Landmarks of a set of faces.

    Attributes:
        landmarks: (N, 68, 2) float32, pixels.
        ways: (N,) how each was found: "hog", "cnn" or "mean layout".
    """

    landmarks: np.ndarray
    ways: np.ndarray

    def share(self, way: str) -> float:
        """Share of the faces found in that way."""
        return float(np.mean(self.ways == way))


def locate_faces(
    images: Iterable[np.ndarray],
    layouts: Sequence[Hashable],
    finder: FaceFinder,
) -> Located:
    """Finds each face; falls back to the mean layout of its pose.

    Args:
        images: N photos in the canonical frame, (S, S, 3) uint8 RGB, one size.
        layouts: N keys; faces of one key lie alike (the yaw, say).
        finder: Finds faces.

    Returns:
        Landmarks and how they were found.

    Raises:
        DaganError: Not one face of a layout is found, so that there is no mean.
    """
    found: list[np.ndarray | None] = []
    ways: list[str] = []
    for image in images:
        try:
            face: Any = finder.find_one(image)
        except (FaceNotFoundError, SeveralFacesError):
            found.append(None)
            ways.append("mean layout")
        else:
            found.append(face.landmarks)
            ways.append(face.box.detector)
    if len(found) != len(layouts):
        raise ValueError(f"{len(found)} images but {len(layouts)} layouts")
    means = {}
    for layout in set(layouts):
        group = [
            points
            for points, own in zip(found, layouts, strict=True)
            if points is not None and own == layout
        ]
        if group:
            means[layout] = np.mean(group, axis=0)
    landmarks = []
    for points, layout in zip(found, layouts, strict=True):
        if points is None and layout not in means:
            raise DaganError(f"no face found in any image of layout {layout!r}")
        landmarks.append(means[layout] if points is None else points)
    return Located(np.stack(landmarks).astype(np.float32), np.array(ways))
