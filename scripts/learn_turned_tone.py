"""Learns the packaged tone of turned heads, dagan_tf/simulator/head/assets/turned_tone.npz.

    python -m trainer.simulate --head --photos=FRLL --layout=frll --include='*_front/*' \
        --yaws=-82,-41,41,82 --output=VIEWS
    python -m trainer.pair --photos=FRLL --simulated=VIEWS --output=PAIRS
    python scripts/learn_turned_tone.py --simulated=VIEWS --pairs=PAIRS [--held_out=006,007]
    python scripts/learn_turned_tone.py --simulated=AGAIN --pairs=PAIRS --again [--held_out=006,007]

FRLL is the Face Research Lab London Set (DeBruine and Jones 2017, CC BY 4.0), whose three-quarter
views and profiles are turned by about 41 and 82 degrees. VIEWS are to be made
without a tone: `--blank` writes one that changes nothing. Each real photo lies on its view (PAIRS)
and is moved onto it once more by an optical flow of shading; at every vertex that the view shows,
the logarithm of the photo's colour over the view's is taken, left and right together. Kept are its
robust mean over people, smoothed over the mesh, hair and skin apart, and what of the rest follows
from the brightness of the lower face in the front (ridge regression on its main components). A view
shows less than the whole tone, as its brightness is held below a limit: what is left in AGAIN,
views made with it, is added to its mean. Prints the error before, with the mean and with both,
on the people held out if there are any.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dagan_tf.simulator.head.mesh import Mesh
from dagan_tf.simulator.head.morphable_model import MorphableModel
from dagan_tf.simulator.head.regions import HeadRegions, head_regions, smoothstep
from dagan_tf.simulator.head.turned_tone import (
    DARKEST,
    MOST,
    SHARE_STEP,
    STEP,
    TurnedTone,
    described,
)
from dagan_tf.simulator.registration import shading_flow
from dagan_tf.simulator.simulator import Simulator
from scripts.turned_photos import at_places, blurred, turned_photos

ASSET = Path(__file__).resolve().parents[1] / "dagan_tf/simulator/head/assets/turned_tone.npz"
# How far the set's people are turned, degrees.
TURNS = (41, 82)
# Observations of no change added to each vertex, and the deviation from which on one counts less.
PRIOR, ROBUST = 2.0, 0.25
# A vertex is known if it was seen in this part of the views; how strongly it holds the filling.
ENOUGH, HOLD = 0.15, 2.0
# No tone is stronger than this, nats: what is, lies on something else in the photo.
STRONGEST = 0.8
# On the middle of the face so little of it is believed: beside a nose in profile the backdrop gets
# in, where photo and view do not agree, and what a front shows well keeps its tone anyway.
MIDDLE = 0.05
# Rounds of smoothing over which the hairline must be away: there hair lies on another's skin.
HAIRLINE = 6
# Hair is brightened by no more: on the nape it is skin that is brighter than the hair laid there.
MOST_HAIR = 0.2
# Of the person: main components of the lower face's brightness, the ridge, and the largest rest
# that is believed, nats.
COMPONENTS, RIDGE, BELIEVED = 6, 10.0, 0.7
# The lower face is what a front shows at this cosine or more, the cheeks at the second.
LOWER_FACING, CHEEK_FACING = 0.45, 0.6


class Seen(NamedTuple):
    """One view: whose, its turn, (V, 3) logarithms, (V,) weights, what the front says of it."""

    person: str
    turn: int
    logs: np.ndarray
    weights: np.ndarray
    front: np.ndarray


class Face(NamedTuple):
    """(C,) and (F,) int32: vertices of the cheeks, and of the lower face on one side."""

    cheeks: np.ndarray
    lower: np.ndarray


def face_of(model: MorphableModel, regions: HeadRegions) -> Face:
    """Where a front is read: beside the nose, where no beard grows, and where a beard grows."""
    facing = Mesh(model.mean, model.triangles).normals(model.mean)[:, 2]
    points, height = model.mean[model.landmark_vertices].astype(np.float64), regions.height
    brow, chin, mouth = points[17:27, 1].mean(), points[8, 1], points[48:60, 1].mean()
    x, y = model.mean[:, 0], model.mean[:, 1].astype(np.float64)
    face = (regions.front > 0.5) & (regions.mouth < 0.05)
    cheeks = face & (np.abs(x) > 0.2 * height) & (y < brow - 0.33 * height) & (y > mouth)
    lower = face & (y < points[33, 1]) & (y > chin - 0.05 * height) & (x <= 0.0)
    return Face(
        np.flatnonzero(cheeks & (facing > CHEEK_FACING)).astype(np.int32),
        np.flatnonzero(lower & (facing > LOWER_FACING)).astype(np.int32),
    )


def read(simulated: Path, pairs: Path, simulator: Simulator, face: Face) -> list[Seen]:
    """All views that have a photo, those to the right mirrored."""
    mirror = simulator.model.mirror
    assert mirror is not None
    unseen = np.full(len(face.lower) + 1, np.nan)
    out = []
    for one in turned_photos(simulated, pairs, simulator):
        there = at_places((one.mask == 255).astype(np.float32), one.places) > 0.9
        weights = there * smoothstep(0.1, 0.45, one.facing)
        moved = one.places + at_places(shading_flow(one.view, one.photo, one.mask > 0), one.places)
        logs = np.log(at_places(blurred(one.photo), moved) + DARKEST) - np.log(
            at_places(blurred(one.view), one.places) + DARKEST
        )
        texture = one.front.texture
        front = described(texture.local, texture.visible, mirror, *face, unseen)
        if one.yaw < 0:
            logs, weights = logs[mirror], weights[mirror]
        turn = round(abs(one.yaw))
        out.append(Seen(one.person, turn, logs, weights.astype(np.float32), front))
    return out


def learn(seen: list[Seen], mesh: Mesh, regions: HeadRegions) -> tuple[np.ndarray, np.ndarray]:
    """(Y, V, 3) mean logarithms, and (Y, V) how well they are known."""
    hair = regions.hair > 0.5
    near_hair = mesh.smooth(regions.hair, HAIRLINE)
    apart = ((near_hair < 0.03) | (near_hair > 0.85)) * (
        1.0 - (1.0 - MIDDLE) * regions.middle * regions.front
    )
    out, known = [], []
    for turn in TURNS:
        logs = np.stack([one.logs for one in seen if one.turn == turn])
        given = np.stack([one.weights for one in seen if one.turn == turn])
        weights, mean = given, np.zeros(logs.shape[1:])
        for _ in range(4):
            mean = (weights[..., None] * logs).sum(axis=0) / (weights.sum(axis=0) + PRIOR)[:, None]
            off = np.sqrt(((logs - mean) ** 2).mean(axis=2))
            weights = given / np.maximum(1.0, off / ROBUST)
        known.append(np.clip(given.sum(axis=0) / (ENOUGH * len(logs)), 0.0, 1.0) * apart)
        filled = mesh.fill(mean.astype(np.float32), HOLD * known[-1], hair)
        filled = smoothed(filled, mesh, hair)
        out.append(filled)
    return held_in_hair(np.asarray(out, np.float32), regions), np.asarray(known, np.float32)


def held_in_hair(logs: np.ndarray, regions: HeadRegions) -> np.ndarray:
    """(Y, V, 3) the same, hair brightened by no more than `MOST_HAIR`."""
    return np.where(regions.hair[:, None] > 0.5, np.minimum(logs, MOST_HAIR), logs)


def smoothed(values: np.ndarray, mesh: Mesh, hair: np.ndarray) -> np.ndarray:
    """(V, 3) a little smoother, hair and skin apart."""
    for _ in range(2):
        parts = []
        for part in (hair, ~hair):
            share = part.astype(np.float32)[:, None]
            parts.append(mesh.smooth(values * share) / np.maximum(mesh.smooth(share), 1e-3))
        values = np.where(hair[:, None], *parts)
    return values


def learn_person(
    seen: list[Seen], logs: np.ndarray, known: np.ndarray, mesh: Mesh, regions: HeadRegions
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The tone's `centre`, `inwards` and `shares`."""
    hair = regions.hair > 0.5
    fronts = np.stack([one.front for one in seen])
    centre = fronts.mean(axis=0)
    off = fronts - centre
    inwards = np.zeros((len(centre), COMPONENTS + 1))
    inwards[:-1, :-1] = np.linalg.svd(off[:, :-1], full_matrices=False)[2][:COMPONENTS].T
    inwards[-1, -1] = 1.0
    # All by the first one's deviation: the lesser components are held by the ridge.
    numbers = off @ inwards
    inwards[:, :-1] /= numbers[:, 0].std()
    inwards[:, -1] /= numbers[:, -1].std()
    shares = []
    for turn, mean, sure in zip(TURNS, logs, known, strict=True):
        some = [one for one in seen if one.turn == turn]
        numbers = np.stack([one.front for one in some]) - centre
        numbers = np.clip(numbers @ inwards, -MOST, MOST)
        rest = np.stack(
            [
                np.where(
                    one.weights[:, None] > 0.2, np.clip(one.logs - mean, -BELIEVED, BELIEVED), 0.0
                )
                for one in some
            ]
        )
        ridge = RIDGE * np.eye(numbers.shape[1])
        slope = np.linalg.solve(
            numbers.T @ numbers + ridge, np.tensordot(numbers.T, rest, 1).reshape(len(ridge), -1)
        ).reshape(len(ridge), *mean.shape)
        # Of hair and ears nothing follows from the face.
        slope *= (sure * ~hair * (1.0 - regions.ear))[:, None]
        shares.append([smoothed(each.astype(np.float32), mesh, hair) for each in slope])
    return centre, inwards, np.swapaxes(np.asarray(shares, np.float32), 0, 1)


def report(seen: list[Seen], tone: TurnedTone, regions: HeadRegions) -> None:
    """Prints mean |log| before, with the mean, and with the person's, by turn and part."""
    plain = (regions.hair < 0.5) & (regions.ear < 0.5)
    parts = {
        "all": np.ones(len(plain), bool),
        "face": regions.front > 0.5,
        "side": plain & (regions.front < 0.5) & regions.skull,
        "ear": regions.ear > 0.5,
        "hair": regions.hair > 0.5,
        "neck": ~regions.skull,
    }
    for turn, mean, shares in zip(TURNS, tone.logs, np.swapaxes(tone.shares, 0, 1), strict=True):
        some = [one for one in seen if one.turn == turn]
        own = [
            np.tensordot(np.clip((one.front - tone.centre) @ tone.inwards, -MOST, MOST), shares, 1)
            for one in some
        ]
        for name, part in parts.items():
            total = sum(float(one.weights[part].sum()) for one in some)
            errors = [
                sum(
                    float((one.weights * np.abs(one.logs - less).mean(axis=1))[part].sum())
                    for one, less in zip(some, guesses, strict=True)
                )
                / total
                for guesses in (
                    [np.zeros_like(mean)] * len(some),
                    [mean] * len(some),
                    [mean + person for person in own],
                )
            ]
            print(f"{turn} degrees, {name}: " + " -> ".join(f"{error:.3f}" for error in errors))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--simulated", type=Path)
    parser.add_argument("--pairs", type=Path)
    parser.add_argument("--held_out", default="", help="People kept from it, to measure on.")
    parser.add_argument("--output", type=Path, default=ASSET)
    parser.add_argument("--again", action="store_true", help="Correct the packaged one's mean.")
    parser.add_argument("--blank", action="store_true", help="Write one that changes nothing.")
    args = parser.parse_args()
    model = MorphableModel.load()
    mesh = Mesh(model.mean, model.triangles)
    regions = head_regions(model.mean, model.landmark_vertices)
    face = face_of(model, regions)
    turns = np.array(TURNS, np.float32)
    if args.blank:
        logs = np.zeros((len(TURNS), *model.mean.shape), np.float32)
        none = np.zeros(len(face.lower) + 1, np.float32)
        write(args.output, TurnedTone(turns, logs, *face, none, none[:, None], logs[None]))
        return
    held_out = set(filter(None, args.held_out.split(",")))
    seen = read(args.simulated, args.pairs, Simulator(model=model), face)
    train = [one for one in seen if one.person not in held_out]
    logs, known = learn(train, mesh, regions)
    measured = [one for one in seen if one.person in held_out] or train
    if args.again:
        made_with = TurnedTone.load()
        both = held_in_hair(made_with.logs + logs, regions)
        tone = replace(made_with, logs=both)
        left = replace(tone, logs=logs, shares=np.zeros_like(tone.shares))
    else:
        person = learn_person(train, logs, known, mesh, regions)
        left = tone = TurnedTone(turns, logs, *face, *person)
    write(args.output, replace(tone, logs=np.clip(tone.logs, -STRONGEST, STRONGEST)))
    print(f"{len(train)} views to learn from, written to {args.output}")
    report(measured, left, regions)


def write(path: Path, tone: TurnedTone) -> None:
    arrays = {key: value for key, value in vars(tone).items() if key not in ("logs", "shares")}
    arrays["centre"], arrays["inwards"] = (
        arrays[key].astype(np.float32) for key in ("centre", "inwards")
    )
    arrays["steps"], arrays["share_steps"] = (
        np.clip(np.rint(values / step), -127, 127).astype(np.int8)
        for values, step in ((tone.logs, STEP), (tone.shares, SHARE_STEP))
    )
    np.savez_compressed(path, **arrays)


if __name__ == "__main__":
    main()
