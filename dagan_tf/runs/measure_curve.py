"""How a refiner's faces fare as its training goes on, checkpoint by checkpoint."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import keras
import numpy as np
from tqdm import tqdm

from dagan_tf.core.files import write_bytes, writing_to
from dagan_tf.core.pixels import from_signed, to_signed
from dagan_tf.evaluation.bench import Bench, Question
from dagan_tf.evaluation.measure import value_of
from dagan_tf.loop.checkpoints import list_checkpoints
from dagan_tf.pretrained.model_folder import load_generator, read_identities
from dagan_tf.reports.measure_report import CREDITS
from dagan_tf.reports.plots import Curve, plot_curves
from dagan_tf.reports.report import Chart, Section, build_report, write_report
from dagan_tf.reports.sections import read_metrics
from dagan_tf.runs.measure import REPORT_NAME

CURVE_NAME = "curve.json"
# Measures that are printed and drawn, with what they are called there.
SHOWN = {
    "AUC, conv, whole image": "AUC of a small CNN that knows simulated",
    "fresh AUC, conv, whole image": "AUC of one that knows refined",
    "kernel distance, dlib": "kernel distance, dlib",
    "kernel distance, MobileFaceNet": "kernel distance, MobileFaceNet",
    "dlib distance to real photo of that side": "dlib distance, same person",
    "dlib rank-1": "dlib, rank-1",
}
# From a training's name to a row a checkpoint: step, minutes and the measures.
Curves = Mapping[str, Sequence[Mapping[str, float]]]


def run_curve(
    question: Question,
    model_dirs: Sequence[str],
    output: str | os.PathLike[str],
    *,
    every: int = 1,
    command: str = "",
) -> Curves:
    """Lets checkpoints refine the test people's views, measures, writes curve.json and report.html.

    Args:
        question: what is measured.
        model_dirs: folders of trainings, none of which saw the test people.
        output: folder of the results.
        every: take only every `every`-th checkpoint, and the last.
        command: goes into the page.

    Returns:
        What the file holds; a training's first row is that of the simulated views themselves.
    """
    bench = Bench(question)
    train = bench.images(question.simulated, bench.train)

    def measured(step: float, minutes: float, generator: keras.Model | None) -> dict[str, float]:
        test, own = bench.simulated, bench.judges
        if generator is not None:
            test, own = _refined(generator, test), bench.judges_of(_refined(generator, train))
        _, row = bench.column("faces", test, own)
        values = {one.name: value_of(figure) for one, figure in row.items()}
        found = {name: float(value) for name, value in values.items() if value is not None}
        return {"step": step, "minutes": minutes, **found}

    with writing_to(output) as folder:
        start = measured(0.0, 0.0, None)
        curves: dict[str, list[dict[str, float]]] = {}
        for model_dir in model_dirs:
            name = f"{len(read_identities(model_dir))} people"
            rows = curves.setdefault(
                name if name not in curves else f"{name}, {model_dir}", [start]
            )
            for step, minutes, path in tqdm(list(_checkpoints(model_dir, every)), desc=model_dir):
                rows.append(measured(step, minutes, load_generator(model_dir, checkpoint=path)))
        write_bytes(folder / CURVE_NAME, f"{json.dumps(curves, indent=2)}\n".encode())
        charts = [
            Chart(title, plot_curves(_curves_of(curves, key), x_label="minutes of training"))
            for key, title in SHOWN.items()
            if key in start
        ]
        page = build_report(
            [
                Section(
                    "Checkpoint by checkpoint", "Views of people no training saw.", blocks=charts
                )
            ],
            title="DA-GAN measured as its training goes on",
            commands=[command] if command else [],
            credits=CREDITS,
        )
        write_report(folder / REPORT_NAME, page)
        return curves


def _curves_of(curves: Curves, key: str) -> list[Curve]:
    return [
        Curve(
            name,
            np.array([row["minutes"] for row in rows]),
            np.array([row.get(key, np.nan) for row in rows]),
        )
        for name, rows in curves.items()
    ]


def curve_lines(curves: Curves) -> Iterator[str]:
    """The measures shown, as Markdown tables."""
    for name, rows in curves.items():
        keys = [key for key in SHOWN if key in rows[0]]
        yield f"\n{name}"
        yield "| minutes | " + " | ".join(SHOWN[key] for key in keys) + " |"
        for row in rows:
            values = " | ".join(f"{row[key]:.3f}" for key in keys)
            yield f"| {row['minutes']:.1f} | {values} |"


def _refined(refiner: keras.Model, images: np.ndarray) -> np.ndarray:
    answer = refiner.predict(to_signed(images), batch_size=32, verbose=0)
    return from_signed(answer)


def _checkpoints(model_dir: str, every: int) -> Iterator[tuple[int, float, str]]:
    """Step, minutes of training (logging and checkpoints left out) and path, oldest first."""
    metrics = read_metrics(Path(model_dir) / "metrics.jsonl")
    seconds = np.cumsum(np.diff(metrics["images"], prepend=0.0) / metrics["images_per_second"])
    minutes = {0: 0.0} | {
        int(step): spent / 60.0 for step, spent in zip(metrics["step"], seconds, strict=True)
    }
    paths = sorted(list_checkpoints(model_dir), key=_step)
    for place, path in enumerate(paths):
        if place % every == every - 1 or path == paths[-1]:
            step = _step(path)
            near = min(minutes, key=lambda known: abs(known - step))
            yield step, minutes[near], path


def _step(path: str) -> int:
    return int(path.rsplit("-", 1)[1])
