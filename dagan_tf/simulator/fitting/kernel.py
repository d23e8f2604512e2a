"""Normal equations of the fit and their solution: 6 camera unknowns and about 120 coefficients.

Eliminating so few, plain loops beat LAPACK. Compiled by numba at first use; the machine code is
cached on disk.
"""

from __future__ import annotations

import numpy as np
from numba import float64, int64

from dagan_tf.core.compiled import compiled

CAMERA = 6  # unknowns of the camera: rotation vector (3), log scale, shift (2)


def normal_equations(
    points: np.ndarray,
    modes: np.ndarray,
    rotation: np.ndarray,
    scale: float,
    shift: np.ndarray,
    target: np.ndarray,
    axes: np.ndarray,
    weights: np.ndarray,
) -> np.ndarray:
    """Gauss-Newton's equations of one photo, C = 6 + M unknowns. All float64.

    Args:
        points: (68, 3) landmarks of the head, and
        modes: (68, 3, M) how each coefficient moves them.
        rotation: (3, 3) of the camera, like
        scale: and
        shift: (2,), the image's y up.
        target: (68, 2) where the landmarks are, y up.
        axes: (68, 2) unit vectors, along and across which residuals are taken.
        weights: (68, 2) the inverse variances of either.

    Returns:
        (C + 1, C + 1) symmetric. The last row holds the right side, so that eliminating a column
        also updates it; its last value means nothing.
    """
    count, size = modes.shape[0], modes.shape[2]
    turned = scale * points @ rotation.T
    # The two directions of each landmark, (68, 2, 2), by the square roots of their weights.
    across = np.stack([-axes[:, 1], axes[:, 0]], axis=1)
    ways = np.stack([axes, across], axis=1) * np.sqrt(weights)[:, :, None]
    u, v = ways[:, :, 0], ways[:, :, 1]
    x, y, z = turned.T[:, :, None]
    # A column an unknown; the residual comes last.
    design = np.empty((count, 2, CAMERA + size + 1))
    # d(R v) = omega x (R v).
    design[:, :, 0] = -v * z
    design[:, :, 1] = u * z
    design[:, :, 2] = v * x - u * y
    design[:, :, 3] = u * x + v * y
    design[:, :, 4], design[:, :, 5] = u, v
    np.matmul(scale * ways @ rotation[:2], modes, out=design[:, :, CAMERA:-1])
    design[:, :, -1] = ((target - turned[:, :2] - shift)[:, None] * ways).sum(axis=2)
    rows = design.reshape(2 * count, -1)
    return rows.T @ rows


@compiled(float64[:, ::1], int64, fastmath=True)
def eliminate(matrix, steps):  # type: ignore[no-untyped-def]
    """Cholesky of the first `steps` columns in place; the rest becomes their Schur complement."""
    for r in range(matrix.shape[0]):
        row = matrix[r]
        for c in range(r + 1):
            other = matrix[c]
            total = 0.0
            for k in range(min(c, steps)):
                total += row[k] * other[k]
            row[c] -= total
            if c < min(r, steps):
                row[c] /= other[c]
        if r < steps:
            row[r] = np.sqrt(row[r])


@compiled(float64[:, ::1], int64, float64[::1], fastmath=True)
def substitute(matrix, steps, solution):  # type: ignore[no-untyped-def]
    """Solves for solution[:steps], given what follows, in a matrix that `eliminate` factored."""
    for c in range(steps - 1, -1, -1):
        total = matrix[matrix.shape[0] - 1, c]
        for r in range(c + 1, solution.shape[0]):
            total -= matrix[r, c] * solution[r]
        solution[c] = total / matrix[c, c]
