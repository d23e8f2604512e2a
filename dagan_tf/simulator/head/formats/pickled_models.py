"""FLAME and 3DDFA_V2: pickled dictionaries, read by the restricted reader.

Structure: 3DDFA_V2's bfm/bfm.py (u, w_shp, w_exp, keypoints); the names of its tri.pkl and of FLAME
(v_template, shapedirs, f) are general knowledge. No real file was read, the tests read small ones.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from dagan_tf.errors import DaganError
from dagan_tf.simulator.head.formats import common
from dagan_tf.simulator.head.formats.pickles import field, read_pickle

# Columns of FLAME's shapedirs that are identity; the rest are expressions (N(0, 1) both).
_FLAME_IDENTITY = 300
_DEVIATION_FILE = "param_mean_std_62d_120x120.pkl"
_EMBEDDING_FILES = ("landmark_embedding.npy", "landmark_embedding.pkl")


def read_pickled_model(path: Path) -> dict[str, np.ndarray]:
    """Reads FLAME (has v_template) or 3DDFA_V2 (has w_shp).

    Raises:
        DaganError: neither of the two, malformed, or more than arrays.
    """
    content = read_pickle(path)
    if "v_template" in content:
        return _flame(path, content)
    if "w_shp" in content:
        return _threeddfa(path, content)
    raise DaganError(f"{path}: a pickle of neither FLAME (v_template) nor 3DDFA_V2 (w_shp)")


def _flame(path: Path, content: dict[str, Any]) -> dict[str, np.ndarray]:
    source = str(path)
    mean = common.numbers(source, "v_template", content["v_template"], columns=3)
    size = len(mean)
    steps = np.asarray(field(path, content, "shapedirs"))
    if steps.ndim != 3 or steps.shape[:2] != (size, 3):
        raise DaganError(
            f"{source}: field 'shapedirs' of shape {steps.shape}: expected ({size}, 3, modes)"
        )
    modes = common.basis(source, "shapedirs", steps.reshape(3 * size, -1), size)
    triangles = common.indices(source, "f", field(path, content, "f"), size)
    expression, names = common.signed_expressions(modes[_FLAME_IDENTITY:])
    return common.model_arrays(
        path,
        licence="FLAME licence of its version; see flame.is.tue.mpg.de",
        mean=mean,
        triangles=triangles,
        identity=modes[:_FLAME_IDENTITY],
        expression=expression,
        names=names,
        landmarks=_embedding(path.parent, triangles),
    )


def _embedding(folder: Path, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    path = next((folder / n for n in _EMBEDDING_FILES if (folder / n).is_file()), None)
    if path is None:
        return None
    content, source = read_pickle(path), str(path)
    face_name, weight_name = "full_lmk_faces_idx", "full_lmk_bary_coords"
    faces = common.numbers(source, face_name, field(path, content, face_name))
    weights = common.numbers(source, weight_name, field(path, content, weight_name), columns=3)
    if len(faces) != 68 or len(weights) != 68:
        raise DaganError(f"{source}: field {face_name!r} has {len(faces)} landmarks, expected 68")
    if (faces % 1).any() or faces.min() < 0 or faces.max() >= len(triangles):
        raise DaganError(f"{source}: field {face_name!r} is out of 0..{len(triangles) - 1}")
    return triangles[faces.astype(np.int64)].astype(np.int64), weights


def _threeddfa(path: Path, content: dict[str, Any]) -> dict[str, np.ndarray]:
    source = str(path)
    mean = common.numbers(source, "u", field(path, content, "u"), columns=3)
    size = len(mean)
    faces_path, faces = path, content.get("tri")
    if faces is None:
        faces_path = path.parent / "tri.pkl"
        if not faces_path.is_file():
            raise DaganError(f"{source}: has no field 'tri' and no tri.pkl beside it")
        faces = field(faces_path, read_pickle(faces_path), "", "tri")
    # The basis is not scaled; the spread of its coefficients is kept in another file.
    scale_path = path.parent / _DEVIATION_FILE
    if not scale_path.is_file():
        raise DaganError(
            f"{source}: needs {_DEVIATION_FILE} beside it, for the coefficients' scale"
        )
    deviation = common.numbers(
        str(scale_path), "std", field(scale_path, read_pickle(scale_path), "std")
    )
    identity = common.basis(source, "w_shp", content["w_shp"], size)
    expression = common.basis(source, "w_exp", field(path, content, "w_exp"), size)
    count = 12 + len(identity) + len(expression)  # 12 of the camera come first
    if len(deviation) != count:
        raise DaganError(f"{scale_path}: field 'std' has {len(deviation)} values, expected {count}")
    spread = deviation[12:, None, None]
    modes, names = common.signed_expressions(expression * spread[len(identity) :])
    keypoints = common.numbers(source, "keypoints", field(path, content, "keypoints"))
    if len(keypoints) != 204 or keypoints.min() < 0 or keypoints.max() >= 3 * size:
        raise DaganError(f"{source}: field 'keypoints' is not 3 x 68 indices below {3 * size}")
    corners = np.repeat(keypoints[::3].astype(np.int64)[:, None] // 3, 3, axis=1)
    return common.model_arrays(
        path,
        licence="Basel Face Model licence: not for commercial use, not to be passed on",
        mean=mean,
        triangles=common.indices(str(faces_path), "tri", faces, size),
        identity=identity * spread[: len(identity)],
        expression=modes,
        names=names,
        landmarks=(corners, np.tile([1.0, 0.0, 0.0], (68, 1))),
    )
