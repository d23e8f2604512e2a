"""Learns the packaged hairline, dagan_tf/simulator/head/assets/hairline.npz.

    python -m trainer.simulate --head --photos=FRLL --layout=frll --include='*_front/*' \
        --yaws=-82,-41,41,82 --output=VIEWS
    python -m trainer.pair --photos=FRLL --simulated=VIEWS --output=PAIRS
    python -m scripts.learn_hairline --simulated=VIEWS --pairs=PAIRS [--held_out=006,007]

FRLL is the Face Research Lab London Set (DeBruine and Jones 2017, CC BY 4.0), whose three-quarter
views and profiles are turned by about 41 and 82 degrees. On each real photo of
a turned head, laid on the view of the same person, every vertex is somewhere between the skin's
colour and the hair's. How far, at the side of the head, is regressed (ridge, low rank) on the same
figure as the person's front shows it. Prints the error on the people held out, of the hairline of
heads in general, of the mean and of the regression.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dagan_tf.core.files import write_whole
from dagan_tf.simulator.head.hairline import Hairline
from dagan_tf.simulator.head.mesh import Mesh
from dagan_tf.simulator.head.morphable_model import MorphableModel
from dagan_tf.simulator.head.regions import HeadRegions, head_regions, smoothstep
from dagan_tf.simulator.scene.colours import like_hair, sure_hair_and_skin
from dagan_tf.simulator.simulator import Simulator
from scripts.turned_photos import at_places, blurred, turned_photos

ASSET = Path(__file__).resolve().parents[1] / "dagan_tf/simulator/head/assets/hairline.npz"
# A full profile shows the side better than a three-quarter view does.
PROFILE = 3.0
# What is guessed lies between these heights above the brow and these distances before the jaw's
# upper end (landmarks 0 and 16), in face heights: up to the ears' front. It is known in at least
# this part of the views. Behind the ears the hairline depends on how the hair is worn.
BELOW, ABOVE, BEHIND, BEFORE, ENOUGH = -0.6, 0.6, -0.29, 0.75, 0.3
# What is read off the front is turned to it by these cosines in the mean.
READ = (0.05, 0.6)
# Numbers read off a front, numbers that change the guess, and the ridge.
READ_RANK, DRAWN_RANK, RIDGE = 20, 10, 10.0
# Rounds of smoothing over which the guess gives way to the hairline of heads in general.
BORDER = 1
# Rounds of smoothing of what is guessed.
SMOOTH = 1


class Side(NamedTuple):
    """One side of one head: whose, likeness to hair in the front and from the side, its weights."""

    person: str
    front: np.ndarray
    seen: np.ndarray
    side: np.ndarray
    weights: np.ndarray


class Listener(Hairline):
    """Hears what a photo's front says of hair, and leaves the hairline as it is."""

    def __init__(self) -> None:
        """Nothing heard yet."""
        self.heard: tuple[np.ndarray | None, np.ndarray] | None = None

    def hair(
        self, like_hair: np.ndarray | None, seen: np.ndarray, hair: np.ndarray, mirror: np.ndarray
    ) -> np.ndarray:
        """`hair`."""
        object.__setattr__(self, "heard", (like_hair, seen))
        return hair


def read(simulated: Path, pairs: Path, model: MorphableModel, regions: HeadRegions) -> list[Side]:
    """All sides of heads whose hair can be told from the skin; those of positive x mirrored."""
    mirror, listener = model.mirror, Listener()
    assert mirror is not None
    simulator = Simulator(model=replace(model, hairline=listener))
    sums: dict[tuple[str, bool], list[np.ndarray]] = {}
    fronts = {}
    for one in turned_photos(simulated, pairs, simulator):
        assert listener.heard is not None
        front, seen = listener.heard
        colours = at_places(blurred(one.photo), one.places)
        side = like_hair(colours, *sure_hair_and_skin(regions, one.facing), None)
        if front is None or side is None:
            continue
        there = at_places((one.mask > 0).astype(np.float32), one.places) > 0.9
        weights = there * smoothstep(0.05, 0.3, one.facing)
        weights = weights * (PROFILE if abs(one.yaw) > 67.5 else 1.0)
        # Turned to the subject's left, a head shows its right side: that of negative x.
        order = mirror if one.yaw < 0 else np.arange(len(mirror))
        key = (one.source, one.yaw < 0)
        fronts[key] = (one.person, front[order], seen[order])
        total = sums.setdefault(key, [np.zeros(len(order)), np.zeros(len(order))])
        total[0] += (weights * side)[order]
        total[1] += weights[order]
    return [
        Side(*fronts[key], total / np.maximum(weights, 1e-6), np.minimum(weights, 1.0))
        for key, (total, weights) in sums.items()
    ]


def learn(
    sides: list[Side], model: MorphableModel, regions: HeadRegions, facing: np.ndarray
) -> Hairline:
    """The map from a front's likeness to hair to its side's."""
    points = model.mean[model.landmark_vertices].astype(np.float64)
    above = (model.mean[:, 1] - points[17:27, 1].mean()) / regions.height
    before = (model.mean[:, 2] - points[[0, 16], 2].mean()) / regions.height
    there = (model.mean[:, 0] < 0.0) & (above > BELOW) & (above < ABOVE) & (before < BEFORE)
    there &= (regions.ear < 0.5) & (before > BEHIND)
    weights = np.stack([one.weights for one in sides])
    drawn = np.flatnonzero(there & (weights.mean(axis=0) > ENOUGH))
    read_off = np.flatnonzero(there & (facing > READ[0]) & (facing < READ[1]))
    inner = np.zeros(len(there), np.float32)
    inner[drawn] = 1.0
    mesh = Mesh(model.mean, model.triangles)
    # Under the ear and at the middle of the forehead what is known ends: no border to be soft at.
    shares = np.minimum(inner, 2.0 * np.maximum(mesh.smooth(inner, BORDER) - 0.5, 0.0))[drawn]
    known = weights[:, drawn]
    targets = np.stack([one.side for one in sides])[:, drawn]
    usual = (known * targets).sum(axis=0) / known.sum(axis=0)
    targets = np.where(known > 0.2, targets - usual, 0.0)
    fronts = np.stack([one.front for one in sides])[:, read_off]
    seen = np.stack([one.seen for one in sides])[:, read_off]
    centre = (fronts * seen).sum(axis=0) / np.maximum(seen.sum(axis=0), 1e-3)
    fronts = seen * (fronts - centre)
    front_modes = np.linalg.svd(fronts, full_matrices=False)[2][:READ_RANK].T
    modes = np.linalg.svd(targets, full_matrices=False)[2][:DRAWN_RANK]
    scores = fronts @ front_modes
    ridge = RIDGE * scores[:, 0].var() * np.eye(READ_RANK)
    slope = np.linalg.solve(scores.T @ scores + ridge, scores.T @ (targets @ modes.T))
    # No steps from vertex to vertex: strands make the hairline ragged, not the mesh.
    usual, *modes = (smoothed(values, drawn, mesh) for values in (usual, *modes))
    return Hairline(
        read_off.astype(np.int32), centre.astype(np.float32), drawn.astype(np.int32),
        usual.astype(np.float32), shares.astype(np.float32),
        (front_modes @ slope).astype(np.float32), np.asarray(modes, np.float32),
    )  # fmt: skip


def smoothed(values: np.ndarray, places: np.ndarray, mesh: Mesh) -> np.ndarray:
    """(Z,) smoothed over the mesh, among themselves."""
    whole, share = np.zeros((2, mesh.size), np.float32)
    whole[places], share[places] = values, 1.0
    return (mesh.smooth(whole, SMOOTH) / np.maximum(mesh.smooth(share, SMOOTH), 1e-3))[places]


def report(sides: list[Side], hairline: Hairline, regions: HeadRegions, mirror: np.ndarray) -> None:
    """Prints the mean distance to what the side shows, and how often hair and skin are confused."""
    known = np.stack([one.weights for one in sides])[:, hairline.drawn]
    truth = np.stack([one.side for one in sides])[:, hairline.drawn].clip(0.0, 1.0)
    drawn = [hairline.hair(one.front, one.seen, regions.hair, mirror) for one in sides]
    usual = [hairline.hair(None, one.seen, regions.hair, mirror) for one in sides]
    guesses = {
        "heads in general": np.tile(regions.hair[hairline.drawn], (len(sides), 1)),
        "the mean": np.stack(usual)[:, hairline.drawn],
        "this head": np.stack(drawn)[:, hairline.drawn],
    }
    for name, guess in guesses.items():
        off = (known * np.abs(guess - truth)).sum() / known.sum()
        wrong = (known * ((guess > 0.5) != (truth > 0.5))).sum() / known.sum()
        print(f"{name}: off by {off:.3f}, hair taken for skin or skin for hair {wrong:.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--simulated", type=Path, required=True)
    parser.add_argument("--pairs", type=Path, required=True)
    parser.add_argument("--held_out", default="", help="People kept from it, to measure on.")
    parser.add_argument("--output", type=Path, default=ASSET)
    args = parser.parse_args()
    model = MorphableModel.load()
    assert model.mirror is not None
    regions = head_regions(model.mean, model.landmark_vertices)
    held_out = set(filter(None, args.held_out.split(",")))
    facing = Mesh(model.mean, model.triangles).normals(model.mean)[:, 2]
    sides = read(args.simulated, args.pairs, model, regions)
    train = [one for one in sides if one.person not in held_out]
    hairline = learn(train, model, regions, facing)
    with write_whole(args.output) as partial, partial.open("wb") as stream:
        np.savez_compressed(stream, **vars(hairline))
    print(f"{len(train)} sides to learn from, written to {args.output}")
    report(
        [one for one in sides if one.person in held_out] or train, hairline, regions, model.mirror
    )


if __name__ == "__main__":
    main()
