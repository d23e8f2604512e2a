"""Head pose angles and the scaled orthographic camera: the one place that defines them.

Model space: x to the subject's left (= image right), y up, z out of the face. Image space: x
right, y down, pixel centres at integers. An orthographic camera is enough for portraits: the
depth of a face is small beside its distance to the lens.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Pose:
    """Orientation of the head, in degrees.

    Attributes:
        yaw: > 0 moves the nose to the right in the image (to the subject's left); 90 is a profile.
        pitch: > 0 looks up.
        roll: > 0 tilts the head clockwise in the image.
    """

    yaw: float
    pitch: float = 0.0
    roll: float = 0.0


def rotation_matrix(pose: Pose) -> np.ndarray:
    """Rotation of a pose, `R = R_roll @ R_pitch @ R_yaw`.

    Args:
        pose: angles in degrees.

    Returns:
        (3, 3) float64 proper rotation; a model point v is seen at `R @ v`.
    """
    yaw, pitch, roll = np.radians([pose.yaw, pose.pitch, pose.roll])
    turn = np.array(
        [[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]], np.float64
    )
    nod = np.array(
        [[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]],
        np.float64,
    )
    tilt = np.array(
        [[np.cos(roll), np.sin(roll), 0], [-np.sin(roll), np.cos(roll), 0], [0, 0, 1]], np.float64
    )
    return tilt @ nod @ turn


def pose_from_rotation(rotation: np.ndarray) -> Pose:
    """Angles of a rotation; the inverse of `rotation_matrix`.

    Args:
        rotation: (3, 3) proper rotation.

    Returns:
        Pose with yaw and roll in (-180, 180] and pitch in [-90, 90] degrees. At pitch +-90, where
        only a combination of yaw and roll is determined, yaw is 0.
    """
    matrix = np.asarray(rotation, np.float64)
    sine = float(np.clip(-matrix[2, 1], -1.0, 1.0))
    if abs(sine) > 1.0 - 1e-9:
        yaw, roll = 0.0, np.arctan2(-matrix[1, 0], matrix[0, 0])
    else:
        yaw = np.arctan2(-matrix[2, 0], matrix[2, 2])
        roll = np.arctan2(matrix[0, 1], matrix[1, 1])
    yaw_deg, pitch_deg, roll_deg = np.degrees([yaw, np.arcsin(sine), roll])
    return Pose(float(yaw_deg), float(pitch_deg), float(roll_deg))


@dataclass(frozen=True, eq=False)
class Camera:
    """Scaled orthographic camera.

    Attributes:
        scale: pixels per model unit, > 0.
        rotation: (3, 3) model to camera axes.
        translation: (2,) pixel (x, y) where the model's origin falls.
    """

    scale: float
    rotation: np.ndarray
    translation: np.ndarray

    def project(self, vertices: np.ndarray) -> np.ndarray:
        """Projects model points into the image.

        Args:
            vertices: (N, 3) model units.

        Returns:
            (N, 3) float32: x and y in pixels (y down), depth in pixels (larger is nearer).
        """
        matrix = self.scale * np.asarray(self.rotation, np.float64)
        points = np.asarray(vertices, np.float64) @ matrix.T
        points[:, 1] *= -1.0
        points[:, :2] += np.asarray(self.translation, np.float64)
        return points.astype(np.float32)

    def unproject(self, points: np.ndarray) -> np.ndarray:
        """The inverse of `project`.

        Args:
            points: (V, 3) what `project` returns.

        Returns:
            (V, 3) float32 model units.
        """
        back = points.astype(np.float64)
        back[:, :2] -= self.translation
        back[:, 1] *= -1.0
        return (back @ self.rotation / self.scale).astype(np.float32)


def turned_upright(own: Pose, yaw: float) -> Pose:
    """The pose of a head that a camera at the same height sees turned, upright in the picture.

    People turn about the vertical, whether they hold their head high or low: a nod turns with the
    head and is a tilt of the profile, which an upright view does without. Keeping the photo's pitch
    would look at a profile from above or below instead, and put its ear and eye too low or high.

    Args:
        own: of the photo, degrees.
        yaw: of the view, degrees.

    Returns:
        Pose with that yaw, roll 0 and the pitch of `R_turn @ R_pitch`, the turn being from the
        photo's yaw to the view's: the photo's own pitch in a view like the photo, 0 in one at right
        angles to it.
    """
    turn, pitch = np.radians([yaw - own.yaw, own.pitch])
    return Pose(yaw, float(np.degrees(np.arcsin(np.cos(turn) * np.sin(pitch)))))


def turn_between(first: Pose, second: Pose) -> float:
    """Degrees between two poses, roll apart."""
    between = rotation_matrix(Pose(first.yaw, first.pitch)).T @ rotation_matrix(
        Pose(second.yaw, second.pitch)
    )
    return float(np.degrees(np.arccos(np.clip((np.trace(between) - 1.0) / 2.0, -1.0, 1.0))))
