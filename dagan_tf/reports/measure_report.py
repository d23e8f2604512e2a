"""The page of `trainer.measure`: the table, which side is better, samples and training curves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from dagan_tf.evaluation.bench import Bench
from dagan_tf.evaluation.measure import Measure, Row, value_of
from dagan_tf.metrics.bootstrap import Interval
from dagan_tf.metrics.pose_histogram import pose_histogram
from dagan_tf.reports.plots import plot_bars
from dagan_tf.reports.report import (
    Block,
    Chart,
    Measurement,
    Section,
    Table,
    Value,
    build_report,
    write_report,
)
from dagan_tf.reports.sections import curves_section, pose_section, read_metrics, samples_section

CREDITS = (
    "Landmarks and the 128-D embedding: dlib's models; the 68-point model was trained on iBUG "
    "300-W, which is not for commercial use. MobileFaceNet (192-D) was used for measuring only.",
)
_CAPTION = (
    "Real: photos of the test people before the same judges; its distances are to photos of the "
    "training people, so in the spaces of identity networks they also hold the difference between "
    "people. Pass as real: judges trained once, on real and simulated faces of the training "
    "people. They are easily fooled by whatever the simulated faces all share: to add the mean "
    "difference between real and simulated faces is enough. Fresh AUC: judges trained on real "
    "faces and the column's own kind, which know the refiner's own marks; the harder test. "
    "Two-sample: cross-validated by person on the test people alone. Identity is measured on views "
    "of other photos than those in the gallery, rank-1 against one frontal photo of everybody. "
    "Approach: distance before less distance after, of each face; above 0 refining brought it "
    "nearer. Margins still tell degrees where an AUC is 1. Kernel and Fréchet distances are on "
    "features standardised by real photos of the training people; they are neither KID nor FID."
)


def write_measure_report(
    path: Path,
    bench: Bench,
    columns: Mapping[str, Row],
    gains: Mapping[str, Interval],
    *,
    refined: np.ndarray,
    model_dir: str | None = None,
    samples: int = 12,
    command: str = "",
    credits: Sequence[str] = (),
) -> Path:
    """Writes the page.

    Args:
        path: the file.
        bench: what was measured.
        columns: "simulated", "refined" and "real", each by measure.
        gains: kernel distance of simulated minus refined, by feature space.
        refined: (N, S, S, 3) uint8, of the bench's test views.
        model_dir: of the refiner's training, for curves and reconstructions.
        samples: rows of the grid.
        command: that measured.
        credits: a line for each set of photos.

    Returns:
        The file.
    """
    facts = bench.facts
    sections = [
        _outcome(columns, gains, facts),
        _samples(bench, refined, model_dir, samples),
    ]
    if model_dir and (Path(model_dir) / "metrics.jsonl").exists():
        sections.append(curves_section(read_metrics(Path(model_dir) / "metrics.jsonl")))
    sources = {pair.source.path: pair.source for pair in (*bench.test, *bench.train)}
    yaws = [face.yaw for item in sources.values() if (face := bench.reals.get(item))]
    turned = [pair.view.yaw for pair in (*bench.test, *bench.train)]
    sections.append(pose_section(pose_histogram(yaws), pose_histogram([*yaws, *turned])))
    page = build_report(
        sections,
        title="DA-GAN measured on people: simulated and refined against real",
        summary=(
            f"{facts['test views']} views of {facts['test people']} people the refiner never saw,"
            f" at {facts['image size']} pixels, held against real photos of the same people from"
            " the same sides. Read the intervals (95 %, over people)."
        ),
        commands=[command] if command else [],
        credits=[*credits, *CREDITS],
    )
    return write_report(path, page)


def table_rows(columns: Mapping[str, Row]) -> list[list[Value]]:
    """The table: a measure's name, a figure a column, and whether the refined one is better."""
    measures = list(dict.fromkeys(one for row in columns.values() for one in row))
    return [
        [one.name, *(columns[column].get(one) for column in columns), verdict(one, columns)]
        for one in measures
    ]


def verdict(measure: Measure, columns: Mapping[str, Row]) -> str:
    """Whether the refined figure is the better one: "yes" or "no", "" where neither is better."""
    before, after = (value_of(columns[name].get(measure)) for name in ("simulated", "refined"))
    if measure.better is None or before is None or after is None:
        return ""
    better = measure.is_better(after, before)
    return "equal" if better is None else "yes" if better else "no"


def _outcome(
    columns: Mapping[str, Row], gains: Mapping[str, Interval], facts: Mapping[str, object]
) -> Section:
    rows = table_rows(columns)
    verdicts = Counter(row[-1] for row in rows if row[-1])
    blocks: list[Block] = [Table(["measure", *columns, "refined better"], rows, _CAPTION)]
    for judge in [one for one in columns["real"] if one.name.startswith("pass as real")]:
        bars = {
            column: (share.value, share.low, share.high)
            for column, row in columns.items()
            if isinstance(share := row[judge], Interval)
        }
        blocks.append(
            Chart(judge.name[0].upper() + judge.name[1:], plot_bars(bars, x_label="share"))
        )
    measurements = [
        Measurement(
            f"Gain in kernel distance, {space}",
            gain,
            "",
            "simulated minus refined, both to real; above 0 = refining brought faces nearer",
        )
        for space, gain in gains.items()
    ]
    text = (
        f"Of {sum(verdicts.values())} measures that know a better side, the refined faces are "
        f"better on {verdicts['yes']}, worse on {verdicts['no']}. Judges learned from "
        f"{facts['training people']} people, {facts['real training photos']} real photos."
    )
    return Section("Outcome", text, measurements, blocks)


def _samples(bench: Bench, refined: np.ndarray, model_dir: str | None, count: int) -> Section:
    first: dict[str, int] = {}
    for place, pair in enumerate(bench.test):
        # Left and right in turn; of each person the first such view, whatever it looks like.
        person = pair.view.identity
        if person not in first and (pair.view.yaw > 0) == bool(len(first) % 2):
            first[person] = place
    places = list(first.values())[:count]
    back = None
    if model_dir:
        from dagan_tf.evaluation.reconstruction import reconstruct

        back = reconstruct(model_dir, refined[places])
    columns = ["photo", "simulated", "refined", "real photo"]
    if back is not None:
        columns.insert(3, "reconstruction")
    rows = []
    for number, place in enumerate(places):
        pair = bench.test[place]
        source, real = bench.reals.get(pair.source), bench.reals.get(pair.real)
        assert source is not None
        assert real is not None
        images = [source.crop, bench.simulated[place], refined[place], real.crop]
        if back is not None:
            images.insert(3, back[number])
        rows.append((f"{pair.view.identity} at {pair.view.yaw:+.0f}°", images))
    caption = (
        "The first test people in the order of their names, left and right in turn; none was "
        "picked by its looks. The real photo is of the same person and was not used for the view."
    )
    return samples_section(rows, columns=columns, caption=caption)
