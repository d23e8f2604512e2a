"""The experiment from folders to scores and report: crops, features, runs, comparison."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

from dagan_tf import __version__
from dagan_tf.config.settings import ConfigError, save_config
from dagan_tf.data.photos import list_photos
from dagan_tf.errors import DaganError
from dagan_tf.loop.checkpoints import CONFIG_NAME, write_text
from dagan_tf.loop.strategy import make_strategy
from dagan_tf.metrics.intervals import over_splits
from dagan_tf.protocols.frll import read_frll
from dagan_tf.protocols.protocol import Protocol
from dagan_tf.recognition.comparison import Gain, paired_gain
from dagan_tf.recognition.config import RecogniserConfig, load_recogniser_config
from dagan_tf.recognition.crops import Crops, make_crops
from dagan_tf.recognition.features import frozen_features
from dagan_tf.recognition.systems import MEASURES, SYSTEMS, Run, run_systems
from dagan_tf.reports.recogniser_report import write_experiment_report

SCORES_NAME = "scores.json"
# What may change between two runs into one folder.
_COMPARED = (("dagan", "b1"), ("dagan", "b2"), ("b2", "b1"))


@dataclass(frozen=True)
class Experiment:
    """What is compared, on what.

    Attributes:
        photos: folder of real photos in layout `frll`.
        synthetic: folders by kind: `simulated`, `refined`.
        systems: of `SYSTEMS`.
        splits: number of divisions of the people.
        seeds: number of seeds.
        reserved: people never under test (see `read_frll`).
    """

    photos: str
    synthetic: dict[str, str]
    systems: Sequence[str]
    splits: int = 10
    seeds: int = 3
    reserved: Collection[str] = ()


def run_experiment(
    experiment: Experiment,
    config: RecogniserConfig,
    output: str | os.PathLike[str],
    *,
    command: str = "",
    devices: Sequence[str] = (),
    report: bool = True,
    verbose: bool = True,
) -> tuple[list[Run], list[Gain]]:
    """Runs what has not been run yet and writes `scores.json` and `report.html`.

    Args:
        experiment: what to compare.
        config: the recogniser, the same for all systems.
        output: gets crops/, runs/, config.yaml, scores.json and report.html; an earlier one is gone
            on with.
        command: goes into scores.json.
        devices: see `make_strategy`.
        report: whether to write report.html.
        verbose: progress on stderr.

    Returns:
        All runs and the comparisons.

    Raises:
        DaganError: unusable input, or an output folder of another experiment.
    """
    for system in experiment.systems:
        if system not in SYSTEMS:
            raise DaganError(f"system {system!r}: expected one of {', '.join(SYSTEMS)}")
        kind = SYSTEMS[system]
        if kind and not experiment.synthetic.get(kind):
            raise DaganError(f"system {system!r} needs the folder of {kind} images: --{kind}")
    if min(experiment.splits, experiment.seeds) < 1:
        raise DaganError(
            f"splits = {experiment.splits}, seeds = {experiment.seeds}: expected 1 or more"
        )
    folder = Path(output)
    _claim(folder, experiment, config)
    needed = {SYSTEMS[system] for system in experiment.systems}
    protocol = read_frll(experiment.photos, splits=experiment.splits, reserved=experiment.reserved)
    crops = make_crops(
        list_photos(experiment.photos, "frll"),
        {kind: path for kind, path in experiment.synthetic.items() if kind in needed},
        folder / "crops",
        image_size=config.crops.image_size,
        progress=verbose,
    )
    values = crops.images
    if config.crops.features != "none":
        values = frozen_features(crops, folder / "crops", config.crops, progress=verbose)
    runs = run_systems(
        experiment.systems,
        protocol,
        values,
        crops,
        config,
        folder / "runs",
        seeds=experiment.seeds,
        strategy=make_strategy(devices),
        verbose=verbose,
    )
    gains = _gains(runs, experiment.systems, protocol)
    write_text(
        folder / SCORES_NAME,
        json.dumps(_scores(experiment, config, crops, runs, gains, command), indent=1) + "\n",
    )
    if report:
        write_experiment_report(
            folder, runs, gains, protocol, crops, config=config, command=command
        )
    return runs, gains


def _gains(runs: Sequence[Run], systems: Sequence[str], protocol: Protocol) -> list[Gain]:
    split = protocol.splits[0]
    tested = len(set(split.templates.subjects.tolist()))
    trained = len(set(split.training_subjects.tolist()))
    return [
        paired_gain(runs, better, base, probes, measure, test_ratio=tested / trained)
        for better, base in _COMPARED
        if better in systems and base in systems
        for probes in runs[0].figures
        for measure in MEASURES
    ]


def summary(runs: Sequence[Run]) -> dict[str, dict[str, dict[str, tuple[float, float]]]]:
    """Mean and population standard deviation by system, probes and measure.

    Seeds are averaged within a split first.
    """
    table: dict[str, dict[str, dict[str, tuple[float, float]]]] = {}
    for system in dict.fromkeys(run.system for run in runs):
        own = [run for run in runs if run.system == system]
        table[system] = {}
        for probes in own[0].figures:
            table[system][probes] = {}
            for measure in MEASURES:
                found: dict[str, list[float]] = {}
                for run in own:
                    found.setdefault(run.split, []).append(run.figures[probes][measure])
                spread = over_splits([float(np.mean(values)) for values in found.values()])
                table[system][probes][measure] = (spread.mean, spread.std)
    return table


def _scores(
    experiment: Experiment,
    config: RecogniserConfig,
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
        "protocol": "FRLL frontal to turned",
        "experiment": {**asdict(experiment), "reserved": sorted(experiment.reserved)},
        "config": asdict(config),
        "images": {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)},
        "summary": summary(runs),
        "runs": [asdict(run) for run in runs],
        "paired": [asdict(gain) for gain in gains],
    }


def _claim(folder: Path, experiment: Experiment, config: RecogniserConfig) -> None:
    """Refuses to mix runs of two settings; more splits, seeds and systems may be asked for."""
    folder.mkdir(parents=True, exist_ok=True)
    facts = {"photos": experiment.photos, "reserved": sorted(experiment.reserved)}
    mark = folder / "experiment.json"
    if mark.is_file():
        before = json.loads(mark.read_text(encoding="utf-8"))
        for name, value in facts.items():
            if before["facts"][name] != value:
                raise DaganError(
                    f"{str(folder)!r} holds runs with {name} {before['facts'][name]!r}, now"
                    f" {value!r}; use another --output"
                )
        for kind, path in experiment.synthetic.items():
            if before["synthetic"].get(kind, path) != path:
                raise DaganError(
                    f"{str(folder)!r} holds runs with --{kind}={before['synthetic'][kind]}, now"
                    f" {path}; use another --output"
                )
        if load_recogniser_config(folder / CONFIG_NAME) != config:
            raise ConfigError(
                f"{str(folder)!r} holds runs of another configuration, see its {CONFIG_NAME};"
                " use another --output"
            )
    else:
        before = {"synthetic": {}}
    save_config(config, folder / CONFIG_NAME)
    synthetic = {**before["synthetic"], **experiment.synthetic}
    write_text(mark, json.dumps({"facts": facts, "synthetic": synthetic}, indent=1) + "\n")
