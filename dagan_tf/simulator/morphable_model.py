"""3D morphable model of the head: mean shape + identity modes + expression blendshapes.

Blanz and Vetter, SIGGRAPH 1999, with expressions added linearly. The packaged model is CC0 (see
assets/HEAD.md); any other model stored under the same array names can be loaded instead.
"""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass, replace
from importlib import resources
from os import PathLike
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from dagan_tf.errors import DaganError

_REQUIRED = (
    "mean",
    "triangles",
    "identity_q",
    "identity_scale",
    "expression_q",
    "expression_scale",
    "expression_names",
    "landmarks68",
)
# Openings of eyes and mouth are shorter than this; what is longer or lowest (the neck) stays open.
_LONGEST_FILLED_LOOP = 120
# Farthest a mirrored vertex may lie from its partner, in units of the model's height.
_MIRROR_TOLERANCE = 0.005


@dataclass(frozen=True, eq=False)
class MorphableModel:
    """Linear model of head shapes in model space: x to the subject's left, y up, z out of the face.

    Attributes:
        name: of the model.
        licence: of its data.
        mean: (V, 3) float32 neutral mean head, model units.
        triangles: (T, 3) int32, counter-clockwise seen from outside.
        identity_modes: (K, V, 3) float32; coefficients are about N(0, 1).
        expression_modes: (E, V, 3) float32; weights lie in [0, 1].
        expression_names: E names (ARKit's).
        landmark_vertices: (68,) int32, the vertex of each iBUG landmark on a frontal face.
        mirror: (V,) int32, the vertex on the other side of the face, or None for a model that is
            not symmetric.
    """

    name: str
    licence: str
    mean: np.ndarray
    triangles: np.ndarray
    identity_modes: np.ndarray
    expression_modes: np.ndarray
    expression_names: tuple[str, ...]
    landmark_vertices: np.ndarray
    mirror: np.ndarray | None = None

    @classmethod
    def load(cls, path: str | PathLike[str] | None = None) -> MorphableModel:
        """Reads a model and closes its eye and mouth openings.

        Each closed boundary loop of at most 120 edges, but for the lowest one (the neck), is
        closed by a fan round the mean of its vertices, which moves with them in every mode:
        otherwise a turned head would show the inside of its back through the eyes.

        Args:
            path: npz file with the arrays of assets/HEAD.md; None for the packaged CC0 head.

        Returns:
            The model.

        Raises:
            DaganError: the file is absent, no npz archive, or its arrays do not fit together.
        """
        if path is None:
            packaged = resources.files("dagan_tf.simulator").joinpath("assets", "head.npz")
            with resources.as_file(packaged) as file:
                arrays = _read_arrays(file)
            source = "packaged head model"
        else:
            arrays = _read_arrays(Path(path))
            source = str(path)
        model = _assemble(arrays, source)
        return _with_mirror(_close_openings(model))

    def vertices(
        self, identity: np.ndarray | None = None, expression: np.ndarray | None = None
    ) -> np.ndarray:
        """Shape of one head.

        Args:
            identity: (<= K,) coefficients of the first modes, None for the mean head.
            expression: (<= E,) blendshape weights, None for a neutral face.

        Returns:
            (V, 3) float32 vertices, model units.

        Raises:
            DaganError: more coefficients than modes.
        """
        shape = self.mean.astype(np.float64)
        for label, values, modes in (
            ("identity", identity, self.identity_modes),
            ("expression", expression, self.expression_modes),
        ):
            if values is None:
                continue
            weights = np.asarray(values, np.float64)
            if weights.ndim != 1 or len(weights) > len(modes):
                raise DaganError(
                    f"{label} coefficients of shape {weights.shape}: expected at most "
                    f"({len(modes)},) for model {self.name!r}"
                )
            shape += np.tensordot(weights, modes[: len(weights)], axes=1)
        return shape.astype(np.float32)

    def boundary_loops(self) -> list[np.ndarray]:
        """Closed chains of the edges that only one triangle uses.

        Returns:
            Vertex indices of each loop, in the direction of its triangles; the longest first.
        """
        return _boundary_loops(self.triangles)


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise DaganError(f"{path}: no such head model file")
    try:
        archive = np.load(path, allow_pickle=False)
        if isinstance(archive, np.ndarray):
            raise DaganError(f"{path}: a single array, expected an npz archive of named arrays")
        with archive:
            return {name: archive[name] for name in archive.files}
    except DaganError:
        raise
    # A damaged archive fails in many ways, depending on which byte is wrong.
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise DaganError(f"{path}: not a readable npz head model ({error})") from error


def _assemble(arrays: dict[str, np.ndarray], source: str) -> MorphableModel:
    """Checks the arrays of a file and widens them to what the model promises."""
    missing = [name for name in _REQUIRED if name not in arrays]
    if missing:
        raise DaganError(f"{source}: head model lacks array(s) {', '.join(missing)}")

    def check(name: str, shape: tuple[int | None, ...], kinds: str) -> np.ndarray:
        array = arrays[name]
        fits = array.ndim == len(shape) and all(
            want is None or have == want for have, want in zip(array.shape, shape, strict=True)
        )
        if not fits or array.dtype.kind not in kinds:
            wanted = ", ".join("*" if n is None else str(n) for n in shape)
            raise DaganError(
                f"{source}: array {name!r} is {array.dtype} of shape {array.shape}, expected "
                f"shape ({wanted}) and a dtype of kind {kinds!r}"
            )
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise DaganError(f"{source}: array {name!r} has values that are not finite")
        return array

    def check_indices(name: str, shape: tuple[int | None, ...]) -> np.ndarray:
        array = check(name, shape, "iu")
        if array.size and (int(array.min()) < 0 or int(array.max()) >= size):
            raise DaganError(
                f"{source}: array {name!r} has indices {array.min()}..{array.max()}, expected "
                f"0..{size - 1}"
            )
        return array.astype(np.int32)

    mean = check("mean", (None, 3), "f")
    size = len(mean)
    modes = []
    for label in ("identity", "expression"):
        steps = check(f"{label}_q", (None, size, 3), "if")
        scale = check(f"{label}_scale", (len(steps),), "f")
        modes.append(steps.astype(np.float32) * scale.astype(np.float32)[:, None, None])
    names = check("expression_names", (len(modes[1]),), "U")
    mirror = check_indices("mirror", (size,)) if "mirror" in arrays else None
    return MorphableModel(
        name=str(arrays.get("name", Path(source).stem)),
        licence=str(arrays.get("licence", "unknown")),
        mean=mean.astype(np.float32),
        triangles=check_indices("triangles", (None, 3)),
        identity_modes=modes[0],
        expression_modes=modes[1],
        expression_names=tuple(str(name) for name in names),
        landmark_vertices=check_indices("landmarks68", (68,)),
        mirror=mirror,
    )


def _boundary_loops(triangles: np.ndarray) -> list[np.ndarray]:
    edges = {
        (int(a), int(b))
        for corners in ((0, 1), (1, 2), (2, 0))
        for a, b in triangles[:, list(corners)]
    }
    follow = {a: b for a, b in edges if (b, a) not in edges}
    loops = []
    while follow:
        start = min(follow)
        loop = [start]
        after = follow.pop(start)
        while after != start and after in follow:
            loop.append(after)
            after = follow.pop(after)
        if after == start and len(loop) >= 3:
            loops.append(np.array(loop, np.int32))
    return sorted(loops, key=len, reverse=True)


def _close_openings(model: MorphableModel) -> MorphableModel:
    loops = model.boundary_loops()
    if not loops:
        return model
    neck = min(loops, key=lambda loop: float(model.mean[loop, 1].mean()))
    openings = [loop for loop in loops if loop is not neck and len(loop) <= _LONGEST_FILLED_LOOP]
    if not openings:
        return model
    size = len(model.mean)
    fans = [
        # Against the rim's direction, so that the fan faces the way its surroundings do.
        np.stack([np.roll(loop, -1), loop, np.full_like(loop, size + i)], axis=1)
        for i, loop in enumerate(openings)
    ]

    def extend(points: np.ndarray) -> np.ndarray:
        centres = [points[..., loop, :].mean(axis=-2, keepdims=True) for loop in openings]
        return np.concatenate([points, *centres], axis=-2)

    mirror = model.mirror
    if mirror is not None:
        rims = [frozenset(loop.tolist()) for loop in openings]
        partners = [frozenset(mirror[loop].tolist()) for loop in openings]
        if not all(partner in rims for partner in partners):
            mirror = None
        else:
            added = [size + rims.index(partner) for partner in partners]
            mirror = np.concatenate([mirror, np.array(added, np.int32)])
    return replace(
        model,
        mean=extend(model.mean),
        triangles=np.concatenate([model.triangles, *fans]),
        identity_modes=extend(model.identity_modes),
        expression_modes=extend(model.expression_modes),
        mirror=mirror,
    )


def _with_mirror(model: MorphableModel) -> MorphableModel:
    """Finds each vertex's partner by position when the file does not name it."""
    if model.mirror is not None:
        return model
    middle = np.median(model.mean[model.landmark_vertices[27:31], 0])
    flipped = (model.mean - [middle, 0, 0]) * [-1, 1, 1] + [middle, 0, 0]
    distance, partner = cKDTree(model.mean).query(flipped)
    if distance.max() > _MIRROR_TOLERANCE * np.ptp(model.mean[:, 1]):
        return model
    return replace(model, mirror=partner.astype(np.int32))
