"""Annotations of 300W-LP and AFLW2000-3D: pose, 68 landmarks and 3DMM coefficients of a photo.

Structure and rotation (R = R_x(pitch) R_y(yaw) R_z(roll), passive, radians, y up, as 3DDFA and
face3d have it) are general knowledge: no real file was read, so the signs are unverified.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dagan_tf.errors import DaganError
from dagan_tf.simulator.head.formats import common
from dagan_tf.simulator.head.formats.bfm import read_mat
from dagan_tf.simulator.head.formats.pickles import field
from dagan_tf.simulator.render.camera import Pose, pose_from_rotation


@dataclass(frozen=True, eq=False)
class FaceParameters:
    """What a .mat file says about one face.

    Attributes:
        pose: in our convention, degrees.
        landmarks: (68, 2) float32 pixels counted from 0.
        identity: (199,) float64, of the BFM 2009 basis, in its units.
        expression: (29,) float64.
    """

    pose: Pose
    landmarks: np.ndarray
    identity: np.ndarray
    expression: np.ndarray


def read_parameters(path: Path) -> FaceParameters:
    """Reads Pose_Para (7), Shape_Para (199), Exp_Para (29) and pt3d_68 or pt2d.

    Raises:
        DaganError: a field is absent or malformed.
    """
    content, source = read_mat(path), str(path)

    def values(name: str, count: int) -> np.ndarray:
        found = common.numbers(source, name, field(path, content, name))
        if len(found) != count:
            raise DaganError(f"{source}: field {name!r} has {len(found)} values, expected {count}")
        return found

    pitch, yaw, roll = values("Pose_Para", 7)[:3]
    name = "pt3d_68" if "pt3d_68" in content else "pt2d"
    points = np.asarray(field(path, content, name))
    if points.ndim != 2 or points.shape[0] not in (2, 3) or points.shape[1] != 68:
        raise DaganError(f"{source}: field {name!r} of shape {points.shape}: expected (2 or 3, 68)")
    flat = common.numbers(source, name, points).reshape(points.shape)
    return FaceParameters(
        pose=pose_from_rotation(_rotation(pitch, yaw, roll)),
        landmarks=(flat[:2].T - 1).astype(np.float32),  # Matlab counts from 1
        identity=values("Shape_Para", 199),
        expression=values("Exp_Para", 29),
    )


def _rotation(pitch: float, yaw: float, roll: float) -> np.ndarray:
    (cx, cy, cz), (sx, sy, sz) = np.cos([pitch, yaw, roll]), np.sin([pitch, yaw, roll])
    about_x = np.array([[1, 0, 0], [0, cx, sx], [0, -sx, cx]])
    about_y = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
    about_z = np.array([[cz, sz, 0], [-sz, cz, 0], [0, 0, 1]])
    return about_x @ about_y @ about_z
