"""Models of the eos library: .bin files of the serialisation library cereal.

Structure: eos' PcaModel.hpp, MorphableModel.hpp, Blendshape.hpp and eigen_cerealisation.hpp.
The word that leads each file is general knowledge of cereal. No reader of eos was run
against it; the Surrey Face Model itself
was not read either. Its ibug_to_sfm.txt names 50 of the 68 landmarks (no jaw, no inner
corners of the mouth), too few to fit with: landmarks68.txt beside the file is asked for.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from dagan_tf.errors import DaganError
from dagan_tf.simulator.head.formats import common

EXPRESSION_FILE = "expression_blendshapes_3448.bin"
_VERSIONS = (1, 2, 3, 4)


class _Stream:
    def __init__(self, path: Path) -> None:
        self.path, self.content, self.at = path, path.read_bytes(), 0

    def take(self, count: int, field: str) -> bytes:
        if count < 0 or self.at + count > len(self.content):
            raise DaganError(f"{self.path}: field {field!r} ends after the file does (truncated?)")
        self.at += count
        return self.content[self.at - count : self.at]

    def number(self, kind: str, field: str) -> int:
        return int(struct.unpack("<" + kind, self.take(struct.calcsize(kind), field))[0])

    def matrix(self, field: str) -> np.ndarray:
        rows, columns = self.number("i", field), self.number("i", field)
        if rows < 0 or columns < 0:
            raise DaganError(f"{self.path}: field {field!r} has shape ({rows}, {columns})")
        content = self.take(4 * rows * columns, field)
        return np.frombuffer(content, "<f4").reshape((rows, columns), order="F")

    def blendshapes(self) -> tuple[list[str], list[np.ndarray]]:
        names, steps = [], []
        for _ in range(self.number("Q", "blendshapes")):
            name = self.take(self.number("Q", "name"), "name")
            names.append(name.decode("utf-8", "replace"))
            steps.append(self.matrix(f"blendshape {names[-1]!r}").reshape(-1))
        return names, steps


def read_eos(path: Path) -> dict[str, np.ndarray]:
    """Reads the shape model; expressions from expression_blendshapes_3448.bin beside, if there.

    Args:
        path: .bin file of version 1 to 4. What follows the shape model is not read.

    Raises:
        DaganError: malformed, or no landmarks beside it.
    """
    stream, source = _Stream(path), str(path)
    version = stream.number("I", "version")
    if version not in _VERSIONS:
        raise DaganError(f"{source}: field 'version' is {version}, expected one of {_VERSIONS}")
    mean = common.numbers(source, "mean", stream.matrix("mean"), columns=3)
    steps, variance = stream.matrix("orthonormal_pca_basis"), stream.matrix("eigenvalues")
    count = stream.number("Q", "triangle_list")
    faces = np.frombuffer(stream.take(12 * count, "triangle_list"), "<i4").reshape(-1, 3)
    size = len(mean)
    expression, names = None, None
    beside = path.parent / EXPRESSION_FILE
    if beside.is_file() and beside != path:
        names, shapes = _Stream(beside).blendshapes()
        for name, shape in zip(names, shapes, strict=True):
            if len(shape) != 3 * size:
                raise DaganError(f"{beside}: blendshape {name!r} has {len(shape)} values")
        if shapes:
            matrix = np.stack(shapes, axis=1)
            expression = common.basis(str(beside), "blendshapes", matrix, size)
    return common.model_arrays(
        path,
        licence="of the model: the Surrey Face Model is for non-commercial use only",
        mean=mean,
        triangles=common.indices(source, "triangle_list", faces, size),
        identity=common.basis(
            source, "orthonormal_pca_basis", steps, size, variance, "eigenvalues"
        ),
        expression=expression,
        names=names if expression is not None else None,
    )
