"""The experiment from folders to scores and report: crops, features, runs, comparison."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime, timezone
from pathlib import Path

from dagan_tf import __version__
from dagan_tf.core.files import write_text, writing_to
from dagan_tf.data.manifest import SKIPPED_NAME, SkippedRow
from dagan_tf.data.photos import check_apart, read_folder
from dagan_tf.errors import DaganError
from dagan_tf.loop.strategy import make_strategy
from dagan_tf.protocols.frll import read_frll
from dagan_tf.protocols.protocol import Protocol
from dagan_tf.protocols.readers import read_protocol
from dagan_tf.recognition.apart import hold_apart, people_of
from dagan_tf.recognition.backbones import check_files
from dagan_tf.recognition.comparison import Gain, group_summary, paired_gain
from dagan_tf.recognition.config import RecogniserConfig
from dagan_tf.recognition.crops import REAL, Crops, make_crops
from dagan_tf.recognition.features import training_values
from dagan_tf.recognition.groups import frll_groups, read_groups
from dagan_tf.recognition.people import SET_LAYOUTS, RealFace, list_training, merged, protocol_faces
from dagan_tf.recognition.people_interval import with_people
from dagan_tf.recognition.systems import Run, faces_of, run_systems
from dagan_tf.runs.experiment import (
    RUNS_NAME,
    Experiment,
    check_experiment,
    claim_output,
    unknown_people,
    views_of,
)
from dagan_tf.runs.recogniser_table import measures_of, summary

SCORES_NAME = "scores.json"
# What is held against what.
_COMPARED = (
    ("dagan", "b1"),
    ("dagan", "b2"),
    ("b2", "b1"),
    ("filtered", "b1"),
    ("filtered", "dagan"),
    ("pretrained", "b1"),
    ("pretrained", "b2"),
    ("real", "b1"),
    ("real", "dagan"),
)


def run_experiment(
    experiment: Experiment,
    config: RecogniserConfig,
    output: str | os.PathLike[str],
    *,
    command: str = "",
    devices: Sequence[str] = (),
    kept: str | os.PathLike[str] = "",
    workers: int = 1,
    report: bool = True,
    verbose: bool = True,
) -> tuple[list[Run], list[Gain]]:
    """Runs what has not been run yet and writes `scores.json` and `report.html`.

    Args:
        experiment: what to compare.
        config: the recogniser, the same for all systems.
        output: gets crops/, runs/, config.yaml, scores.json and report.html; an earlier one is
            continued.
        command: goes into scores.json.
        devices: see `make_strategy`.
        kept: folder of crops and features, which several experiments may share; "" is crops/ in the
            output.
        workers: processes that align.
        report: whether to write report.html.
        verbose: progress on stderr.

    Returns:
        All runs and the comparisons.

    Raises:
        DaganError: unusable input, people trained on and tested, or an output folder of another
            experiment.
    """
    check_experiment(experiment)
    check_files(config)
    folder = Path(output)
    training = list_training(experiment.train, experiment.layout, experiment.poses)
    check_apart(output, experiment.train)
    left_out: Sequence[SkippedRow] = ()
    if experiment.layout not in SET_LAYOUTS:
        left_out = read_folder(experiment.train, experiment.layout).left_out
    with writing_to(folder):
        protocol = _protocol(experiment, training)
        claim_output(folder, experiment, config)
        groups = _groups(experiment, training, protocol)
        views = views_of(experiment, folder, verbose=verbose)
        strange = list(unknown_people(views, {face.identity for face in training}))
        crops = make_crops(
            merged(training, protocol_faces(protocol)),
            views,
            kept or folder / "crops",
            config.crops,
            left_out=left_out,
            workers=workers,
            progress=verbose,
        )
        if verbose:
            _say_what_there_is(crops, protocol, strange)
        runs = run_systems(
            experiment.systems,
            protocol,
            training_values(crops, config, workers=workers, progress=verbose),
            crops,
            config,
            folder / RUNS_NAME,
            seeds=experiment.seeds,
            groups=groups,
            strategy=make_strategy(devices),
            verbose=verbose,
        )
        gains = with_people(
            _gains(runs, experiment.systems, protocol),
            runs,
            protocol,
            faces_of(protocol, crops),
            folder / RUNS_NAME,
        )
        scores = _scores(experiment, config, protocol, crops, runs, gains, command)
        write_text(folder / SCORES_NAME, json.dumps(scores, indent=1) + "\n")
        if report:
            # Plots are slow to import.
            from dagan_tf.reports.recogniser_report import write_experiment_report

            write_experiment_report(
                folder, runs, gains, protocol, crops, config=config, command=command
            )
        return runs, gains


def _protocol(experiment: Experiment, training: Sequence[RealFace]) -> Protocol:
    """The protocol, each split with the people to be trained on."""
    people = {face.identity for face in training}
    divide = replace(experiment.divide, reserved=experiment.reserved)
    if experiment.protocol == "frll":
        read = read_frll(
            experiment.tested,
            splits=experiment.splits,
            gallery=experiment.gallery,
            reserved=experiment.reserved,
            test_people=experiment.test_people,
        )
    else:
        read = read_protocol(experiment.protocol, experiment.tested)
        unknown = set(experiment.reserved) - people
        if unknown:
            raise DaganError(
                f"--reserved: person {min(unknown)!r} is none of the {len(people)} of --train"
            )
    return hold_apart(read, people, divide, one_set=experiment.one_set)


def _groups(
    experiment: Experiment, training: Sequence[RealFace], protocol: Protocol
) -> dict[str, dict[str, str]]:
    if experiment.groups:
        people = {face.identity for face in training}
        for split in protocol.splits:
            people |= people_of(split)
        return read_groups(Path(experiment.groups), people)
    return frll_groups(protocol.root) if experiment.protocol == "frll" else {}


def _say_what_there_is(crops: Crops, protocol: Protocol, strange: Sequence[str]) -> None:
    """What is trained on, who has only one photo, strangers, and whom no system can find."""
    counts = Counter(row.identity for row in crops.rows if row.kind == REAL)
    people = {name for split in protocol.splits for name in split.training_subjects.tolist()}
    alone = sorted(name for name in people if counts[name] == 1)
    missed = sum(face is None for face in faces_of(protocol, crops))
    kinds = Counter(row.kind for row in crops.rows)
    lines = [", ".join(f"{count} {kind} images" for kind, count in kinds.items()), *strange]
    if alone:
        lines.append(
            f"{len(alone)} of {len(people)} people to train on have one real photo"
            f" ({', '.join(alone[:3])}{', ...' if len(alone) > 3 else ''})"
        )
    if missed:
        lines.append(
            f"no face could be aligned in {missed} of {len(protocol.faces)} tested images: they"
            f" count as missed, see {crops.stores[0].folder / SKIPPED_NAME}"
        )
    print("\n".join(lines), file=sys.stderr, flush=True)


def _gains(runs: Sequence[Run], systems: Sequence[str], protocol: Protocol) -> list[Gain]:
    split = protocol.splits[0]
    tested = len(people_of(split)) or len(split.templates)
    trained = len(set(split.training_subjects.tolist()))
    return [
        paired_gain(runs, better, base, probes, measure, test_ratio=tested / trained)
        for better, base in _COMPARED
        if better in systems and base in systems
        for probes, measures in measures_of(runs).items()
        for measure in measures
    ]


def _scores(
    experiment: Experiment,
    config: RecogniserConfig,
    protocol: Protocol,
    crops: Crops,
    runs: Sequence[Run],
    gains: Sequence[Gain],
    command: str,
) -> dict[str, object]:
    kinds = [row.kind for row in crops.rows]
    return {
        "made": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "version": __version__,
        "command": command,
        "protocol": protocol.name,
        "tested": protocol.summary(),
        "experiment": {
            **asdict(experiment),
            "reserved": sorted(experiment.reserved),
            "test_people": sorted(experiment.test_people),
        },
        "people": {
            split.name: {
                "trained": len(split.training_subjects),
                "tested": len(people_of(split)),
            }
            for split in protocol.splits
        },
        "config": asdict(config),
        "images": {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)},
        "summary": summary(runs),
        "groups": group_summary(runs),
        "runs": [asdict(run) for run in runs],
        "paired": [asdict(gain) for gain in gains],
    }
