"""How much of the sky each point of a head sees: the shade under a jaw and in an ear."""

from __future__ import annotations

import numpy as np

from dagan_tf.simulator.render.rasterizer import rasterize
from dagan_tf.simulator.render.sampling import sample

# Directions of the sky and side of the drawing from each.
_DIRECTIONS = 48
_SIZE = 160
# How far behind the nearest surface a point still counts as seen, as a part of the drawing's side.
_TOLERANCE = 0.015


def sky_seen(vertices: np.ndarray, normals: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Ambient occlusion under a sky that is brightest overhead and dark below.

    The head is drawn from evenly spread directions; a vertex is lit from those from which nothing
    hides it.

    Args:
        vertices: (V, 3) model units, y up, z out of the face.
        normals: (V, 3) unit normals.
        triangles: (T, 3) int32.

    Returns:
        (V,) float32 in [0, 1]: light received over that of an open upright surface, at most 1.
    """
    middle = (vertices.max(axis=0) + vertices.min(axis=0)) / 2.0
    scale = 0.9 * _SIZE / float(np.linalg.norm(np.ptp(vertices, axis=0)))
    received, upright = np.zeros(len(vertices)), 0.0
    for direction in _sky():
        right = np.cross([0.0, 1.0, 0.0], direction)
        right /= np.linalg.norm(right)
        axes = np.stack([right, np.cross(right, direction), direction])
        drawn = ((vertices - middle) @ axes.T * scale).astype(np.float32)
        drawn[:, :2] += _SIZE / 2.0
        depth = rasterize(drawn, triangles, _SIZE, _SIZE).depth
        nearest = sample(np.where(np.isfinite(depth), depth, -_SIZE), drawn[None, :, :2])[0]
        light = 1.2 + direction[1]
        upright += light * max(direction[2], 0.0)
        seen = drawn[:, 2] >= nearest - _TOLERANCE * _SIZE
        received += light * np.maximum(normals @ direction, 0.0) * seen
    return np.minimum(received / upright, 1.0).astype(np.float32)


def _sky() -> np.ndarray:
    """(48, 3) unit directions spread evenly over the sphere (a Fibonacci spiral)."""
    index = np.arange(_DIRECTIONS) + 0.5
    y = 1.0 - 2.0 * index / _DIRECTIONS
    turn = np.pi * (1.0 + 5.0**0.5) * index
    around = np.sqrt(1.0 - y**2)
    return np.stack([around * np.cos(turn), y, around * np.sin(turn)], axis=1)
