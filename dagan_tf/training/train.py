"""One training from folders to a model folder; resumes what it finds there."""

import os
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import tensorflow as tf

from dagan_tf.config import Config
from dagan_tf.data.packing import pack_real, pack_simulated
from dagan_tf.data.photos import list_photos
from dagan_tf.data.pipeline import sample_batch, training_batches
from dagan_tf.errors import DaganError
from dagan_tf.models.generator import build_generator
from dagan_tf.training.build import build_dagan
from dagan_tf.training.callbacks import Checkpoints, MetricsLog, SampleGrid, StopTraining
from dagan_tf.training.checkpoints import (
    check_config,
    claim_model_dir,
    make_manager,
    restore_latest,
)
from dagan_tf.training.dagan import DAGAN
from dagan_tf.training.strategy import make_strategy
from dagan_tf.training.tensorboard import EventWriter


@dataclass(frozen=True)
class RealPhotos:
    """Where the real photos are (arguments of `data.photos.list_photos`).

    Attributes:
        folder: of the photos.
        layout: of the folder.
        include: glob on the relative path, or None for all.
        aligned: they are square crops in the frame of the simulated views already.
    """

    folder: str | os.PathLike[str]
    layout: str = "folder"
    include: str | None = None
    aligned: bool = False


@dataclass(frozen=True)
class TrainingResult:
    """How a training ended.

    Attributes:
        step: steps done in all.
        reason: `finished` (all steps done), `time` (max_minutes) or `interrupted`.
    """

    step: int
    reason: str


def train(
    config: Config,
    simulated: str | os.PathLike[str],
    real: RealPhotos,
    model_dir: str | os.PathLike[str],
    *,
    held_out: Collection[str] = (),
    devices: Sequence[str] = (),
    verbose: bool = True,
) -> TrainingResult:
    """Trains, or goes on with the training in `model_dir`.

    `model_dir` gets config.yaml, identities.json, records/, checkpoints/, metrics.jsonl,
    samples/ and tensorboard/. SIGINT and SIGTERM end it after the running step, saved.

    Args:
        config: all settings.
        simulated: folder made by `trainer.simulate`.
        real: the real photos.
        model_dir: created if need be.
        held_out: identities to keep from the training, simulated and real, to measure on later.
        devices: see `make_strategy`.
        verbose: status lines and progress bars on stderr.

    Returns:
        How it ended; the last state is saved in any case.

    Raises:
        DaganError: unusable input, a model folder of another training, or divergence.
    """
    model_dir = Path(model_dir)
    strategy = make_strategy(devices)
    batch_size = config.training.batch_size
    if batch_size % strategy.num_replicas_in_sync:
        raise DaganError(
            f"training.batch_size = {batch_size}: expected a multiple of the"
            f" {strategy.num_replicas_in_sync} devices"
        )
    check_config(model_dir, config)  # before the records are made anew for another image size
    records = model_dir / "records" / "simulated", model_dir / "records" / "real"
    size = config.data.image_size
    identities = pack_simulated(
        simulated, records[0], image_size=size, held_out=held_out, progress=verbose
    ).identities
    photos = [
        photo
        for photo in list_photos(real.folder, real.layout, include=real.include)
        if photo.identity not in held_out
    ]
    if not photos:
        raise DaganError(f"{str(real.folder)!r}: no real photos but of held-out people")
    pack_real(photos, records[1], image_size=size, aligned=real.aligned, progress=verbose)
    claim_model_dir(model_dir, config, identities)

    return train_on_records(config, *records, identities, model_dir, devices=devices, verbose=verbose)


def train_on_records(
    config: Config,
    simulated: Path,
    real: Path,
    identities: Sequence[str],
    model_dir: str | os.PathLike[str],
    *,
    devices: Sequence[str] = (),
    verbose: bool = True,
) -> TrainingResult:
    """As `train`, from record folders: for images of any kind, faces or not.

    Args:
        config: all settings.
        simulated: record folder; its images' identity is what refinement has to keep.
        real: record folder.
        identities: the identity agent's vocabulary.
        model_dir: created if need be.
        devices: see `make_strategy`.
        verbose: status lines on stderr.

    Returns:
        How it ended.

    Raises:
        DaganError: as of `train`.
    """
    model_dir = Path(model_dir)
    strategy = make_strategy(devices)
    claim_model_dir(model_dir, config, identities)
    keras.utils.set_random_seed(config.seed)
    with strategy.scope():
        dagan = build_dagan(config, len(identities))
        manager = make_manager(dagan, model_dir, keep=config.training.keep_checkpoints)
        start = restore_latest(dagan, manager)
    if start >= config.training.steps:
        return TrainingResult(start, "finished")
    batches = training_batches(
        simulated,
        real,
        identities,
        config.data,
        batch_size=config.training.batch_size,
        seed=config.seed,
        start_step=start,
    )
    return _fit(dagan, batches, (simulated, real), config, model_dir, manager, start, verbose)


def _fit(
    dagan: DAGAN,
    batches: tf.data.Dataset,
    records: tuple[Path, Path],
    config: Config,
    model_dir: Path,
    manager: tf.train.CheckpointManager,
    start: int,
    verbose: bool,
) -> TrainingResult:
    settings = config.training
    samples = sample_batch(*records, config.data, count=settings.sample_count, seed=config.seed)
    seconds = settings.max_minutes * 60
    with (
        EventWriter(model_dir / "tensorboard") as writer,
        StopTraining(start_step=start, max_seconds=seconds) as stop,
    ):
        checkpoints = Checkpoints(manager, start_step=start, every=settings.checkpoint_every)
        metrics = MetricsLog(
            model_dir,
            start_step=start,
            total_steps=settings.steps,
            batch_size=settings.batch_size,
            every=settings.log_every,
            writer=writer,
            max_seconds=seconds,
            console=sys.stderr if verbose else None,
        )
        grid = SampleGrid(
            model_dir,
            samples,
            start_step=start,
            every=settings.samples_every,
            generator=build_generator(config.generator, config.data.image_size),
            writer=writer,
        )
        dagan.fit(
            batches,
            steps_per_epoch=settings.steps - start,
            epochs=1,
            shuffle=False,
            verbose=0,
            # Checkpoints first: the metrics are still those since the last log line.
            callbacks=[checkpoints, metrics, grid, stop],
        )
    return TrainingResult(stop.step, stop.reason)
