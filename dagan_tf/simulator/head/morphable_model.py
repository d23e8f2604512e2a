"""3D morphable model of the head: mean shape + identity modes + expression blendshapes.

Blanz and Vetter, SIGGRAPH 1999, with expressions added linearly. The packaged model is CC0 (see
assets/HEAD.md); any other model stored under the same array names can be loaded instead.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from os import PathLike
from pathlib import Path

import numpy as np

from dagan_tf.errors import DaganError
from dagan_tf.simulator.head import openings
from dagan_tf.simulator.head.ears import Ear
from dagan_tf.simulator.head.formats.reader import read_model_arrays
from dagan_tf.simulator.head.hairline import Hairline
from dagan_tf.simulator.head.nape import nape_offsets
from dagan_tf.simulator.head.packaged import read_packaged
from dagan_tf.simulator.head.relief import Relief
from dagan_tf.simulator.head.turned_tone import TurnedTone

_REQUIRED = (
    "mean",
    "triangles",
    "identity_q",
    "identity_scale",
    "expression_q",
    "expression_scale",
    "expression_names",
)
# iBUG landmark on the other side of the face.
# fmt: off
OTHER_SIDE = (
    16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 26, 25, 24, 23, 22, 21, 20, 19, 18,
    17, 27, 28, 29, 30, 35, 34, 33, 32, 31, 45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40, 54, 53,
    52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65,
)
# fmt: on


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
        landmark_vertices: (68,) int32, the vertex of each iBUG landmark on a frontal face. Those
            that lie between vertices are vertices of their own, at the end, of no triangle.
        mirror: (V,) int32, the vertex on the other side of the face, or None for a model that is
            not symmetric.
        relief: how far its faces stand out beyond what the modes say, or None if unknown.
        turned_tone: how its colours change when it turns, or None if unknown.
        hairline: how its hair ends at the side, or None for a hairline like everybody's.
        nape: (V, 3) float32, what makes its neck as thin as necks are, or None.
        ear: what is drawn in place of its own ears, or None.
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
    relief: Relief | None = None
    turned_tone: TurnedTone | None = None
    hairline: Hairline | None = None
    nape: np.ndarray | None = None
    ear: Ear | None = None

    @classmethod
    def load(cls, path: str | PathLike[str] | None = None) -> MorphableModel:
        """Reads a model and closes its eye and mouth openings.

        Each closed boundary loop of at most 120 edges, but for the outermost (the neck), is
        closed by a fan around the mean of its vertices, which moves with them in every mode:
        otherwise a turned head would show the inside of its back through the eyes.

        Args:
            path: a model of any kind in docs/face-models.md; None for the packaged CC0 head.

        Returns:
            The model.

        Raises:
            DaganError: the file is absent, of no known kind, or its arrays do not fit together.
        """
        if path is None:
            arrays = read_packaged("head.npz")
            source = "packaged head model"
        else:
            arrays = read_model_arrays(Path(path))
            source = str(path)
        model = _assemble(arrays, source)
        whole = _with_landmarks(_with_mirror(_close_openings(model)), arrays)
        if path is not None:
            return whole
        return replace(
            whole,
            relief=Relief.load(),
            turned_tone=TurnedTone.load(),
            hairline=Hairline.load(),
            nape=nape_offsets(whole.mean, whole.landmark_vertices),
            ear=Ear.load(),
        )

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
        shapes = (self.mean, self.identity_modes, self.expression_modes)
        return self._mixed(shapes, identity, expression)

    def landmarks(
        self, identity: np.ndarray | None = None, expression: np.ndarray | None = None
    ) -> np.ndarray:
        """The 68 vertices at the landmarks, (68, 3), at a small part of what `vertices` costs."""
        return self._mixed(self._at_landmarks, identity, expression)

    @cached_property
    def _at_landmarks(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        at = self.landmark_vertices
        return self.mean[at], self.identity_modes[:, at], self.expression_modes[:, at]

    def _mixed(
        self,
        shapes: tuple[np.ndarray, np.ndarray, np.ndarray],
        identity: np.ndarray | None,
        expression: np.ndarray | None,
    ) -> np.ndarray:
        """(N, 3) float32: mean (N, 3), modes (K, N, 3) and (E, N, 3), weighted."""
        mean, *modes_of = shapes
        shape = mean.astype(np.float64)
        for label, values, modes in zip(
            ("identity", "expression"), (identity, expression), modes_of, strict=True
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
        return openings.boundary_loops(self.triangles)


def _assemble(arrays: dict[str, np.ndarray], source: str) -> MorphableModel:
    """Checks the arrays of a file and widens them to what the model promises."""
    placed = "landmarks68_corners" in arrays or "landmarks68_weights" in arrays
    marks = ("landmarks68_corners", "landmarks68_weights") if placed else ("landmarks68",)
    missing = [name for name in (*_REQUIRED, *marks) if name not in arrays]
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
    if placed:
        corners = check_indices("landmarks68_corners", (68, 3))
        weights = check("landmarks68_weights", (68, 3), "f")
        if np.abs(weights.sum(axis=1) - 1).max() > 1e-3:
            raise DaganError(f"{source}: array 'landmarks68_weights' has rows that do not sum to 1")
        landmarks = corners[np.arange(68), weights.argmax(axis=1)]
    else:
        landmarks = check_indices("landmarks68", (68,))
    return MorphableModel(
        name=str(arrays.get("name", Path(source).stem)),
        licence=str(arrays.get("licence", "unknown")),
        mean=mean.astype(np.float32),
        triangles=check_indices("triangles", (None, 3)),
        identity_modes=modes[0],
        expression_modes=modes[1],
        expression_names=tuple(str(name) for name in names),
        landmark_vertices=landmarks,
        mirror=mirror,
    )


def _close_openings(model: MorphableModel) -> MorphableModel:
    loops = openings.openings_to_close(model.mean, model.triangles)
    if not loops:
        return model

    def extend(points: np.ndarray) -> np.ndarray:
        centres = [points[..., loop, :].mean(axis=-2, keepdims=True) for loop in loops]
        return np.concatenate([points, *centres], axis=-2)

    mirror = None if model.mirror is None else openings.mirror_of_fans(model.mirror, loops)
    return replace(
        model,
        mean=extend(model.mean),
        triangles=np.concatenate([model.triangles, openings.fans(loops, len(model.mean))]),
        identity_modes=extend(model.identity_modes),
        expression_modes=extend(model.expression_modes),
        mirror=mirror,
    )


def _with_mirror(model: MorphableModel) -> MorphableModel:
    """Finds each vertex's partner by position when the file does not name it."""
    if model.mirror is not None:
        return model
    middle = float(np.median(model.mean[model.landmark_vertices[27:31], 0]))
    return replace(model, mirror=openings.mirror_by_position(model.mean, middle))


def _with_landmarks(model: MorphableModel, arrays: dict[str, np.ndarray]) -> MorphableModel:
    """Appends a vertex for each landmark that lies between vertices."""
    if "landmarks68_corners" not in arrays:
        return model
    corners = arrays["landmarks68_corners"].astype(np.int64)
    weights = arrays["landmarks68_weights"].astype(np.float32)
    between = np.flatnonzero(weights.max(axis=1) < 1 - 1e-6)
    if not len(between):
        return model

    def extend(points: np.ndarray) -> np.ndarray:
        mixed = np.einsum("nc,...ncx->...nx", weights[between], points[..., corners[between], :])
        return np.concatenate([points, mixed.astype(np.float32)], axis=-2)

    landmarks = model.landmark_vertices.copy()
    landmarks[between] = len(model.mean) + np.arange(len(between))
    mirror = model.mirror
    if mirror is not None:
        mirror = np.concatenate([mirror, landmarks[np.array(OTHER_SIDE)[between]]])
    return replace(
        model,
        mean=extend(model.mean),
        identity_modes=extend(model.identity_modes),
        expression_modes=extend(model.expression_modes),
        landmark_vertices=landmarks,
        mirror=mirror,
    )
