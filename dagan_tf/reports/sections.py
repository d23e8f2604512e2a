"""Ready-made sections of the report: samples, training curves, balance of poses."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dagan_tf.errors import DaganError
from dagan_tf.metrics.pose_histogram import PoseHistogram
from dagan_tf.reports.plots import Curve, plot_curves, plot_pose_histograms
from dagan_tf.reports.report import Chart, Grid, Measurement, Section

_CLOCKS = ("step", "images", "epoch")


def read_metrics(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Reads a metrics.jsonl: one JSON object of numbers a line.

    A line cut short at the end, as a killed training leaves it, is ignored; where a resumed
    training wrote a step again, the last writing counts.

    Args:
        path: The file.

    Returns:
        From a name to (N,) float64 values in order of the step; NaN where a line lacks the name.

    Raises:
        DaganError: The file is missing, or damaged elsewhere than at its end.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise DaganError(f"{path}: {error.strerror or error}") from None
    records: list[dict[str, Any]] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            if not isinstance(record, dict):
                raise ValueError
        except ValueError:
            if number == len(lines):
                break
            raise DaganError(f"{path}: line {number} is not a JSON object") from None
        records.append(record)
    clock = next((name for name in _CLOCKS if any(name in record for record in records)), None)
    if clock is not None:
        by_time = {record[clock]: record for record in records if clock in record}
        records = [by_time[time] for time in sorted(by_time)]
    names = {
        name
        for record in records
        for name, value in record.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool)
    }
    return {
        name: np.array([_number(record.get(name)) for record in records]) for name in sorted(names)
    }


def samples_section(
    rows: Sequence[tuple[str, Sequence[np.ndarray | None]]],
    *,
    columns: Sequence[str] = ("photo", "simulated", "refined", "reconstruction"),
    title: str = "Samples",
    text: str = "",
    caption: str = "",
) -> Section:
    """Returns a grid of faces, one row a view.

    Args:
        rows: Pairs of a name and as many uint8 images as columns; None = there is none.
        columns: What the columns show.
        title: Heading.
        text: Paragraphs above the grid.
        caption: Line below it.
    """
    return Section(title, text, blocks=[Grid(columns, rows, caption)])


# Heading, how to read it, and the names that belong together.
_PANELS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (
        "Reconstruction error",
        "L1 error of the discriminator's auto-encoder on real and on refined faces.",
        ("real_error", "refined_error"),
    ),
    (
        "Convergence L_con",
        "L(real) + |γ L(real) - L(refined)|; lower is better. A rise that lasts means collapse.",
        ("convergence",),
    ),
    (
        "Balance k",
        "The equilibrium's weight of refined faces in the discriminator's loss, from 0 to 1.",
        ("balance",),
    ),
    (
        "|refined - simulated|",
        "Mean absolute change that the refiner makes, of the range [-1, 1], and the pose loss. "
        "At 0 it is the identity map.",
        ("refinement", "pose_loss"),
    ),
    (
        "Losses",
        "What the generator and the discriminator minimise.",
        ("generator_loss", "discriminator_loss"),
    ),
    (
        "Identity",
        "Cross entropy of the identity classifier on real and on refined faces.",
        ("identity_loss_real", "identity_loss_refined"),
    ),
    (
        "Diversity",
        "Mean standard deviation of a pixel over a refined batch; 0 = all faces alike.",
        ("diversity",),
    ),
    (
        "Learning rates",
        "",
        ("generator_learning_rate", "discriminator_learning_rate"),
    ),
)
_NOT_PLOTTED = (*_CLOCKS, "time", "seconds", "wall_time")


def curves_section(metrics: dict[str, np.ndarray], *, title: str = "Training") -> Section:
    """Returns the curves of a training.

    Args:
        metrics: As `read_metrics` gives them. Names that belong together share a plot; every
            other number that changes gets its own, so that nothing logged is hidden.
        title: Heading.
    """
    clock = next((name for name in _CLOCKS if name in metrics), None)
    length = len(next(iter(metrics.values()))) if metrics else 0
    x = metrics[clock] if clock else np.arange(length, dtype=float)
    panels = []
    grouped: set[str] = set()
    for heading, caption, names in _PANELS:
        present = [name for name in names if name in metrics]
        grouped.update(present)
        if present:
            panels.append((heading, caption, present))
    for name, values in metrics.items():
        finite = values[np.isfinite(values)]
        changes = len(finite) > 0 and np.ptp(finite) > 0
        if changes and name not in grouped and name not in _NOT_PLOTTED:
            panels.append((name, "", [name]))
    charts = [
        Chart(
            heading,
            plot_curves([Curve(name, x, metrics[name]) for name in names], x_label=clock or ""),
            caption,
        )
        for heading, caption, names in panels
    ]
    text = "" if charts else "No metrics were logged."
    return Section(title, text, blocks=charts)


def pose_section(
    before: PoseHistogram,
    after: PoseHistogram,
    *,
    before_label: str = "photos",
    after_label: str = "photos and refined views",
    title: str = "Balance of poses",
) -> Section:
    """Returns the histograms of yaw before and after synthesis, with their entropies.

    Args:
        before: Of the photos.
        after: Of all images, over the same bins.
        before_label: What was counted before.
        after_label: What was counted after.
        title: Heading.
    """
    if not np.array_equal(before.edges, after.edges):
        raise ValueError("the histograms have different bins")
    plot = plot_pose_histograms(
        before.edges,
        before.counts,
        after.counts,
        before_label=before_label,
        after_label=after_label,
    )
    meaning = "entropy over its maximum; 0 = all in one bin of yaw, 1 = equally many in each"
    measurements = [
        Measurement(f"Balance, {label}", histogram.entropy, "", meaning)
        for label, histogram in ((before_label, before), (after_label, after))
    ]
    return Section(
        title,
        measurements=measurements,
        blocks=[Chart("Images a bin of yaw", plot, wide=True)],
    )


def _number(value: object) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    return float("nan")
