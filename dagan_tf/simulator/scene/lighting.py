"""How a photo is lit, so that skin turned into the light brightens and filled skin is lit alike."""

from __future__ import annotations

import numpy as np

# Light that falls from one side is at most this part of the light from all sides.
MOST_DIRECTED = 0.65
# Skin that faces away from the light keeps this part of the mean brightness.
LEAST_LIGHT = 0.45
LUMA = np.array([0.299, 0.587, 0.114])
# How suddenly brightness is held below a limit.
_ROLL = 9.0


def estimate_light(colours: np.ndarray, normals: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Fits first-order spherical harmonics to the brightness of a surface of one colour.

    Brightness is a (1 + direction . normal), by weighted least squares; what does not fit (brows,
    lips, hair) counts less in a second round.

    Args:
        colours: (V, 3) RGB in [0, 255].
        normals: (V, 3) unit normals in camera axes.
        weights: (V,) at least 0.

    Returns:
        (3,) the direction; zeros where there is too little to go by.
    """
    if weights.sum() < 20:
        return np.zeros(3)
    luma = colours.astype(np.float64) @ LUMA
    basis = np.concatenate([np.ones((len(normals), 1)), normals.astype(np.float64)], axis=1)
    trust = weights.astype(np.float64)
    solution = np.zeros(4)
    for _ in range(3):
        weighted = basis * trust[:, None]
        # The pull towards even light keeps directions that the photo does not show quiet.
        system = weighted.T @ basis + np.diag([0.0, 1.0, 1.0, 1.0]) * 0.02 * trust.sum()
        solution = np.linalg.solve(system, weighted.T @ luma)
        residual = np.abs(luma - basis @ solution)
        trust = weights / (1.0 + (residual / (1e-3 + 0.15 * abs(solution[0]))) ** 2)
    direction = solution[1:] / max(solution[0], 1e-3)
    length = float(np.linalg.norm(direction))
    return direction * min(1.0, MOST_DIRECTED / max(length, 1e-9))


def light_on(normals: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """(V,) float32 brightness of surfaces relative to the mean, at least 0.45."""
    light = 1.0 + normals @ direction.astype(np.float32)
    return np.maximum(light, LEAST_LIGHT).astype(np.float32)


def light_on_skin(normals: np.ndarray, light: np.ndarray, hair: np.ndarray) -> np.ndarray:
    """(V,) as `light_on`; 1 on hair, which shines and shades itself in its own way."""
    return np.asarray(1.0 + (light_on(normals, light) - 1.0) * (1.0 - hair))


def rolled_off(brightness: np.ndarray, most: float) -> np.ndarray:
    """Factors that keep brightness below a limit, softly.

    Args:
        brightness: (V,) at least 0.
        most: > 0, what it stays below.

    Returns:
        (V,) in (0, 1]: about 1 up to three quarters of the limit, .93 at it.
    """
    return np.asarray((1.0 + (brightness / most) ** _ROLL) ** (-1.0 / _ROLL))
