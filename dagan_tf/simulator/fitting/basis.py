"""What a fit needs of a head model, gathered once: landmarks, modes, paths, start poses."""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np

from dagan_tf.simulator.fitting.outline import JAW, PATH_POINTS, outline_paths
from dagan_tf.simulator.head.morphable_model import MorphableModel
from dagan_tf.simulator.render.camera import Pose, rotation_matrix

START_POSES = tuple(Pose(yaw, pitch) for yaw in range(-80, 81, 40) for pitch in (-25, 0, 25))


@dataclass(frozen=True, eq=False)
class FitBasis:
    """Landmarks of a head as linear functions of its coefficients.

    M = E + K coefficients: expression first, then identity. All float64.

    Attributes:
        mean: (68, 3) landmarks of the mean head, model units.
        modes: (68, 3, M) how each coefficient moves them.
        path_mean: (17, P, 3) points of the mean head on which the jaw's landmarks slide.
        path_modes: (17, P, 3, M) how each coefficient moves those.
        normals: (17, 2) outward normals of the frontal jaw.
        start_rotations: (S, 3, 3) poses from which a fit may start, and
        start_points: (S, 68) where they show the mean head's landmarks: x + iy, y up.
        expressions: E.
    """

    mean: np.ndarray
    modes: np.ndarray
    path_mean: np.ndarray
    path_modes: np.ndarray
    normals: np.ndarray
    start_rotations: np.ndarray
    start_points: np.ndarray
    expressions: int

    def place(
        self, rotation: np.ndarray, coefficients: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Landmarks of a posed head, those of the jaw slid to the outline.

        Args:
            rotation: (3, 3) of the camera.
            coefficients: (M,).

        Returns:
            Landmarks (68, 3) and their modes (68, 3, M).
        """
        size = len(coefficients)
        points = self.mean + (self.modes.reshape(-1, size) @ coefficients).reshape(-1, 3)
        paths = self.path_modes.reshape(-1, size) @ coefficients
        paths = self.path_mean + paths.reshape(self.path_mean.shape)
        # Rotation without its roll: the first rows of R_pitch @ R_yaw.
        cos, sin = rotation[1, 1], rotation[0, 1]
        level = np.array([[cos, -sin], [sin, cos]]) / np.hypot(sin, cos) @ rotation[:2]
        reach = (paths @ (self.normals @ level)[:, :, None])[:, :, 0]
        best, other, share = _tops(reach)
        modes = self.modes.copy()
        for places, landmarks in ((paths, points), (self.path_modes, modes)):
            parts = share.reshape(-1, *[1] * (places.ndim - 2))
            landmarks[JAW] = (1.0 - parts) * places[JAW, best] + parts * places[JAW, other]
        return points, modes


def _tops(reach: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where each row (17, P) is largest: the best, the neighbour towards the top, its share.

    The top is that of the parabola through the best value and its neighbours.
    """
    best = reach.argmax(axis=1)
    rows, middle = np.arange(len(reach)), np.clip(best, 1, reach.shape[1] - 2)
    before, most, after = (reach[rows, middle + step] for step in (-1, 0, 1))
    bend = before - 2.0 * most + after
    bent = (best == middle) & (bend < -1e-12)
    shift = np.where(bent, 0.5 * (before - after) / np.where(bent, bend, 1.0), 0.0)
    return best, best + np.sign(shift).astype(int), np.abs(shift)


_BASES: WeakKeyDictionary[MorphableModel, FitBasis] = WeakKeyDictionary()


def fit_basis(model: MorphableModel) -> FitBasis:
    """The basis of a model; made at its first use and kept as long as the model lives."""
    if model not in _BASES:
        _BASES[model] = _make(model)
    return _BASES[model]


def _make(model: MorphableModel) -> FitBasis:
    paths = outline_paths(model)
    all_modes = (*model.expression_modes, *model.identity_modes)
    size = len(all_modes)
    vertices = model.landmark_vertices
    modes = np.stack([mode[vertices] for mode in all_modes], axis=-1).astype(np.float64)
    path_modes = np.stack([paths.mixes @ mode.astype(np.float64) for mode in all_modes], axis=-1)
    mean = model.mean.astype(np.float64)
    rotations = np.stack([rotation_matrix(pose) for pose in START_POSES])
    basis = FitBasis(
        mean=np.ascontiguousarray(mean[vertices]),
        modes=np.ascontiguousarray(modes),
        path_mean=np.asarray(paths.mixes @ mean).reshape(len(JAW), PATH_POINTS, 3),
        path_modes=np.ascontiguousarray(path_modes.reshape(len(JAW), PATH_POINTS, 3, size)),
        normals=paths.normals,
        start_rotations=rotations,
        start_points=np.empty((len(rotations), 68), np.complex128),
        expressions=len(model.expression_modes),
    )
    for rotation, start in zip(rotations, basis.start_points, strict=True):
        seen = basis.place(rotation, np.zeros(size))[0] @ rotation.T
        start[:] = seen[:, 0] + 1j * seen[:, 1]
    return basis
