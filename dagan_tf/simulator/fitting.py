"""68 landmarks to pose, identity and expression of a 3D head, by regularised least squares.

Pose and shape are solved in turn: Gauss-Newton on the scaled orthographic camera, then a ridge
regression on the model's coefficients, whose penalty is their prior (identity coefficients are
about N(0, 1)). Landmarks of the jaw lie on the visible outline, which slides over the head as it
turns; they are re-assigned each round, as in 3DDFA's landmark marching (Zhu et al., CVPR 2015).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dagan_tf.errors import DaganError
from dagan_tf.simulator.camera import Camera, Pose, pose_from_rotation
from dagan_tf.simulator.morphable_model import MorphableModel

JAW = np.arange(17)
OUTER_EYES = (36, 45)

# Standard deviation of a landmark, in outer-eye distances: dlib's points scatter by about this.
LANDMARK_SIGMA = 0.02
# The outline is found less surely than the eyes, nose and mouth, and hair often covers it.
JAW_SIGMA = 0.04
# Expression weights lie in [0, 1]; most are near 0 in a portrait.
EXPRESSION_SIGMA = 0.25
# People hold their heads level, and a frontal photo hardly tells a raised chin from a short nose:
# one hundredth of an eye distance, common to all photos, is worth 7 degrees. Small, because the
# landmarks' errors are common to all photos and so weigh less than their scatter says (degrees).
PITCH_SIGMA = 2.0
ROUNDS = 8
# Nearer to frontal than this the outline is the jaw itself (degrees).
SLIDING_YAW = 8.0


class FitError(DaganError):
    """The landmarks are degenerate, or no head explains them."""


@dataclass(frozen=True, eq=False)
class FaceFit:
    """What the 3D head must be for its landmarks to fall where the photo's are.

    Attributes:
        camera: head to photo pixels.
        pose: the camera's rotation as angles, degrees.
        identity: (K,) float32 coefficients, about N(0, 1).
        expression: (E,) float32 weights in [0, 1].
        error: root mean square landmark distance over the outer-eye distance of the fitted head
            (in three dimensions, so that a turned face is not judged by its foreshortened eyes).
    """

    camera: Camera
    pose: Pose
    identity: np.ndarray
    expression: np.ndarray
    error: float


def fit_landmarks(model: MorphableModel, landmarks: np.ndarray) -> FaceFit:
    """Fits the head to one face.

    Args:
        model: the 3D head.
        landmarks: (68, 2) iBUG points in pixels, x right, y down.

    Returns:
        The fit.

    Raises:
        FitError: the points are not 68 finite ones, or all but coincide.
    """
    points = np.asarray(landmarks, np.float64)
    if points.shape != (68, 2) or not np.isfinite(points).all():
        raise FitError(f"landmarks: expected 68 finite (x, y) points, got shape {points.shape}")
    # Work in units of the landmarks' own spread, centred, y up: well conditioned at any size.
    centre = points.mean(axis=0)
    spread = float(np.sqrt(((points - centre) ** 2).sum(axis=1).mean()))
    if spread < 1.0:
        raise FitError(f"landmarks: spread of {spread:.2f} pixels is too small to fit a face")
    target = (points - centre) / spread * np.array([1.0, -1.0])

    identity = np.zeros(len(model.identity_modes))
    expression = np.zeros(len(model.expression_modes))
    allowed = np.ones(len(expression), bool)
    vertices = model.landmark_vertices.astype(np.int64)
    outlines = _outline_candidates(model)
    mean = model.mean.astype(np.float64)
    shape = mean[vertices]
    scale, rotation, shift = _solve_camera(shape, target, _weights(1.0), np.eye(3))
    for _ in range(ROUNDS):
        vertices = _slide_outline(model, vertices, outlines, rotation, identity, expression)
        eye_distance = scale * _outer_eye_distance(shape)
        weights = _weights(eye_distance)
        bases = np.concatenate(
            [model.identity_modes[:, vertices], model.expression_modes[allowed][:, vertices]]
        ).astype(np.float64)
        # (2 * 68, modes): how each coefficient moves each landmark in the image.
        design = scale * np.einsum("ab,mnb->nam", rotation[:2], bases).reshape(136, len(bases))
        residual = (target - scale * mean[vertices] @ rotation[:2].T - shift).reshape(136)
        row_weights = np.repeat(weights, 2)
        penalty = np.ones(len(bases))
        penalty[len(identity) :] = EXPRESSION_SIGMA**-2
        normal = design.T @ (design * row_weights[:, None]) + np.diag(penalty)
        solution = np.linalg.solve(normal, design.T @ (row_weights * residual))
        identity = solution[: len(identity)]
        expression[:] = 0.0
        expression[allowed] = solution[len(identity) :]
        # A weight that wants to be negative is an expression that is not there.
        allowed &= expression >= 0.0
        expression = np.clip(expression, 0.0, 1.0)
        shape = _points(model, vertices, identity, expression)
        scale, rotation, shift = _solve_camera(shape, target, weights, rotation)

    fitted = scale * shape @ rotation[:2].T + shift
    distance = np.sqrt(((fitted - target) ** 2).sum(axis=1).mean())
    camera = Camera(
        scale=scale * spread,
        rotation=rotation,
        translation=centre + spread * shift * np.array([1.0, -1.0]),
    )
    return FaceFit(
        camera=camera,
        pose=pose_from_rotation(rotation),
        identity=identity.astype(np.float32),
        expression=expression.astype(np.float32),
        error=float(distance / (scale * _outer_eye_distance(shape))),
    )


def _weights(eye_distance: float) -> np.ndarray:
    sigma = np.full(68, LANDMARK_SIGMA)
    sigma[JAW] = JAW_SIGMA
    return 1.0 / (sigma * eye_distance) ** 2


def _outer_eye_distance(shape: np.ndarray) -> float:
    return float(np.linalg.norm(shape[OUTER_EYES[0]] - shape[OUTER_EYES[1]]))


def _points(
    model: MorphableModel, vertices: np.ndarray, identity: np.ndarray, expression: np.ndarray
) -> np.ndarray:
    """(len(vertices), 3) float64: chosen vertices of the shaped head."""
    return (
        model.mean[vertices].astype(np.float64)
        + np.tensordot(identity, model.identity_modes[:, vertices].astype(np.float64), 1)
        + np.tensordot(expression, model.expression_modes[:, vertices].astype(np.float64), 1)
    )


def _solve_camera(
    shape: np.ndarray, target: np.ndarray, weights: np.ndarray, rotation: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    """Weighted least squares of scale, rotation and shift, by Gauss-Newton from `rotation`."""
    share = weights / weights.sum()
    centred = shape - share @ shape
    goal = target - share @ target
    root = np.sqrt(share)[:, None]
    prior = 1.0 / (np.sin(np.radians(PITCH_SIGMA)) * np.sqrt(weights.sum()))
    for _ in range(6):
        turned = centred @ rotation.T
        scale = float(
            (share[:, None] * goal * turned[:, :2]).sum()
            / (share[:, None] * turned[:, :2] ** 2).sum()
        )
        residual = (root * (goal - scale * turned[:, :2])).reshape(-1)
        x, y, z = (scale * turned).T
        zero = np.zeros_like(x)
        # d(R v) = omega x (R v), for the image's x and y.
        jacobian = np.stack(
            [np.stack([zero, z, -y], axis=1), np.stack([-z, zero, x], axis=1)], axis=1
        )
        jacobian = np.concatenate([jacobian, turned[:, :2, None]], axis=2)
        design = (root[:, :, None] * jacobian).reshape(-1, 4)
        # sin(pitch) = -R[2, 1]; the prior holds the head level.
        design = np.vstack([design, prior * np.array([-rotation[1, 1], rotation[0, 1], 0.0, 0.0])])
        residual = np.append(residual, prior * rotation[2, 1])
        step = np.linalg.lstsq(design, residual, rcond=None)[0]
        rotation = _rotation_of(step[:3]) @ rotation
        if np.abs(step).max() < 1e-8:
            break
    turned = centred @ rotation.T
    scale = float(
        (share[:, None] * goal * turned[:, :2]).sum() / (share[:, None] * turned[:, :2] ** 2).sum()
    )
    if not scale > 0.0:
        raise FitError("landmarks: no upright head explains them (is the order that of iBUG's 68?)")
    shift = share @ target - scale * (share @ shape) @ rotation[:2].T
    return scale, rotation, shift


def _rotation_of(omega: np.ndarray) -> np.ndarray:
    """Rotation matrix of a rotation vector in radians (Rodrigues)."""
    angle = float(np.linalg.norm(omega))
    if angle < 1e-12:
        return np.eye(3)
    # A step of more than half a radian is a bad linearisation: shorten it.
    x, y, z = omega / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = min(angle, 0.5)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def _outline_candidates(model: MorphableModel) -> list[np.ndarray]:
    """For each jaw landmark the vertices of its horizontal slice, from its side's ear forward."""
    mean = model.mean
    jaw = mean[model.landmark_vertices[JAW]]
    band = 0.02 * float(np.ptp(mean[model.landmark_vertices][:, 1]))
    candidates = []
    for x, y, z in jaw:
        near = np.abs(mean[:, 1] - y) < band
        front = mean[:, 2] >= z
        same_side = mean[:, 0] * x > 0.0
        candidates.append(np.flatnonzero(near & front & same_side))
    return candidates


def _slide_outline(
    model: MorphableModel,
    vertices: np.ndarray,
    outlines: list[np.ndarray],
    rotation: np.ndarray,
    identity: np.ndarray,
    expression: np.ndarray,
) -> np.ndarray:
    """Moves the landmarks of the far jaw to the outline of the head at this rotation."""
    yaw = pose_from_rotation(rotation).yaw
    result = model.landmark_vertices.astype(np.int64).copy()
    if abs(yaw) < SLIDING_YAW:
        return result
    # A face that looks to the right of the image hides its left-hand cheek: landmarks 9..16.
    far = range(9, 16) if yaw > 0 else range(1, 8)
    for index in far:
        choice = outlines[index]
        if len(choice):
            across = _points(model, choice, identity, expression) @ rotation[0]
            result[index] = choice[np.argmax(across if yaw > 0 else -across)]
    return result
