"""68 landmarks to pose, identity and expression of a 3D head, by robust regularised least squares.

Camera and coefficients are solved together by Gauss-Newton (the pose must not take what belongs to
the shape, nor the shape what belongs to the pose). The coefficients' penalty is their prior
(identity coefficients are about N(0, 1)). Landmarks of the jaw slide to the visible outline
(`outline_paths`). A landmark far from where the head wants it loses its weight (Geman and
McClure, 1987). Photos of one person share the identity: their equations are added after each
photo's own unknowns were eliminated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dagan_tf.core.blas import one_blas_thread
from dagan_tf.errors import DaganError
from dagan_tf.simulator.fitting.basis import FitBasis, fit_basis
from dagan_tf.simulator.fitting.kernel import CAMERA, eliminate, normal_equations, substitute
from dagan_tf.simulator.fitting.outline import CHIN, JAW, outward_normals
from dagan_tf.simulator.head.morphable_model import MorphableModel
from dagan_tf.simulator.render.camera import Camera, Pose, pose_from_rotation

OUTER_EYES = (36, 45)
# Standard deviation of a landmark, in outer-eye distances: dlib's points scatter by about this.
LANDMARK_SIGMA = 0.03
# The outline is found less surely than the eyes, nose and mouth, and hair often covers it; where
# along it a landmark lies is little more than a convention.
JAW_SIGMA = 0.05
ALONG_JAW_SIGMA = 0.1
# Expression weights lie in [0, 1]; most are near 0 in a portrait.
EXPRESSION_SIGMA = 0.25
# A landmark this far off (outer-eye distances) has a quarter of its weight. The first rounds, still
# far from the pose, are more patient.
OUTLIER_SCALE = 0.1
START_OUTLIER_SCALE = 0.4
ROUNDS = 8
# What one landmark can add to the error, so that the error is that of the others (same unit).
ERROR_CAP = 0.25
# Beyond this the points are no face. Measured with dlib's landmarks of 316 portraits, frontal and
# three-quarter: median 0.025, largest 0.046, with one to five points far off 0.08; points shuffled
# within half of the face 0.14, all shuffled 0.20 and more. It cannot tell where no face is: what
# dlib marks on an ear or a collar has a face's shape (0.02 to 0.08), so that is the detector's.
MAX_FIT_ERROR = 0.1
# Orthographic landmarks of a face seen from behind are those of a mirrored face (degrees).
MAX_FIT_YAW = 100.0
_HELD = 1e12


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
            (in three dimensions, so that a turned face is not judged by its foreshortened eyes);
            the jaw's are counted across its outline; a landmark counts at most 0.25, so that the
            error reflects the rest.
    """

    camera: Camera
    pose: Pose
    identity: np.ndarray
    expression: np.ndarray
    error: float


def fit_landmarks(
    model: MorphableModel, landmarks: np.ndarray, *, identity: np.ndarray | None = None
) -> FaceFit:
    """Fits the head to one face.

    Args:
        model: the 3D head.
        landmarks: (68, 2) iBUG points in pixels, x right, y down.
        identity: (<= K,) coefficients to hold fixed; they are fitted too if None.

    Returns:
        The fit.

    Raises:
        FitError: the points are not 68 finite ones, all but coincide, or show no face from the
            front.
        DaganError: `identity` has more coefficients than the model.
    """
    return _fit(model, [landmarks], identity)[0]


def fit_person(model: MorphableModel, landmarks: Sequence[np.ndarray]) -> list[FaceFit]:
    """Fits the head to several photos of one person, who has one shape in all of them.

    Args:
        model: the 3D head.
        landmarks: of each photo, (68, 2) iBUG points in pixels.

    Returns:
        One fit a photo, each with its own camera and expression; their `identity` is the same.

    Raises:
        FitError: as `fit_landmarks`, for any of the photos; or there are none.
    """
    if not landmarks:
        raise FitError("landmarks: got no photo, expected at least one")
    return _fit(model, landmarks, None)


class _Photo:
    """One photo's unknowns while they are fitted, in units of its landmarks' spread, y up."""

    def __init__(self, basis: FitBasis, landmarks: np.ndarray):
        points = np.asarray(landmarks, np.float64)
        if points.shape != (68, 2) or not np.isfinite(points).all():
            raise FitError(f"landmarks: expected 68 finite (x, y) points, got shape {points.shape}")
        self.centre = points.mean(axis=0)
        self.spread = float(np.sqrt(((points - self.centre) ** 2).sum(axis=1).mean()))
        if self.spread < 1.0:
            raise FitError(
                f"landmarks: spread of {self.spread:.2f} pixels is too small to fit a face"
            )
        self.target = (points - self.centre) / self.spread * np.array([1.0, -1.0])
        self.basis = basis
        self.expression = np.zeros(basis.expressions)
        self.rotation, self.scale, self.shift = _start(basis, self.target)

    def equations(self, identity: np.ndarray, outlier_scale: float) -> np.ndarray:
        """Normal equations at the present state: camera, expression, identity, right side."""
        points, modes = self.basis.place(self.rotation, np.concatenate([self.expression, identity]))
        eyes = self.scale * _outer_eye_distance(points)
        axes, miss = self._misses(points)
        # In the unit of the surest direction: a slip along the jaw is forgiven more.
        distance = np.hypot(*(miss / _SIGMAS).T) * _SIGMAS[:, 0]
        trust = _trust(distance / eyes, outlier_scale)
        matrix = normal_equations(
            points,
            modes,
            self.rotation,
            self.scale,
            self.shift,
            self.target,
            axes,
            trust[:, None] / (_SIGMAS * eyes) ** 2,
        )
        own = slice(CAMERA, CAMERA + len(self.expression))
        right, diagonal = matrix[-1], np.einsum("ii->i", matrix)
        diagonal[own] += EXPRESSION_SIGMA**-2
        right[own] -= EXPRESSION_SIGMA**-2 * self.expression
        # A weight at its bound that wants to go beyond stays there.
        held = (self.expression <= 0.0) & (right[own] < 0.0)
        held |= (self.expression >= 1.0) & (right[own] > 0.0)
        diagonal[own] += _HELD * held
        right[own] *= ~held
        return matrix

    def step(self, change: np.ndarray) -> None:
        self.rotation = _rotation_of(change[:3]) @ self.rotation
        self.scale *= float(np.exp(np.clip(change[3], -0.5, 0.5)))
        self.shift = self.shift + change[4:CAMERA]
        expression = self.expression + change[CAMERA : CAMERA + len(self.expression)]
        self.expression = np.clip(expression, 0.0, 1.0)

    def result(self, identity: np.ndarray) -> FaceFit:
        points, _ = self.basis.place(self.rotation, np.concatenate([self.expression, identity]))
        _, miss = self._misses(points)
        distance = np.hypot(*miss.T)
        distance[JAW] = np.abs(miss[JAW, 0])
        distance /= self.scale * _outer_eye_distance(points)
        pose = pose_from_rotation(self.rotation)
        if abs(pose.yaw) > MAX_FIT_YAW:
            raise FitError(
                f"landmarks: only a face seen from behind (yaw {pose.yaw:.0f}) explains them "
                "(is the order that of iBUG's 68?)"
            )
        camera = Camera(
            scale=self.scale * self.spread,
            rotation=self.rotation,
            translation=self.centre + self.spread * self.shift * np.array([1.0, -1.0]),
        )
        return FaceFit(
            camera=camera,
            pose=pose,
            identity=identity.astype(np.float32),
            expression=self.expression.astype(np.float32),
            error=float(np.sqrt((np.minimum(distance, ERROR_CAP) ** 2).mean())),
        )

    def _misses(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Axes (68, 2), the outline's normal at the jaw, and misses (68, 2) along and across."""
        seen = self.scale * points @ self.rotation[:2].T + self.shift
        axes = _RIGHT.copy()
        axes[JAW] = outward_normals(seen[JAW])
        x, y = axes.T
        right, up = (self.target - seen).T
        return axes, np.array([right * x + up * y, x * up - y * right]).T


_RIGHT = np.tile([1.0, 0.0], (68, 1))
# (68, 2): along the axis of each landmark and across it.
_SIGMAS = np.full((68, 2), LANDMARK_SIGMA)
_SIGMAS[JAW] = JAW_SIGMA, ALONG_JAW_SIGMA
_SIGMAS[CHIN] = JAW_SIGMA


@one_blas_thread()
def _fit(
    model: MorphableModel, landmarks: Sequence[np.ndarray], fixed: np.ndarray | None
) -> list[FaceFit]:
    basis = fit_basis(model)
    photos = [_Photo(basis, points) for points in landmarks]
    identity = np.zeros(len(model.identity_modes))
    if fixed is not None:
        values = np.asarray(fixed, np.float64)
        if values.ndim != 1 or len(values) > len(identity):
            raise DaganError(
                f"identity coefficients of shape {values.shape}: expected at most "
                f"({len(identity)},) for model {model.name!r}"
            )
        identity[: len(values)] = values
    own = CAMERA + basis.expressions
    scale = START_OUTLIER_SCALE
    for _ in range(ROUNDS):
        systems = [photo.equations(identity, scale) for photo in photos]
        for system in systems:
            eliminate(system, own)
        change = np.zeros(own + len(identity))
        if fixed is None:
            shared = np.sum([system[own:, own:] for system in systems], axis=0)
            np.einsum("ii->i", shared)[:-1] += 1.0
            shared[-1, :-1] -= identity
            eliminate(shared, len(identity))
            substitute(shared, len(identity), change[own:])
            identity = identity + change[own:]
        for photo, system in zip(photos, systems, strict=True):
            substitute(system, own, change)
            photo.step(change)
        scale = max(OUTLIER_SCALE, 0.5 * scale)
    return [photo.result(identity) for photo in photos]


def _start(basis: FitBasis, target: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
    """Rotation, scale and shift of the mean head in the start pose that fits best."""
    goal = target[:, 0] + 1j * target[:, 1]
    seen = basis.start_points
    eyes = _outer_eye_distance(basis.mean)
    trust = np.ones(seen.shape)
    for _ in range(3):
        share = trust / trust.sum(axis=1, keepdims=True)
        middle = (share * seen).sum(axis=1, keepdims=True)
        goal_middle = (share * goal).sum(axis=1, keepdims=True)
        across = (share * np.conj(seen - middle) * (goal - goal_middle)).sum(axis=1, keepdims=True)
        # A complex factor scales and turns in the image.
        factor = across / (share * np.abs(seen - middle) ** 2).sum(axis=1, keepdims=True)
        shift = goal_middle - factor * middle
        distance = np.abs(factor * seen + shift - goal) / (np.abs(factor) * eyes)
        trust = _trust(distance, START_OUTLIER_SCALE)
    share = (distance / START_OUTLIER_SCALE) ** 2
    best = int(np.argmin((share / (1.0 + share)).sum(axis=1)))
    turn = factor[best, 0]
    scale = max(float(np.abs(turn)), 1e-3)
    cos, sin = turn.real / scale, turn.imag / scale
    roll = np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
    offset = shift[best, 0]
    rotation = roll @ basis.start_rotations[best]
    return rotation, scale, np.array([offset.real, offset.imag])


def _trust(distance: np.ndarray, scale: float) -> np.ndarray:
    """Weights in (0, 1] of residuals: those of Geman and McClure's estimator."""
    return 1.0 / (1.0 + (distance / scale) ** 2) ** 2


def _outer_eye_distance(points: np.ndarray) -> float:
    apart = points[OUTER_EYES[0]] - points[OUTER_EYES[1]]
    return math.sqrt(apart @ apart)


def _rotation_of(omega: np.ndarray) -> np.ndarray:
    """Rotation matrix of a rotation vector in radians (Rodrigues)."""
    angle = math.sqrt(omega @ omega)
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = omega / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    # A step of more than half a radian is a bad linearisation: shorten it.
    angle = min(angle, 0.5)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
