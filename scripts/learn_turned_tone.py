"""Learns the packaged tone of turned heads, dagan_tf/simulator/head/assets/turned_tone.npz.

    python -m trainer.simulate --head --photos=FRLL --layout=frll --include='*_front/*' \
        --yaws=-90,-45,45,90 --output=VIEWS
    python -m trainer.pair --photos=FRLL --simulated=VIEWS --output=PAIRS
    python scripts/learn_turned_tone.py --simulated=VIEWS --pairs=PAIRS [--held_out=006,007]

FRLL is the Face Research Lab London Set (DeBruine and Jones 2017, CC BY 4.0). VIEWS are to be made
without a tone: `--blank` writes one that changes nothing. Each real photo lies on its view (PAIRS)
and is moved onto it once more by an optical flow of shading; at every vertex that the view shows,
the logarithm of the photo's colour over the view's is taken, left and right together. Its robust
mean over people, smoothed over the mesh, hair and skin apart, is what is kept. Prints the error
before and after, on the people held out if there are any.
"""

import argparse
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from dagan_tf.data.manifest import ManifestRow, read_manifest
from dagan_tf.faces.photo_io import read_photo
from dagan_tf.simulator.fitting.framing import frame_camera
from dagan_tf.simulator.head.mesh import Mesh
from dagan_tf.simulator.head.morphable_model import MorphableModel
from dagan_tf.simulator.head.regions import HeadRegions, head_regions, smoothstep
from dagan_tf.simulator.head.turned_tone import STEP
from dagan_tf.simulator.render.camera import Pose
from dagan_tf.simulator.render.rasterizer import rasterize
from dagan_tf.simulator.render.sampling import sample
from dagan_tf.simulator.simulator import Simulator

ASSET = Path(__file__).resolve().parents[1] / "dagan_tf/simulator/head/assets/turned_tone.npz"
TURNS = (45, 90)
# Added to levels before the logarithm: black hair is black by more than its noise.
DARKEST = 10.0
# Observations of no change added to each vertex, and the deviation from which on one counts less.
PRIOR, ROBUST = 2.0, 0.25
# A vertex is known if it was seen in this part of the views; how strongly it holds the filling.
ENOUGH, HOLD = 0.15, 0.5
# Rounds of smoothing over which the hairline must be away: there hair lies on another's skin.
HAIRLINE = 6
# Hair is brightened by no more: on the nape it is skin that is brighter than the hair laid there.
MOST_HAIR = 0.2


class Seen(NamedTuple):
    """One view: whose, its turn, (V, 3) logarithms, (V,) weights."""

    person: str
    turn: int
    logs: np.ndarray
    weights: np.ndarray


def read(simulated: Path, pairs: Path, simulator: Simulator) -> list[Seen]:
    """All views that have a photo, those to the right mirrored."""
    model = simulator.model
    assert model.mirror is not None
    mesh = Mesh(model.mean, model.triangles)
    photos = {row.path: row for row in read_manifest(pairs)}
    by_source: dict[str, list[ManifestRow]] = {}
    for row in read_manifest(simulated):
        if row.path in photos:
            by_source.setdefault(row.source, []).append(row)
    out = []
    for source, rows in sorted(by_source.items()):
        photo = read_photo(Path(source))
        fit = simulator.fit(photo)
        vertices = simulator.prepare(photo, fit).vertices
        for row in rows:
            view, real = read_photo(simulated / row.path), read_photo(pairs / row.path)
            inside = read_photo(pairs / photos[row.path].mask_path)[..., 0]
            camera = frame_camera(model, fit, Pose(row.yaw, row.pitch), view.shape[0])
            placed = camera.project(vertices)
            facing = (mesh.normals(vertices) @ camera.rotation.T.astype(np.float32))[:, 2]
            depth = rasterize(placed, model.triangles, *view.shape[:2]).depth
            at = np.clip(np.rint(placed[:, :2]).astype(int), 0, view.shape[0] - 1)
            near = placed[:, 2] > depth[at[:, 1], at[:, 0]] - 4.0
            near &= (np.abs(placed[:, :2] - at) < 1.0).all(axis=1)
            there = at_places((inside == 255).astype(np.float32), placed[:, :2]) > 0.9
            weights = near * there * smoothstep(0.1, 0.45, facing)
            moved = placed[:, :2] + at_places(flow(view, real, inside > 0), placed[:, :2])
            logs = np.log(at_places(blurred(real), moved) + DARKEST) - np.log(
                at_places(blurred(view), placed[:, :2]) + DARKEST
            )
            if row.yaw < 0:
                logs, weights = logs[model.mirror], weights[model.mirror]
            out.append(Seen(row.identity, round(abs(row.yaw)), logs, weights.astype(np.float32)))
    return out


def at_places(image: np.ndarray, places: np.ndarray) -> np.ndarray:
    """(V, ...) samples at (V, 2) places."""
    return sample(image, places[None].astype(np.float32))[0]


def blurred(image: np.ndarray) -> np.ndarray:
    """A float32 image without its pores."""
    return cv2.GaussianBlur(image.astype(np.float32), (0, 0), 1.0)


def flow(view: np.ndarray, real: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """(S, S, 2) float32 pixels from a view to the photo that lies on it, smooth and small."""
    share = inside.astype(np.float32)
    around = cv2.GaussianBlur(share, (0, 0), 10.0) + 1e-3

    def shading(image: np.ndarray) -> np.ndarray:
        grey = np.log(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32) + DARKEST)
        off = (grey - cv2.GaussianBlur(grey * share, (0, 0), 10.0) / around) * share
        strength = np.sqrt(cv2.GaussianBlur(off * off, (0, 0), 14.0) / around + 0.03**2)
        return np.clip(128.0 + 40.0 * off / strength, 0, 255).astype(np.uint8)

    found = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    found.setVariationalRefinementAlpha(40.0)
    moved = found.calc(shading(view), shading(real), None)  # type: ignore[call-overload]
    return np.clip(cv2.GaussianBlur(moved, (0, 0), 4.0), -6.0, 6.0)


def learn(seen: list[Seen], mesh: Mesh, regions: HeadRegions) -> np.ndarray:
    """(Y, V, 3) mean logarithms."""
    hair = regions.hair > 0.5
    near_hair = mesh.smooth(regions.hair, HAIRLINE)
    apart = (near_hair < 0.03) | (near_hair > 0.85)
    out = []
    for turn in TURNS:
        logs = np.stack([one.logs for one in seen if one.turn == turn])
        given = np.stack([one.weights for one in seen if one.turn == turn])
        weights, mean = given, np.zeros(logs.shape[1:])
        for _ in range(4):
            mean = (weights[..., None] * logs).sum(axis=0) / (weights.sum(axis=0) + PRIOR)[:, None]
            off = np.sqrt(((logs - mean) ** 2).mean(axis=2))
            weights = given / np.maximum(1.0, off / ROBUST)
        known = np.clip(given.sum(axis=0) / (ENOUGH * len(logs)), 0.0, 1.0) * apart
        filled = mesh.fill(mean.astype(np.float32), HOLD * known, hair)
        for _ in range(2):
            parts = []
            for part in (hair, ~hair):
                share = part.astype(np.float32)[:, None]
                parts.append(mesh.smooth(filled * share) / np.maximum(mesh.smooth(share), 1e-3))
            filled = np.where(hair[:, None], *parts)
        out.append(np.where(hair[:, None], np.minimum(filled, MOST_HAIR), filled))
    return np.asarray(out, np.float32)


def report(seen: list[Seen], logs: np.ndarray, regions: HeadRegions) -> None:
    """Prints mean |log| before and after, by turn and part of the head."""
    plain = (regions.hair < 0.5) & (regions.ear < 0.5)
    parts = {
        "all": np.ones(len(plain), bool),
        "face": regions.front > 0.5,
        "side": plain & (regions.front < 0.5) & regions.skull,
        "ear": regions.ear > 0.5,
        "hair": regions.hair > 0.5,
        "neck": ~regions.skull,
    }
    for turn, mean in zip(TURNS, logs, strict=True):
        some = [one for one in seen if one.turn == turn]
        for name, part in parts.items():
            total = sum(float(one.weights[part].sum()) for one in some)
            before, after = (
                sum(
                    float((one.weights * np.abs(one.logs - less).mean(axis=1))[part].sum())
                    for one in some
                )
                / total
                for less in (0.0, mean)
            )
            print(f"{turn} degrees, {name}: {before:.3f} -> {after:.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--simulated", type=Path)
    parser.add_argument("--pairs", type=Path)
    parser.add_argument("--held_out", default="", help="People kept from it, to measure on.")
    parser.add_argument("--output", type=Path, default=ASSET)
    parser.add_argument("--blank", action="store_true", help="Write one that changes nothing.")
    args = parser.parse_args()
    model = MorphableModel.load()
    if args.blank:
        write(args.output, np.zeros((len(TURNS), len(model.mean), 3)))
        return
    mesh = Mesh(model.mean, model.triangles)
    regions = head_regions(model.mean, model.landmark_vertices)
    held_out = set(filter(None, args.held_out.split(",")))
    seen = read(args.simulated, args.pairs, Simulator(model=model))
    train = [one for one in seen if one.person not in held_out]
    logs = learn(train, mesh, regions)
    write(args.output, logs)
    print(f"{len(train)} views to learn from, written to {args.output}")
    report([one for one in seen if one.person in held_out] or train, logs, regions)


def write(path: Path, logs: np.ndarray) -> None:
    steps = np.clip(np.rint(logs / STEP), -127, 127).astype(np.int8)
    np.savez_compressed(path, turns=np.array(TURNS, np.float32), steps=steps)


if __name__ == "__main__":
    main()
