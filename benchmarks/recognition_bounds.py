"""How much a perfect refiner could add to simulated views: bounds of a `trainer.recognise` run.

python -m benchmarks.recognition_bounds --run=OUT

OUT is the output of `trainer.recognise` with frozen features, a solved head (dlib-discriminant) and
--reserved people. Its heads are solved anew on features that no pixels gave: the simulated ones
moved by the mean difference to real profiles, of each side, that the reserved people show, or
mapped to them by ridge regression; and on real profiles instead. Printed as well: how far the
means of synthetic and real profiles lie apart, of the people whom the refiner never saw.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from absl import flags

from benchmarks.solved_heads import runs_of
from dagan_tf.core.program import run_app
from dagan_tf.errors import DaganError
from dagan_tf.metrics.spread import over_splits
from dagan_tf.metrics.templates import normalised
from dagan_tf.protocols.frll import read_frll
from dagan_tf.recognition.config import load_recogniser_config
from dagan_tf.recognition.crops import Crops, make_crops
from dagan_tf.recognition.people import list_training, merged, protocol_faces
from dagan_tf.simulator.profile_frame import PROFILE_YAW

if TYPE_CHECKING:
    from dagan_tf.recognition.systems import Run

FLAGS = flags.FLAGS
flags.DEFINE_string("run", None, "Output folder of trainer.recognise.", required=True)
flags.DEFINE_float("ridge", 0.2, "Weight of the regression's penalty.", lower_bound=0.0)


class Rows:
    """Who and what each crop is, as arrays."""

    def __init__(self, crops: Crops, reserved: set[str]) -> None:
        self.people = np.array([row.identity for row in crops.rows])
        self.kinds = np.array([row.kind for row in crops.rows])
        self.yaws = np.array([row.yaw for row in crops.rows])
        self.reserved = np.isin(self.people, sorted(reserved))
        self.profile = (self.kinds == "real") & (np.abs(self.yaws) >= PROFILE_YAW)

    def side(self, sign: int) -> np.ndarray:
        """Rows that show the head turned to one side."""
        return np.asarray(np.sign(self.yaws) == sign)


def moved(features: np.ndarray, rows: Rows, kind: str) -> np.ndarray:
    """Features of a kind moved, on each side, onto the mean of the reserved real profiles."""
    out = features.copy()
    for sign in (-1, 1):
        own = (rows.kinds == kind) & rows.side(sign)
        out[own] = features[own] + _step(features, rows, kind, sign, rows.reserved)
    return normalised(out)


def steps_apart(features: np.ndarray, rows: Rows, kind: str) -> list[float]:
    """Distance of a kind's mean to that of the real profiles, left and right, nobody reserved."""
    return [
        float(np.linalg.norm(_step(features, rows, kind, sign, ~rows.reserved))) for sign in (-1, 1)
    ]


def _step(features: np.ndarray, rows: Rows, kind: str, sign: int, who: np.ndarray) -> np.ndarray:
    """From the mean of a kind to that of the real profiles, on one side, of the rows `who`."""
    shown = rows.side(sign) & who
    aim = features[rows.profile & shown].mean(axis=0)
    return np.asarray(aim - features[(rows.kinds == kind) & shown].mean(axis=0))


def mapped(features: np.ndarray, rows: Rows, kind: str, penalty: float) -> np.ndarray:
    """Features of a kind mapped to the same reserved person's real profiles, on each side."""
    out = features.copy()
    for sign in (-1, 1):
        own = (rows.kinds == kind) & rows.side(sign)
        source, target = [], []
        for person in np.unique(rows.people[own & rows.reserved]):
            real = rows.profile & rows.side(sign) & (rows.people == person)
            if real.any():
                views = features[own & (rows.people == person)]
                source.append(views)
                target.append(np.broadcast_to(features[real].mean(axis=0), views.shape))
        x, y = np.concatenate(source).astype(float), np.concatenate(target).astype(float)
        middle, aim = x.mean(axis=0), y.mean(axis=0)
        x, y = x - middle, y - aim
        weights = np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ y)
        out[own] = (features[own] - middle) @ weights + aim
    return normalised(out)


def main(argv: list[str]) -> None:
    from dagan_tf.loop.checkpoints import CONFIG_NAME
    from dagan_tf.recognition.comparison import paired_gain
    from dagan_tf.recognition.features import frozen_features
    from dagan_tf.recognition.scores import MEASURES
    from dagan_tf.runs.recognisers import SCORES_NAME

    del argv
    folder = Path(FLAGS.run)
    scores = json.loads((folder / SCORES_NAME).read_text("utf-8"))
    experiment = scores["experiment"]
    photos, reserved = experiment["train"], set(experiment["reserved"])
    synthetic = {k: path for k, path in experiment["synthetic"].items() if k in scores["images"]}
    config = load_recogniser_config(folder / CONFIG_NAME)
    if not reserved or not synthetic or config.head.form != "discriminant":
        raise DaganError(
            f"--run={FLAGS.run}: expected reserved people, synthetic views and a solved head"
        )
    protocol = read_frll(photos, splits=experiment["splits"], reserved=reserved)
    faces = merged(list_training(photos, "frll"), protocol_faces(protocol))
    crops = make_crops(faces, synthetic, folder / "crops", config.crops)
    kept = frozen_features(crops, config.crops)
    features = kept[np.arange(len(kept))]
    rows = Rows(crops, reserved)
    base = (rows.kinds == "real") & (np.abs(rows.yaws) <= config.crops.max_yaw)
    cases = {"real to three-quarter (b-1)": (features, base)}
    for kind in synthetic:
        use = base | (rows.kinds == kind)
        cases[f"and {kind}"] = features, use
        cases[f"and {kind}, mean moved"] = moved(features, rows, kind), use
        cases[f"and {kind}, mapped"] = mapped(features, rows, kind, FLAGS.ridge), use
    cases["and real profiles of the reserved"] = features, base | (rows.profile & rows.reserved)
    cases["and real profiles"] = features, base | rows.profile
    found: list[Run] = []
    for name, (values, use) in cases.items():
        found += runs_of(
            name,
            values,
            use,
            crops,
            protocol,
            shrinkage=config.head.shrinkage,
            dimensions=config.network.dimensions,
        )
    against = f"and {next(iter(synthetic))}"
    print(f"| trained on | {' | '.join(MEASURES)} | over '{against}': {' | '.join(MEASURES)} |")
    print(f"|{'---|' * (1 + 2 * len(MEASURES))}")
    for name in cases:
        cells = []
        for measure in MEASURES:
            own = [run.figures["profile"][measure] for run in found if run.system == name]
            spread = over_splits(own)
            cells.append(f"{spread.mean:.3f} ± {spread.std:.3f}")
        for measure in MEASURES:
            gain = paired_gain(found, name, against, "profile", measure)
            cells.append(f"{gain.mean:+.3f} ± {gain.high - gain.mean:.3f}")
        print(f"| {name} | {' | '.join(cells)} |")
    for kind in synthetic:
        left, right = steps_apart(features, rows, kind)
        print(f"{kind}: mean {left:.3f} (left) and {right:.3f} (right) from that of real profiles")


if __name__ == "__main__":
    run_app(main, uses_tensorflow=True)
