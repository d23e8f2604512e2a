"""What the readers of other models share: checks, landmark files, our axes and winding."""

from __future__ import annotations

from itertools import permutations, product
from pathlib import Path

import numpy as np

from dagan_tf.errors import DaganError

LANDMARK_FILE = "landmarks68.txt"
# Other models come in micrometres, millimetres, metres; all are scaled to this distance between
# the outer corners of the eyes (decimetres, as the packaged head has it).
_OUTER_EYES = 0.9
# A signed expression component becomes two blendshapes, each ending at this many deviations.
_EXPRESSION_DEVIATIONS = 2.0


def numbers(source: str, field: str, value: object, *, columns: int | None = None) -> np.ndarray:
    """A finite array of numbers, float64; squeezed to (N,), or (N, columns) if asked.

    Raises:
        DaganError: not numbers, not finite, or a size that does not divide.
    """
    array = np.asarray(value)
    if array.dtype.kind not in "fiu":
        raise DaganError(f"{source}: field {field!r} is {array.dtype}, expected numbers")
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        raise DaganError(f"{source}: field {field!r} has values that are not finite")
    if columns is None:
        return array.reshape(-1)
    if array.size == 0 or array.size % columns:
        raise DaganError(
            f"{source}: field {field!r} of shape {array.shape}: expected rows of {columns}"
        )
    return array.reshape(-1, columns)


def basis(
    source: str, field: str, value: object, size: int, variance: object = None, label: str = ""
) -> np.ndarray:
    """Modes (K, V, 3) from a (3V, K) matrix, each times the root of its variance if given.

    Raises:
        DaganError: wrong shape, not finite, negative variance (named by `label`).
    """
    array = np.asarray(value)
    if array.ndim != 2 or array.shape[0] != 3 * size:
        raise DaganError(
            f"{source}: field {field!r} of shape {array.shape}: expected ({3 * size}, modes)"
        )
    count = array.shape[1]
    flat = numbers(source, field, array).reshape(3 * size, count)
    if variance is not None:
        scale = numbers(source, label, variance)
        if len(scale) != count:
            raise DaganError(f"{source}: field {label!r} has {len(scale)} values, expected {count}")
        if len(scale) and scale.min() < 0:
            raise DaganError(f"{source}: field {label!r} has a negative value {scale.min():g}")
        flat = flat * np.sqrt(scale)
    return flat.T.reshape(count, size, 3)


def indices(source: str, field: str, value: object, size: int, first: int = 0) -> np.ndarray:
    """Triangles (T, 3) int32 counted from 0, from (T, 3) or (3, T) counted from `first`.

    Raises:
        DaganError: wrong shape, not whole numbers, or out of range.
    """
    array = np.asarray(value)
    if array.ndim != 2 or 3 not in array.shape or array.dtype.kind not in "fiu":
        raise DaganError(
            f"{source}: field {field!r} is {array.dtype} of shape {array.shape}, expected (T, 3) "
            "whole numbers"
        )
    faces = numbers(source, field, array if array.shape[1] == 3 else array.T, columns=3) - first
    if (faces % 1).any() or faces.min() < 0 or faces.max() >= size:
        raise DaganError(
            f"{source}: field {field!r} has indices {faces.min() + first:g}.."
            f"{faces.max() + first:g}, expected {first}..{size - 1 + first}"
        )
    return faces.astype(np.int32)


def signed_expressions(modes: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Two blendshapes of weight [0, 1] for each component of N(0, 1) (E, V, 3): up and down."""
    pairs = np.stack([modes, -modes], axis=1).reshape(-1, *modes.shape[1:])
    names = [f"expression{i}{sign}" for i in range(len(modes)) for sign in "+-"]
    return pairs * _EXPRESSION_DEVIATIONS, names


def companion_landmarks(model: Path, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Landmarks of `landmarks68.txt` beside a model that does not name them itself.

    Args:
        model: file or folder of the model.
        size: its number of vertices.

    Returns:
        (68, 3) int64 corners and (68, 3) float64 weights.

    Raises:
        DaganError: the file is absent or malformed.
    """
    path = (model if model.is_dir() else model.parent) / LANDMARK_FILE
    if not path.is_file():
        raise DaganError(
            f"{model}: names no 68 landmarks; put {LANDMARK_FILE} beside it: 68 lines of one "
            "vertex index (from 0), or of three indices and three weights"
        )
    text = path.read_text("utf-8", errors="replace")
    rows = [line.split("#")[0].split() for line in text.splitlines()]
    rows = [row for row in rows if row]
    corners, weights = np.zeros((68, 3), np.int64), np.tile([1.0, 0.0, 0.0], (68, 1))
    if len(rows) != 68:
        raise DaganError(f"{path}: {len(rows)} lines, expected 68")
    for i, row in enumerate(rows):
        try:
            if len(row) == 1:
                corners[i] = int(row[0])
            else:
                corners[i], weights[i] = [int(x) for x in row[:3]], [float(x) for x in row[3:]]
        except ValueError:
            raise DaganError(
                f"{path}: landmark {i} is {' '.join(row)!r}, expected 1 index or 3 and 3 weights"
            ) from None
    if not np.isfinite(weights).all():
        raise DaganError(f"{path}: weights that are not finite")
    if corners.min() < 0 or corners.max() >= size:
        raise DaganError(
            f"{path}: indices {corners.min()}..{corners.max()}, expected 0..{size - 1}"
        )
    return corners, weights


def model_arrays(
    source: Path,
    *,
    licence: str,
    mean: np.ndarray,
    triangles: np.ndarray,
    identity: np.ndarray,
    expression: np.ndarray | None = None,
    names: list[str] | None = None,
    landmarks: tuple[np.ndarray, np.ndarray] | None = None,
) -> dict[str, np.ndarray]:
    """The arrays of our npz, in our axes, scale and winding.

    The landmarks say where the face looks: of the 48 ways to name and sign the axes the one is
    taken in which the right-to-left eye line is x, chin to eyes y, jaw to nose tip z.

    Args:
        source: the model's file or folder.
        licence: of the model.
        mean: (V, 3) any axes and unit.
        triangles: (T, 3) int32 of either winding.
        identity: (K, V, 3) modes of N(0, 1) coefficients.
        expression: (E, V, 3) blendshapes of weight [0, 1]; none if None.
        names: E names.
        landmarks: corners and weights; `landmarks68.txt` beside the model if None.

    Raises:
        DaganError: landmarks absent or all in one place.
    """
    corners, weights = landmarks or companion_landmarks(source, len(mean))
    if expression is None:
        expression, names = np.zeros((0, len(mean), 3)), []
    points = np.einsum("lc,lcx->lx", weights, mean[corners])
    across = points[45] - points[36]
    up = points[36:48].mean(axis=0) - points[8]
    out = points[30] - points[[0, 16]].mean(axis=0)
    eyes = float(np.linalg.norm(across))
    if not eyes > 0:
        raise DaganError(f"{source}: landmarks 36 and 45 (outer corners of the eyes) coincide")
    wanted = np.stack([v / max(float(np.linalg.norm(v)), 1e-12) for v in (across, up, out)])
    turns = [
        np.eye(3)[list(order)] * np.array(signs)[:, None]
        for order in permutations(range(3))
        for signs in product((1, -1), repeat=3)
    ]
    turn = max(turns, key=lambda t: float((t * wanted).sum())) * (_OUTER_EYES / eyes)
    shape = mean @ turn.T
    cones = (shape - shape.mean(axis=0))[triangles]
    volume = np.einsum("ij,ij->", cones[:, 0], np.cross(cones[:, 1], cones[:, 2]))
    return {
        "name": np.array(source.stem),
        "licence": np.array(licence),
        "mean": shape.astype(np.float32),
        "triangles": triangles[:, ::-1] if volume < 0 else triangles,
        "identity_q": (identity @ turn.T).astype(np.float32),
        "identity_scale": np.ones(len(identity), np.float32),
        "expression_q": (expression @ turn.T).astype(np.float32),
        "expression_scale": np.ones(len(expression), np.float32),
        "expression_names": np.array(names or [], dtype=np.str_),
        "landmarks68_corners": corners,
        "landmarks68_weights": weights,
    }
