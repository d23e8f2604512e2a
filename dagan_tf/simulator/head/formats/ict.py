"""ICT-FaceKit's folder FaceXModel: OBJ files and vertex_indices.json (MIT).

Structure: ICT-FaceKit's Scripts/face_model_io.py. The folder itself (417 MB) was not read in the
tests, only a small one of this structure.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from dagan_tf.errors import DaganError
from dagan_tf.simulator.head.formats import common

# Face, head and neck come first; eyes, teeth and lashes after them are left out.
_HEAD_VERTICES = 11248


def read_ict(folder: Path) -> dict[str, np.ndarray]:
    """Reads the neutral mesh, identity000.obj and on, and the expressions the json names.

    Raises:
        DaganError: a file is absent or malformed.
    """
    config = folder / "vertex_indices.json"
    try:
        content = json.loads(config.read_text("utf-8"))
        names = [str(name) for name in content["expressions"]]
        marks = np.array(content["idx_to_landmark_verts"], np.int64)
    except (OSError, ValueError, KeyError, TypeError, OverflowError) as error:
        raise DaganError(
            f"{config}: not readable, or lacks 'expressions' or 'idx_to_landmark_verts' ({error})"
        ) from None
    mean, faces = _read_obj(folder / "generic_neutral_mesh.obj", with_faces=True)
    size = min(len(mean), _HEAD_VERTICES)
    if marks.shape != (68,) or marks.min() < 0 or marks.max() >= size:
        raise DaganError(f"{config}: 'idx_to_landmark_verts' is not 68 indices below {size}")

    def mode(path: Path) -> np.ndarray:
        points, _ = _read_obj(path)
        if len(points) != len(mean):
            raise DaganError(f"{path}: {len(points)} vertices, expected {len(mean)}")
        return (points - mean)[:size]

    people = sorted(folder.glob("identity[0-9][0-9][0-9].obj"))
    identity = [mode(path) for path in people]
    expression = [mode(folder / f"{name}.obj") for name in names]
    empty = np.zeros((0, size, 3))
    return common.model_arrays(
        folder,
        licence="MIT",
        mean=mean[:size],
        triangles=faces[(faces < size).all(axis=1)],
        identity=np.array(identity) if identity else empty,
        expression=np.array(expression) if expression else empty,
        names=names,
        landmarks=(np.repeat(marks[:, None], 3, axis=1), np.tile([1.0, 0.0, 0.0], (68, 1))),
    )


def _read_obj(path: Path, with_faces: bool = False) -> tuple[np.ndarray, np.ndarray]:
    points, faces = [], []
    try:
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("v "):
                    points.append([float(x) for x in line.split()[1:4]])
                elif with_faces and line.startswith("f "):
                    corner = [int(x.split("/")[0]) - 1 for x in line.split()[1:]]
                    faces += [
                        (corner[0], corner[i], corner[i + 1]) for i in range(1, len(corner) - 1)
                    ]
        vertices = common.numbers(str(path), "v", np.array(points, np.float64), columns=3)
    except (OSError, ValueError) as error:
        if isinstance(error, DaganError):
            raise
        raise DaganError(f"{path}: not a readable OBJ file ({error})") from None
    if not with_faces:
        return vertices, np.zeros((0, 3), np.int32)
    return vertices, common.indices(str(path), "f", np.array(faces).reshape(-1, 3), len(vertices))
