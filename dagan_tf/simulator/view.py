"""What the simulator gives: a face from another side, and a real photo in the same frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from dagan_tf.simulator.fitting.fit import FaceFit
from dagan_tf.simulator.render.camera import Pose


@dataclass(frozen=True, eq=False)
class SimulatedView:
    """A face as it would look from another side.

    Attributes:
        image: (S, S, 3) uint8 RGB in the canonical frame.
        mask: (S, S) uint8; 255 where the photo really showed what is seen, 0 where it was filled.
        depth: (S, S) float32 pixels of `image`, larger is nearer, 0 in the plane through the
            frame's centre; surroundings included, NaN there if they are left out.
        head: (S, S) uint8; 255 where head and hair were drawn, less where they share a pixel with
            the surroundings, 0 elsewhere.
        skin: (S, S) uint8; 255 where the bare skin of face and neck was drawn, 0 elsewhere: not
            above the brows, on ears, lips or hair; half of it next to ears.
        landmarks: (68, 2) float32 pixels of `image`.
        pose: the pose shown, degrees.
        source_pose: the photo's own pose, degrees.
        identity: whose face it is, as the caller named it.
        fit_error: root mean square landmark error over the outer-eye distance.
    """

    image: np.ndarray
    mask: np.ndarray
    depth: np.ndarray
    head: np.ndarray
    skin: np.ndarray
    landmarks: np.ndarray
    pose: Pose
    source_pose: Pose
    identity: str
    fit_error: float


class AlignedFace(NamedTuple):
    """A real photo in the canonical frame.

    Attributes:
        image: (S, S, 3) uint8 RGB, upright.
        mask: (S, S) uint8; 255 inside the photo, 0 beyond its edges, where `image` is filled.
        pose: the photo's own, degrees; pitch and roll of profiles are NaN.
        landmarks: (68, 2) float32 pixels of `image`; of profiles the mean head's.
        fit: what framed it; None for profiles.
    """

    image: np.ndarray
    mask: np.ndarray
    pose: Pose
    landmarks: np.ndarray
    fit: FaceFit | None
