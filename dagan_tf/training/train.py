"""One training from folders to a model folder; resumes what it finds there."""

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf

from dagan_tf.config.settings import Config
from dagan_tf.data.manifest import read_manifest
from dagan_tf.data.photos import check_apart, read_folder
from dagan_tf.errors import DaganError
from dagan_tf.faces.weights import LANDMARK_SOURCES
from dagan_tf.folders.pack import pack_paired, pack_real, pack_simulated
from dagan_tf.loop.saving import Realism
from dagan_tf.loop.strategy import make_cluster_strategy, make_strategy
from dagan_tf.training.checks import check_devices, check_identities, warn_of_slow_precision
from dagan_tf.training.model_folder import check_config
from dagan_tf.training.run import TrainingResult, train_claimed
from dagan_tf.training.workers import claimed, workers_of

# Fewer are framed sooner than worker processes start.
_MANY_PHOTOS = 100


@dataclass(frozen=True)
class RealPhotos:
    """Where the real photos are (arguments of `data.photos.list_photos`).

    Attributes:
        folder: of the photos.
        layout: of the folder.
        include: glob on the relative path, or None for all.
        aligned: they are square crops in the frame of the simulated views already.
        poses: CSV file of known yaws, see `data.poses.read_yaws`.
        landmarks: where they come from, of `LANDMARK_SOURCES`.
    """

    folder: str | os.PathLike[str]
    layout: str = "folder"
    include: str | None = None
    aligned: bool = False
    poses: str | None = None
    landmarks: str = LANDMARK_SOURCES[0]


def train(
    config: Config,
    simulated: str | os.PathLike[str],
    real: RealPhotos | None,
    model_dir: str | os.PathLike[str],
    *,
    pairs: str | os.PathLike[str] | None = None,
    held_out: Collection[str] = (),
    devices: Sequence[str] = (),
    verbose: bool = True,
    jit: bool = False,
    deterministic: bool = False,
    profile: bool = False,
    realism: Realism | None = None,
    init: str | os.PathLike[str] | None = None,
) -> TrainingResult:
    """Trains, or goes on with the training in `model_dir`.

    `model_dir` gets config.yaml, identities.json, records/, checkpoints/, best/, metrics.jsonl,
    samples/ and tensorboard/. SIGINT and SIGTERM end it after the running step, saved. With several
    workers in TF_CONFIG, each calls this; the first one writes.

    Args:
        config: all settings.
        simulated: folder made by `trainer.simulate`.
        real: the real photos; None takes those of `pairs`.
        model_dir: created if need be.
        pairs: folder made by `trainer.pair`: what `loss.pair_weight`, `loss.perceptual_weight` and
            `loss.judge_pairs` need.
        held_out: identities to keep from the training, simulated and real, to measure on later.
        devices: see `make_strategy`.
        verbose: status lines and progress bars on stderr.
        jit: compile the step with XLA; slower on CPUs.
        deterministic: equal runs give equal bits, more slowly; holds for the whole process.
        profile: write a TensorBoard profile of ten steps.
        realism: measures a refiner on images of the caller's, lower is better; chooses the best
            checkpoint instead of the smoothed L_con.
        init: start from the refiner in the box, `pretrained`, or from a model folder; a training
            that is resumed goes on from its own checkpoint.

    Returns:
        How it ended; the last state is saved in any case.

    Raises:
        DaganError: unusable input, a model folder of another training, or divergence.
    """
    model_dir = Path(model_dir)
    if real is not None:
        check_apart(model_dir, real.folder)
    if deterministic:
        tf.config.experimental.enable_op_determinism()
    cluster = make_cluster_strategy()
    if cluster and devices:
        raise DaganError(
            f"devices = {','.join(devices)}: expected none with several workers in TF_CONFIG,"
            " each takes all of its GPUs"
        )
    strategy = cluster or make_strategy(devices)
    workers = workers_of(strategy)
    check_devices(config.training, strategy.num_replicas_in_sync)
    if workers.chief and verbose:
        warn_of_slow_precision(config.training, devices)
    names = [row.identity for row in read_manifest(simulated) if row.identity not in held_out]
    check_identities(config.loss, names, os.fspath(simulated))
    # Each packs its own: the workers need not share a disk for them, nor wait for the chief.
    home = model_dir / ("records" if workers.chief else f"records-{workers.index}")
    records = home / "simulated", home / "real"
    with claimed(workers, model_dir):
        check_config(model_dir, config)  # before records are made anew for another image size
        size, verbose = config.data.image_size, verbose and workers.chief
        identities = pack_simulated(
            simulated, records[0], image_size=size, held_out=held_out, pairs=pairs, progress=verbose
        ).identities
        if real is None:
            if pairs is None:
                raise DaganError("no real photos: expected a folder of them, or of pairs")
            pack_paired(pairs, records[1], image_size=size, held_out=held_out, progress=verbose)
        else:
            _pack_real(real, records[1], size, held_out, progress=verbose)
        return train_claimed(
            config,
            *records,
            identities,
            model_dir,
            strategy=strategy,
            verbose=verbose,
            jit=jit,
            profile=profile,
            realism=realism,
            init=init,
        )


def _pack_real(
    real: RealPhotos, output: Path, size: int, held_out: Collection[str], *, progress: bool
) -> None:
    listed = read_folder(real.folder, real.layout, include=real.include, poses=real.poses)
    photos = [photo for photo in listed.photos if photo.identity not in held_out]
    if not photos:
        raise DaganError(f"{str(real.folder)!r}: no real photos but of held-out people")
    workers = (os.cpu_count() or 1) if len(photos) >= _MANY_PHOTOS and not real.aligned else 1
    pack_real(
        photos,
        output,
        image_size=size,
        aligned=real.aligned,
        left_out=listed.left_out,
        landmarks=real.landmarks,
        workers=workers,
        progress=progress,
    )
