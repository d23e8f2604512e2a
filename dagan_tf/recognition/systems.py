"""b-1, b-2, DA-GAN and their bounds: one recogniser, steps and seeds on several training sets.

b-1 sees real photos, b-2 also the simulated views of the same people, DA-GAN the refined ones in
their place (Zhao et al., 2017, section 4.2). `filtered` are the refined ones that the discriminator
let pass, `pretrained` those of a refiner that was not trained on these people's photos; `real` sees
the people's real photos at every yaw, what no synthetic views of them could better.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import tensorflow as tf

from dagan_tf.core.files import write_text
from dagan_tf.errors import DaganError
from dagan_tf.loop.callbacks import peak_memory_mb
from dagan_tf.protocols.image_files import ImageFiles
from dagan_tf.protocols.protocol import Protocol, Split
from dagan_tf.recognition.config import CropConfig, RecogniserConfig
from dagan_tf.recognition.crops import REAL, Crops, ImageRow
from dagan_tf.recognition.sampling import TrainingSet
from dagan_tf.recognition.scores import compare, figures_by_group, figures_of
from dagan_tf.recognition.stacked import Stacked
from dagan_tf.recognition.training import train_recogniser

# The kind of synthetic images of each system, if any.
SYSTEMS: Mapping[str, str | None] = {
    "b1": None,
    "b2": "simulated",
    "dagan": "refined",
    "filtered": "filtered",
    "pretrained": "pretrained",
    "real": None,
}
# The system that sees real photos at every yaw.
CEILING = "real"
RUN_NAME = "run.json"
EMBEDDINGS_NAME = "embeddings.npy"


@dataclass(frozen=True)
class Run:
    """One recogniser's figures.

    Attributes:
        system: of `SYSTEMS`.
        split: name of the protocol's split.
        seed: of weights and batches.
        images: number of images trained on.
        figures: by kind of probe, by measure.
        groups: by kind of probe, by group of people, see `figures_by_group`.
    """

    system: str
    split: str
    seed: int
    images: int
    figures: Mapping[str, Mapping[str, float]]
    groups: Mapping[str, Mapping[str, Mapping[str, float]]] = field(default_factory=dict)

    def place(self, folder: Path) -> Path:
        """Where it lies in the folder of all runs."""
        return folder / self.system / f"split-{self.split}" / f"seed-{self.seed}"


def training_set(
    system: str,
    split: Split,
    values: np.ndarray | Stacked,
    crops: Crops,
    config: RecogniserConfig,
) -> TrainingSet:
    """The images that a system may see in a split: none of a person under test.

    Args:
        system: of `SYSTEMS`.
        split: says whom.
        values: crops or features, a row a row of `crops`.
        crops: says who and what each is.
        config: of `crops`, which yaws and views are trained on.

    Raises:
        DaganError: nothing of these people, or too little for the head.
    """
    people = np.array([row.identity for row in crops.rows])
    kinds = np.array([row.kind for row in crops.rows])
    yaws = np.array([row.yaw for row in crops.rows])
    allowed = np.isin(people, split.training_subjects)
    real = kinds == REAL
    if system != CEILING:
        real &= np.abs(yaws) <= config.crops.max_yaw
    synthetic = kinds == (SYSTEMS[system] or "")
    synthetic[synthetic] = _chosen(
        [row for row, one in zip(crops.rows, synthetic, strict=True) if one], config.crops
    )
    if SYSTEMS[system] and not (allowed & synthetic).any():
        raise DaganError(
            f"system {system!r}: no {SYSTEMS[system]} images of the people to be trained on, turned"
            f" {config.crops.views_from:g} to {config.crops.views_to:g} degrees"
        )
    rows = np.flatnonzero(allowed & (real | synthetic))
    names, counts = np.unique(people[rows], return_counts=True)
    pairs_needed = config.training.metric_after or config.head.form in ("triplet", "discriminant")
    if len(names) < 2 or (pairs_needed and counts.max() < 2):
        shown = crops.rows[int(rows[0])].path if len(rows) else "none"
        raise DaganError(
            f"system {system!r}, split {split.name}: {len(rows)} images of {len(names)} people to"
            f" train on, at most {counts.max(initial=0)} of one person (the first is {shown!r});"
            " expected 2 people or more, and for this head 2 images or more of some"
        )
    return TrainingSet(values, rows, people[rows], yaws[rows], synthetic[rows])


def _chosen(views: Sequence[ImageRow], settings: CropConfig) -> np.ndarray:
    """(N,) bool: synthetic views within the yaws, a limited number of each photo."""
    turned = np.abs([view.yaw for view in views])
    use = (turned >= settings.views_from) & (turned <= settings.views_to)
    if settings.views_per_photo:
        photos = np.array([view.source for view in views])
        rng = np.random.default_rng(0)
        for photo in np.unique(photos):
            own = np.flatnonzero(use & (photos == photo))
            use[rng.permutation(own)[settings.views_per_photo :]] = False
    return use


def run_systems(
    systems: Sequence[str],
    protocol: Protocol,
    values: np.ndarray | Stacked,
    crops: Crops,
    config: RecogniserConfig,
    folder: Path,
    *,
    seeds: int,
    groups: Mapping[str, Mapping[str, str]] | None = None,
    strategy: tf.distribute.Strategy | None = None,
    verbose: bool = True,
) -> list[Run]:
    """Trains and scores every (split, seed, system) that has no `run.json` yet.

    Args:
        systems: of `SYSTEMS`.
        protocol: splits and what they compare; its faces are among the crops of kind `real`.
        values: crops or frozen features.
        crops: what the values show.
        config: of all recognisers.
        folder: gets SYSTEM/split-NAME/seed-N/ for each run.
        seeds: seeds 0 to seeds - 1; a solved head has only one.
        groups: of people, see `figures_by_group`.
        strategy: of `make_strategy`.
        verbose: a line a run on stderr, with the time left and the memory held, and status lines.

    Returns:
        The runs, made now or before.
    """
    faces = faces_of(protocol, crops)
    tested = [face for face in faces if face is not None]
    runs: list[Run] = []
    own_seeds = range(1 if config.head.form == "discriminant" else seeds)
    # Whole splits after one another: a run that is stopped can be compared as far as it came.
    total, began, made = len(protocol.splits) * len(own_seeds) * len(systems), time.monotonic(), 0
    for split in protocol.splits:
        for seed in own_seeds:
            for system in systems:
                own = folder / system / f"split-{split.name}" / f"seed-{seed}"
                done = _read_run(own / RUN_NAME)
                if done is None:
                    data = training_set(system, split, values, crops, config)
                    embed = train_recogniser(
                        config, data, own, seed=seed, strategy=strategy, verbose=verbose
                    )
                    embeddings = embed(np.asarray(values[tested]))
                    compared = compare(split, faces, embeddings)
                    done = Run(
                        system,
                        split.name,
                        seed,
                        len(data.rows),
                        figures_of(split, compared),
                        figures_by_group(split, compared, groups or {}),
                    )
                    made += 1
                    own.mkdir(parents=True, exist_ok=True)
                    np.save(own / EMBEDDINGS_NAME, embeddings)
                    write_text(own / RUN_NAME, json.dumps(done.__dict__, indent=1) + "\n")
                runs.append(done)
                if verbose:
                    left = (time.monotonic() - began) / max(made, 1) * (total - len(runs))
                    _report(done, left if made else None)
    return runs


def _report(run: Run, seconds_left: float | None) -> None:
    probes, shown = list(run.figures.items())[-1]
    text = ", ".join(f"{name} {value:.3f}" for name, value in shown.items())
    left = "" if seconds_left is None else f"; {seconds_left / 60:.0f} min left"
    print(
        f"{run.system} split {run.split} seed {run.seed}, {probes}: {text}{left},"
        f" {peak_memory_mb():.0f} MB",
        file=sys.stderr,
        flush=True,
    )


def faces_of(protocol: Protocol, crops: Crops) -> list[int | None]:
    """The crop of each of the protocol's faces; None if it could not be aligned."""
    files = ImageFiles(protocol.root, protocol.faces.paths)
    place = {
        (row.path, row.sighting): index for index, row in enumerate(crops.rows) if row.kind == REAL
    }
    return [
        place.get((str(files(path)), sighting))
        for path, sighting in zip(protocol.faces.paths, protocol.faces.sightings, strict=True)
    ]


def _read_run(file: Path) -> Run | None:
    try:
        return Run(**json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
