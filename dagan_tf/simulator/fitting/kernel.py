"""Compiled inner loops of the fit: landmarks of a posed head, normal equations, Cholesky.

The systems are small (6 camera unknowns and about 120 coefficients), so plain loops beat BLAS and
its threads. Compiled by numba at first use; the machine code is cached on disk.
"""

from __future__ import annotations

import numpy as np

from dagan_tf.core.compiled import compiled

CAMERA = 6  # unknowns of the camera: rotation vector (3), log scale, shift (2)


@compiled(fastmath=True)
def _combine(mean, basis, coefficients, out):  # type: ignore[no-untyped-def]
    """out (N, 3) = mean (N, 3) + basis (N, 3, M) @ coefficients (M,)."""
    for n in range(mean.shape[0]):
        for a in range(3):
            total = mean[n, a]
            for m in range(coefficients.shape[0]):
                total += basis[n, a, m] * coefficients[m]
            out[n, a] = total


@compiled(fastmath=True)
def place_landmarks(  # type: ignore[no-untyped-def]
    mean, basis, path_mean, path_basis, normals, rotation, coefficients, points, modes
):
    """Fills points (68, 3) and modes (68, 3, M) at a pose, the jaw slid to the outline.

    mean (68, 3), basis (68, 3, M); path_mean (17, P, 3), path_basis (17, P, 3, M); normals (17, 2).
    """
    jaw, size = path_mean.shape[0], path_mean.shape[1]
    _combine(mean, basis, coefficients, points)
    # One by one: what an assignment of arrays may complain of takes seconds to compile.
    for n in range(basis.shape[0]):
        for a in range(3):
            for m in range(basis.shape[2]):
                modes[n, a, m] = basis[n, a, m]
    # Rotation without its roll: the first rows of R_pitch @ R_yaw.
    flat = np.hypot(rotation[0, 1], rotation[1, 1])
    cos, sin = rotation[1, 1] / flat, rotation[0, 1] / flat
    place = np.empty((size, 3))
    for j in range(jaw):
        _combine(path_mean[j], path_basis[j], coefficients, place)
        out = np.empty(3)
        for a in range(3):
            right = cos * rotation[0, a] - sin * rotation[1, a]
            up = sin * rotation[0, a] + cos * rotation[1, a]
            out[a] = normals[j, 0] * right + normals[j, 1] * up
        best, farthest = 0, -1e30
        reach = np.empty(size)
        for p in range(size):
            reach[p] = out[0] * place[p, 0] + out[1] * place[p, 1] + out[2] * place[p, 2]
            if reach[p] > farthest:
                best, farthest = p, reach[p]
        # The top of the parabola through the farthest point and its neighbours.
        shift = 0.0
        if 0 < best < size - 1:
            bend = reach[best - 1] - 2.0 * reach[best] + reach[best + 1]
            if bend < -1e-12:
                shift = 0.5 * (reach[best - 1] - reach[best + 1]) / bend
        other = best + (1 if shift > 0.0 else -1) if shift != 0.0 else best
        share = abs(shift)
        for a in range(3):
            points[j, a] = (1.0 - share) * place[best, a] + share * place[other, a]
            for m in range(coefficients.shape[0]):
                modes[j, a, m] = (1.0 - share) * path_basis[j, best, a, m] + share * path_basis[
                    j, other, a, m
                ]


@compiled(fastmath=True)
def normal_equations(  # type: ignore[no-untyped-def]
    points, modes, rotation, scale, shift, target, axes, weights
):
    """Gauss-Newton's equations of one photo: lower half of (C + 1, C + 1), C = 6 + M.

    The last row holds the right side, so that eliminating a column also updates it. target (68, 2)
    and the image's y point up. Residuals are taken along axes (68, 2), unit vectors, and across
    them; weights (68, 2) are the inverse variances of either.
    """
    count, size = points.shape[0], modes.shape[2]
    last = CAMERA + size
    # One row an unknown, so that the products below run along memory; the residual comes last.
    design = np.zeros((last + 1, 2 * count))
    for n in range(count):
        turned = np.zeros(3)
        for a in range(3):
            for b in range(3):
                turned[a] += scale * rotation[a, b] * points[n, b]
        for a in range(2):
            root = np.sqrt(weights[n, a])
            u = root * (axes[n, 0] if a == 0 else -axes[n, 1])
            v = root * (axes[n, 1] if a == 0 else axes[n, 0])
            k = 2 * n + a
            # d(R v) = omega x (R v).
            design[0, k] = -v * turned[2]
            design[1, k] = u * turned[2]
            design[2, k] = v * turned[0] - u * turned[1]
            design[3, k] = u * turned[0] + v * turned[1]
            design[4, k], design[5, k] = u, v
            x = scale * (u * rotation[0, 0] + v * rotation[1, 0])
            y = scale * (u * rotation[0, 1] + v * rotation[1, 1])
            z = scale * (u * rotation[0, 2] + v * rotation[1, 2])
            for m in range(size):
                design[CAMERA + m, k] = x * modes[n, 0, m] + y * modes[n, 1, m] + z * modes[n, 2, m]
            design[last, k] = u * (target[n, 0] - turned[0] - shift[0]) + v * (
                target[n, 1] - turned[1] - shift[1]
            )
    matrix = np.zeros((last + 1, last + 1))
    for r in range(last + 1):
        for c in range(min(r + 1, last)):
            total = 0.0
            for k in range(2 * count):
                total += design[r, k] * design[c, k]
            matrix[r, c] = total
    return matrix


@compiled(fastmath=True)
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


@compiled(fastmath=True)
def substitute(matrix, steps, solution):  # type: ignore[no-untyped-def]
    """Solves for solution[:steps], given what follows, in a matrix that `eliminate` factored."""
    for c in range(steps - 1, -1, -1):
        total = matrix[matrix.shape[0] - 1, c]
        for r in range(c + 1, solution.shape[0]):
            total -= matrix[r, c] * solution[r]
        solution[c] = total / matrix[c, c]
