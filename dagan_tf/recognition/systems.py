"""b-1, b-2 and DA-GAN: the same recogniser, steps and seeds on three training sets.

b-1 sees real photos, b-2 also the simulated views of the same people, DA-GAN the refined ones in
their place (Zhao et al., 2017, section 4.2).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from dagan_tf.errors import DaganError
from dagan_tf.loop.checkpoints import write_text
from dagan_tf.metrics.identification import cmc, search
from dagan_tf.metrics.verification import tar_at_far
from dagan_tf.protocols.protocol import Protocol, Split
from dagan_tf.recognition.config import RecogniserConfig
from dagan_tf.recognition.crops import Crops
from dagan_tf.recognition.sampling import TrainingSet
from dagan_tf.recognition.training import train_recogniser

# The kind of synthetic images of each system, if any.
SYSTEMS: Mapping[str, str | None] = {"b1": None, "b2": "simulated", "dagan": "refined"}
MEASURES = ("TAR at FAR .01", "TAR at FAR .1", "rank-1")
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
    """

    system: str
    split: str
    seed: int
    images: int
    figures: Mapping[str, Mapping[str, float]]

    def place(self, folder: Path) -> Path:
        """Where it lies in the folder of all runs."""
        return folder / self.system / f"split-{self.split}" / f"seed-{self.seed}"


def training_set(
    system: str, split: Split, values: np.ndarray, crops: Crops, config: RecogniserConfig
) -> TrainingSet:
    """The images that a system may see in a split: none of a person under test.

    Args:
        system: of `SYSTEMS`.
        split: says whom.
        values: crops or features, a row a row of `crops`.
        crops: says who and what each is.
        config: `crops.max_yaw` is read.
    """
    people = np.array([row.identity for row in crops.rows])
    kinds = np.array([row.kind for row in crops.rows])
    yaws = np.array([row.yaw for row in crops.rows])
    allowed = np.isin(people, split.training_subjects)
    real = (kinds == "real") & (np.abs(yaws) <= config.crops.max_yaw)
    synthetic = kinds == (SYSTEMS[system] or "")
    if SYSTEMS[system] and not (allowed & synthetic).any():
        raise DaganError(
            f"system {system!r}: no {SYSTEMS[system]} images of the people to be trained on"
        )
    rows = np.flatnonzero(allowed & (real | synthetic))
    return TrainingSet(values, rows, people[rows], yaws[rows], synthetic[rows])


def run_systems(
    systems: Sequence[str],
    protocol: Protocol,
    values: np.ndarray,
    crops: Crops,
    config: RecogniserConfig,
    folder: Path,
    *,
    seeds: int,
    strategy: tf.distribute.Strategy | None = None,
    verbose: bool = True,
) -> list[Run]:
    """Trains and scores every (split, seed, system) that has no `run.json` yet.

    Args:
        systems: of `SYSTEMS`.
        protocol: splits and searches; its faces are the crops of kind `real`.
        values: crops or frozen features.
        crops: what the values show.
        config: of all recognisers.
        folder: gets SYSTEM/split-NAME/seed-N/ for each run.
        seeds: seeds 0 to seeds - 1; a solved head has but one.
        strategy: of `make_strategy`.
        verbose: a line a run on stderr, and status lines.

    Returns:
        The runs, made now or before.
    """
    faces = faces_of(protocol, crops)
    runs = []
    for split in protocol.splits:
        for seed in range(1 if config.head.form == "discriminant" else seeds):
            for system in systems:
                own = folder / system / f"split-{split.name}" / f"seed-{seed}"
                done = _read_run(own / RUN_NAME)
                if done is None:
                    data = training_set(system, split, values, crops, config)
                    embed = train_recogniser(
                        config, data, own, seed=seed, strategy=strategy, verbose=verbose
                    )
                    embeddings = embed(values_of(values, faces))
                    figures = score(split, faces, embeddings)
                    done = Run(system, split.name, seed, len(data.rows), figures)
                    own.mkdir(parents=True, exist_ok=True)
                    np.save(own / EMBEDDINGS_NAME, embeddings)
                    write_text(own / RUN_NAME, json.dumps(done.__dict__, indent=1) + "\n")
                runs.append(done)
                if verbose:
                    shown = done.figures.get("profile") or next(iter(done.figures.values()))
                    text = ", ".join(f"{name} {shown[name]:.3f}" for name in MEASURES)
                    print(f"{system} split {split.name} seed {seed}: {text}", file=sys.stderr)
    return runs


def faces_of(protocol: Protocol, crops: Crops) -> list[int | None]:
    """The crop of each of the protocol's faces; None if it could not be aligned."""
    place = {row.path: index for index, row in enumerate(crops.rows) if row.kind == "real"}
    return [place.get(str(protocol.root / path)) for path in protocol.faces.paths]


def values_of(values: np.ndarray, faces: Sequence[int | None]) -> np.ndarray:
    """Values of the protocol's faces that could be aligned, in their order."""
    return np.asarray(values[[face for face in faces if face is not None]])


def score(
    split: Split, faces: Sequence[int | None], embeddings: np.ndarray
) -> dict[str, dict[str, float]]:
    """Measures by kind of probe.

    Args:
        split: templates of one face each.
        faces: which of the protocol's faces have an embedding; None = could not be aligned.
        embeddings: (K, D) float32 of length 1, of those that have one, in order.

    Returns:
        `MEASURES` by the name of the search. Probes without a face count as missed: their scores
        are -1 with everybody.
    """
    full = np.zeros((len(faces), embeddings.shape[1]), np.float32)
    known = np.array([face is not None for face in faces])
    full[known] = embeddings
    templates = split.templates
    face = templates.face[np.argsort(templates.media_template[templates.media])]
    rows, there = full[face], known[face]
    figures = {}
    for one in split.searches:
        pairs = one.pairs(templates)
        scores = (rows[pairs.first] * rows[pairs.second]).sum(axis=1)
        scores = np.where(there[pairs.first] & there[pairs.second], scores, -1.0)
        ranks = search(
            rows[one.probes] @ rows[one.gallery].T,
            templates.subjects[one.probes],
            templates.subjects[one.gallery],
        )
        figures[one.name] = {
            MEASURES[0]: tar_at_far(scores, pairs.same, 0.01).tar,
            MEASURES[1]: tar_at_far(scores, pairs.same, 0.1).tar,
            MEASURES[2]: float(cmc(ranks, (1,))[0]),
        }
    return figures


def _read_run(file: Path) -> Run | None:
    try:
        return Run(**json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
