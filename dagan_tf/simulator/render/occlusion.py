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
    sky = directions(_DIRECTIONS)
    places = (vertices - middle) * scale
    light = light_from(
        sky, 1.2 + sky[:, 1], places, normals, triangles, _SIZE, _TOLERANCE, nothing=_SIZE
    )
    return np.minimum(light, 1.0).astype(np.float32)


def light_from(
    sky: np.ndarray,
    lamps: np.ndarray,
    places: np.ndarray,
    normals: np.ndarray,
    triangles: np.ndarray,
    side: int,
    tolerance: float,
    nothing: float,
) -> np.ndarray:
    """Light that reaches each vertex, which what is drawn from a direction before it hides.

    Args:
        sky: (K, 3) unit directions.
        lamps: (K,) how much light comes from each.
        places: (V, 3) vertices, pixels of the drawings, about their middle.
        normals: (V, 3) unit normals.
        triangles: (T, 3) int32.
        side: of the drawings, pixels.
        tolerance: how far behind the nearest surface a vertex is still lit, part of the side.
        nothing: how far away it is where nothing is drawn, pixels; outlines mix with it.

    Returns:
        (V,) float64, over the light of an open surface that faces along z.
    """
    received, open_to_it = np.zeros(len(places)), 0.0
    for direction, lamp in zip(sky, lamps, strict=True):
        right = np.cross([0.0, 1.0, 0.0], direction)
        right /= np.linalg.norm(right)
        axes = np.stack([right, np.cross(right, direction), direction])
        drawn = (places @ axes.T).astype(np.float32)
        drawn[:, :2] += side / 2.0
        depth = rasterize(drawn, triangles, side, side).depth
        nearest = sample(np.where(np.isfinite(depth), depth, -nothing), drawn[None, :, :2])[0]
        open_to_it += lamp * max(direction[2], 0.0)
        seen = drawn[:, 2] >= nearest - tolerance * side
        received += lamp * np.maximum(normals @ direction, 0.0) * seen
    return np.asarray(received / open_to_it)


def directions(count: int) -> np.ndarray:
    """(K, 3) unit directions spread evenly over the sphere (a Fibonacci spiral)."""
    index = np.arange(count) + 0.5
    y = 1.0 - 2.0 * index / count
    turn = np.pi * (1.0 + 5.0**0.5) * index
    around = np.sqrt(1.0 - y**2)
    return np.stack([around * np.cos(turn), y, around * np.sin(turn)], axis=1)
