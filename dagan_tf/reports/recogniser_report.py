"""The report of the experiment: the systems compared, then what every protocol's report shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from dagan_tf.errors import DaganError
from dagan_tf.protocols.features import FaceFeatures
from dagan_tf.protocols.protocol import Protocol
from dagan_tf.recognition.comparison import Gain, group_summary
from dagan_tf.recognition.config import RecogniserConfig
from dagan_tf.recognition.crops import Crops
from dagan_tf.recognition.systems import EMBEDDINGS_NAME, Run, faces_of
from dagan_tf.reports.protocol_report import CREDITS, recognition_sections
from dagan_tf.reports.report import Section, Table, Value, build_report, write_report
from dagan_tf.scoring.scoring import Settings, SystemScores, score_system

REPORT_NAME = "report.html"
_SETTINGS = Settings(fars=(0.1, 0.01), fpirs=())


def write_experiment_report(
    folder: Path,
    runs: Sequence[Run],
    gains: Sequence[Gain],
    protocol: Protocol,
    crops: Crops,
    *,
    config: RecogniserConfig,
    command: str,
) -> Path:
    """Writes `report.html`.

    Args:
        folder: of the experiment.
        runs: of all systems, splits and seeds.
        gains: their comparisons.
        protocol: theirs.
        crops: theirs.
        config: the recogniser's.
        command: that made them.

    Returns:
        The file.

    Raises:
        DaganError: a run whose embeddings cannot be read.
    """
    systems, features = scores_of_runs(runs, protocol, crops, folder / "runs")
    seeds = len({run.seed for run in runs})
    sections = [_compared(gains, seeds)]
    if any(run.groups for run in runs):
        sections.append(_by_group(runs))
    sections += recognition_sections(protocol, systems, features)
    html = build_report(
        sections,
        title=f"{protocol.name}: {', '.join(features)}",
        summary=f"{protocol.summary()}. Recogniser {config.name}, features"
        f" {config.crops.features}, head {config.head.form}.",
        commands=[command] if command else [],
        credits=list(CREDITS.values()),
    )
    return write_report(folder / REPORT_NAME, html)


def _compared(gains: Sequence[Gain], seeds: int) -> Section:
    rows: list[list[Value]] = [
        [
            f"{gain.better} over {gain.base}",
            gain.probes,
            gain.measure,
            f"{gain.mean:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]",
            f"[{gain.corrected_low:+.3f}, {gain.corrected_high:+.3f}]",
            None
            if np.isnan(gain.people_low)
            else f"[{gain.people_low:+.3f}, {gain.people_high:+.3f}]",
        ]
        for gain in gains
    ]
    text = (
        f"Differences on the same split and seed, mean of {seeds} seed(s), with Student's 95 %"
        " interval over splits; the next column allows for people shared between splits (Nadeau"
        " and Bengio, 2003), the last one is of a bootstrap over people and splits. All that"
        " follows below is of the first seed."
    )
    columns = ["systems", "probes", "measure", "difference", "corrected interval", "over people"]
    return Section("The systems compared", text, blocks=[Table(columns, rows)])


def _by_group(runs: Sequence[Run]) -> Section:
    tables = []
    for probes, groups in group_summary(runs).items():
        rows: list[list[Value]] = [
            [
                group,
                f"{figures['people']:.1f}",
                system,
                *(
                    f"{figures[name]:.3f}" if name in figures else None
                    for name in ("TAR", "FAR within", "rank-1")
                ),
            ]
            for group, systems in groups.items()
            for system, figures in systems.items()
        ]
        columns = ["group", "people tested a split", "system", "TAR", "FAR within", "rank-1"]
        tables.append(Table(columns, rows, probes))
    text = (
        "At the threshold that lets pass one in a hundred impostors among everybody: the share of"
        " each group's genuine pairs accepted, and of the impostor pairs within the group. Means"
        " over splits and seeds."
    )
    return Section("By group", text, blocks=list(tables))


def scores_of_runs(
    runs: Sequence[Run], protocol: Protocol, crops: Crops, folder: Path
) -> tuple[list[SystemScores], dict[str, FaceFeatures]]:
    """Scores each system's first seed by every split's own recogniser.

    Args:
        runs: of `run_systems`.
        protocol: theirs.
        crops: theirs; faces that could not be aligned are left out and counted.
        folder: of all runs.

    Returns:
        A system's scores each, and the first split's features by system.

    Raises:
        DaganError: a run that an earlier version left without embeddings.
    """
    places = faces_of(protocol, crops)
    present = np.array([place is not None for place in places])
    yaw = np.array([np.nan if place is None else crops.rows[place].yaw for place in places])
    systems: list[SystemScores] = []
    shown: dict[str, FaceFeatures] = {}
    for system in dict.fromkeys(run.system for run in runs):
        whole = SystemScores(system, "single images", ())
        for split in protocol.splits:
            run = next(r for r in runs if (r.system, r.split, r.seed) == (system, split.name, 0))
            faces = FaceFeatures(
                _features(run.place(folder) / EMBEDDINGS_NAME, present), present, yaw
            )
            shown.setdefault(system, faces)
            one = score_system(
                system, replace(protocol, splits=(split,)), faces, settings=_SETTINGS
            )
            whole = _joined(whole, one)
        systems.append(whole)
    return systems, shown


def _features(file: Path, present: np.ndarray) -> np.ndarray:
    try:
        found = np.load(file)
    except (OSError, ValueError) as error:
        raise DaganError(
            f"{file}: cannot be read ({error}); delete its folder to run again"
        ) from None
    features = np.zeros((len(present), found.shape[1]), np.float32)
    features[present] = found
    return features


def _joined(whole: SystemScores, one: SystemScores) -> SystemScores:
    for part, measures in one.figures.items():
        for measure, values in measures.items():
            whole.figures.setdefault(part, {}).setdefault(measure, []).extend(values)
        whole.refused.setdefault(part, {}).update(one.refused[part])
    return replace(whole, parts=whole.parts + one.parts, dropped={**whole.dropped, **one.dropped})
