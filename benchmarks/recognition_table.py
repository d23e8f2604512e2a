"""What makes the gain of synthetic views: yaws, views a photo, their share, refined, alignment.

python -m benchmarks.recognition_table --train=FRLL --simulated=DIR [--refined=DIR]
    --backbone=MobileFaceNet.tflite --crops=DIR --output=TABLE.md [--reserved=A,B] [--splits=20]
python -m benchmarks.recognition_table --train=PEOPLE --layout=folder --protocol=PEOPLE/probes.csv
    --divide=10 --test_share=0.5 --simulated=DIR ... --output=TABLE.md

The cheap form: a solved head on the frozen network's features, each crop's and its mirror image's
added up, which are computed once; a row takes seconds. OUTPUT gets the table in Markdown, every row
against b-1: mean over splits, the 95 % interval over splits, and in brackets the one that allows
for people shared between splits. One thing is varied at a time, around views of 60 degrees and
more that are half of what is shown.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from absl import flags

from benchmarks.solved_heads import runs_of
from dagan_tf.core.files import write_text
from dagan_tf.core.program import run_app
from dagan_tf.protocols.frll import read_frll
from dagan_tf.protocols.protocol import Protocol
from dagan_tf.protocols.readers import read_protocol
from dagan_tf.recognition.apart import Division, hold_apart, people_of
from dagan_tf.recognition.config import CropConfig, NetworkConfig
from dagan_tf.recognition.crops import REAL, Crops, make_crops
from dagan_tf.recognition.people import list_training, merged, protocol_faces

if TYPE_CHECKING:
    from dagan_tf.recognition.systems import Run

FLAGS = flags.FLAGS
flags.DEFINE_string("train", None, "As of trainer.recognise.", required=True)
flags.DEFINE_string("layout", "frll", "Likewise.")
flags.DEFINE_string("protocol", "frll", "Likewise.")
flags.DEFINE_string("data", "", "Likewise.")
flags.DEFINE_string(
    "simulated", None, "Likewise; of as many yaws as shall be tried.", required=True
)
flags.DEFINE_string("refined", "", "Likewise.")
flags.DEFINE_list("reserved", [], "Likewise.")
flags.DEFINE_integer("splits", 10, "Likewise.")
flags.DEFINE_enum("gallery", "both", ["neutral", "smiling", "both"], "Likewise.")
flags.DEFINE_integer("divide", 0, "Likewise.")
flags.DEFINE_float("test_share", 0.5, "Likewise.")
flags.DEFINE_string("crops", None, "Likewise.", required=True)
flags.DEFINE_integer("workers", 2, "Likewise.")
flags.DEFINE_string("backbone", None, "A TFLite or Keras file at 112 pixels.", required=True)
flags.DEFINE_float("frozen", 0.9, "Share of its layers whose output is kept beside the crops.")
flags.DEFINE_list("alignments", ["five_points", "canonical"], "Of the crops.")
flags.DEFINE_float("shrinkage", 0.3, "Of the solved head.")
flags.DEFINE_integer("dimensions", 96, "Of the solved head.")
flags.DEFINE_string("output", None, "File of the table.", required=True)

_MAX_YAW = 60.0
_BATCH = 128
_AND = " and "
# Of the times that a real image is shown.
_MOST = 12


@dataclass(frozen=True)
class Case:
    """One row.

    Attributes:
        name: what it says of itself.
        kind: of the views; "" = none; "simulated and refined" = both.
        least: views turned less are not shown, degrees.
        most: nor those turned further.
        per_photo: views of a photo at most, 0 = all.
        share: of what is shown, views.
        alignment: of all crops.
        every_yaw: real photos of every yaw are shown, the ceiling.
    """

    name: str
    kind: str = ""
    least: float = 60.0
    most: float = 90.0
    per_photo: int = 0
    share: float = 0.5
    alignment: str = "five_points"
    every_yaw: bool = False


def cases(kinds: list[str], yaws: list[float], alignment: str) -> Iterator[Case]:
    """All rows of an alignment; the first is b-1, the last the ceiling.

    Args:
        kinds: of views.
        yaws: absolute ones that there are, degrees.
        alignment: of the crops.
    """
    yield Case("b-1", alignment=alignment)
    for kind in kinds:
        yield Case(f"{kind}, 60 to 90", kind, alignment=alignment)
        if alignment != "five_points":
            continue
        for low, high in ((0.0, 60.0), (70.0, 90.0), (80.0, 90.0), (90.0, 90.0), (0.0, 90.0)):
            if any(low <= yaw <= high for yaw in yaws):
                yield Case(f"{kind}, {low:g} to {high:g}", kind, low, high)
        for number in (1, 2, 4):
            yield Case(f"{kind}, 60 to 90, {number} a photo", kind, per_photo=number)
        for share in (0.1, 0.25, 0.75, 0.9):
            yield Case(f"{kind}, 60 to 90, {share:.0%} of what is shown", kind, share=share)
    if len(kinds) > 1:
        both = _AND.join(kinds)
        yield Case(f"{both}, 60 to 90", both, alignment=alignment)
    yield Case("real at every yaw", alignment=alignment, every_yaw=True)


def times_shown(case: Case, crops: Crops) -> np.ndarray:
    """(N,) int, how often each crop is shown."""
    yaws = np.abs([row.yaw for row in crops.rows])
    kinds = np.array([row.kind for row in crops.rows])
    real = (kinds == REAL) & ((yaws <= _MAX_YAW) | case.every_yaw)
    views = np.isin(kinds, case.kind.split(_AND)) & (yaws >= case.least) & (yaws <= case.most)
    if case.per_photo:
        sources = np.array([row.source for row in crops.rows])
        rng = np.random.default_rng(0)
        for source in np.unique(sources[views]):
            own = np.flatnonzero(views & (sources == source))
            views[rng.permutation(own)[case.per_photo :]] = False
    times = real.astype(int)
    if views.any():
        ratio = case.share / (1.0 - case.share) * real.sum() / views.sum()
        # Whole numbers of times that give the share nearly.
        nearly = max(Fraction(1, _MOST), Fraction(ratio).limit_denominator(_MOST))
        times[views], times[real] = nearly.numerator, nearly.denominator
    return times


def features_of(crops: Crops, backbone: str) -> np.ndarray:
    """(N, D) float32 of length 1, of each crop and its mirror image together."""
    from dagan_tf.metrics.templates import normalised
    from dagan_tf.recognition.backbones import build_parts
    from dagan_tf.recognition.features import frozen_layers

    # What trainer.recognise keeps of crops for its own trainings with this share serves here too.
    settings = NetworkConfig(backbone=backbone, frozen=FLAGS.frozen, dimensions=0)
    kept = frozen_layers(crops, settings)
    rest = build_parts(settings, crops.images.shape[1:])[1]
    found = []
    for start in range(0, len(kept), _BATCH):
        rows = kept[start : start + _BATCH].astype(np.float32)
        both = [np.asarray(rest(rows[:, side], training=False)) for side in (0, 1)]
        found.append(both[0] + both[1])
    return normalised(np.concatenate(found))


def read(people: set[str]) -> Protocol:
    """The protocol of the flags, held apart from those trained on."""
    division = Division(FLAGS.divide, FLAGS.test_share, reserved=FLAGS.reserved)
    root = FLAGS.data or FLAGS.train
    if FLAGS.protocol == "frll":
        protocol = read_frll(
            root, splits=FLAGS.splits, reserved=FLAGS.reserved, gallery=FLAGS.gallery
        )
    else:
        protocol = read_protocol(FLAGS.protocol, root)
    return hold_apart(protocol, people, division, one_set=True)


def lines_of(runs: "dict[str, list[Run]]", base: str, test_ratio: float) -> Iterator[str]:
    """The table: each row's figures of the last kind of probe, and its gain over b-1."""
    from dagan_tf.metrics.spread import over_splits
    from dagan_tf.recognition.comparison import paired_gain
    from dagan_tf.recognition.scores import MEASURES

    probes = list(runs[base][0].figures)[-1]
    measures = [m for m in MEASURES if all(m in run.figures[probes] for run in runs[base])]
    yield f"| shown besides real photos, {probes} | {' | '.join(measures)} |"
    yield f"|{'---|' * (1 + len(measures))}"
    for name, own in runs.items():
        cells = []
        for measure in measures:
            spread = over_splits([run.figures[probes][measure] for run in own])
            text = f"{spread.mean:.3f}"
            if name != base:
                gain = paired_gain(
                    [*own, *runs[base]], name, base, probes, measure, test_ratio=test_ratio
                )
                wide = gain.corrected_high - gain.mean
                text += f", {gain.mean:+.3f} ± {gain.high - gain.mean:.3f} [{wide:.3f}]"
            cells.append(text)
        yield f"| {name} | {' | '.join(cells)} |"


def main(argv: list[str]) -> None:
    del argv
    training = list_training(FLAGS.train, FLAGS.layout)
    protocol = read({face.identity for face in training})
    faces = merged(training, protocol_faces(protocol))
    synthetic = {"simulated": FLAGS.simulated}
    if FLAGS.refined:
        synthetic["refined"] = FLAGS.refined
    split = protocol.splits[0]
    ratio = len(people_of(split)) / len(set(split.training_subjects.tolist()))
    before: list[str] = []
    for alignment in FLAGS.alignments:
        settings = CropConfig(image_size=112, alignment=alignment)
        crops = make_crops(faces, synthetic, FLAGS.crops, settings, workers=FLAGS.workers)
        values = features_of(crops, FLAGS.backbone)
        yaws = [abs(row.yaw) for row in crops.rows if row.kind != REAL]
        runs: dict[str, list[Run]] = {}
        known: list[np.ndarray] = []
        for case in cases(list(synthetic), yaws, alignment):
            times = times_shown(case, crops)
            # Where there are fewer yaws some rows would be the same.
            if any(np.array_equal(times, other) for other in known):
                continue
            known.append(times)
            runs[case.name] = runs_of(
                case.name,
                values,
                times,
                crops,
                protocol,
                shrinkage=FLAGS.shrinkage,
                dimensions=FLAGS.dimensions,
            )
            # Row by row: whoever stops it keeps what there is.
            lines = [f"Crops aligned as {alignment}:", "", *lines_of(runs, "b-1", ratio)]
            print(lines[-1], flush=True)
            write_text(Path(FLAGS.output), "\n".join([*before, *lines]) + "\n")
        before += [*lines, ""]


if __name__ == "__main__":
    run_app(main, uses_tensorflow=True)
