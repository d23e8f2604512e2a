"""The run itself, from record folders: restore, train, save, go back when it fails."""

import functools
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import tensorflow as tf

from dagan_tf.config.settings import Config
from dagan_tf.data.pipeline import sample_batch, training_batches
from dagan_tf.errors import DaganError
from dagan_tf.gan.dagan import DAGAN
from dagan_tf.gan.generator import build_generator
from dagan_tf.loop.callbacks import MetricsLog, Profile, StopTraining
from dagan_tf.loop.checkpoints import restore_best, restore_latest
from dagan_tf.loop.saving import Checkpoints, Realism
from dagan_tf.loop.strategy import make_strategy
from dagan_tf.loop.tensorboard import EventWriter
from dagan_tf.loop.watch import DivergedError, TrainingFailure, Watch
from dagan_tf.training.build import build_dagan
from dagan_tf.training.checks import check_counts, check_devices, memory_hint
from dagan_tf.training.model_folder import claim_model_dir, make_manager
from dagan_tf.training.samples import SampleGrid
from dagan_tf.training.start import say_misfits, start_from
from dagan_tf.training.workers import Workers, check_same_step, claimed, own_folder, workers_of

_LESS_MEMORY = (
    "lower training.batch_size, raise training.accumulate, or take"
    " training.precision=mixed_bfloat16; what the last checkpoint holds is kept"
)


@dataclass(frozen=True)
class TrainingResult:
    """How a training ended.

    Attributes:
        step: steps done in all.
        reason: `finished` (all steps done), `time` (max_minutes) or `interrupted`.
    """

    step: int
    reason: str


def train_on_records(
    config: Config,
    simulated: Path,
    real: Path,
    identities: Sequence[str],
    model_dir: str | os.PathLike[str],
    *,
    strategy: tf.distribute.Strategy | None = None,
    verbose: bool = True,
    jit: bool = False,
    profile: bool = False,
    realism: Realism | None = None,
    init: str | os.PathLike[str] | None = None,
) -> TrainingResult:
    """As `train.train`, from record folders: for images of any kind, faces or not.

    Args:
        config: all settings.
        simulated: record folder; its images' identity is what refinement has to keep.
        real: record folder.
        identities: the identity agent's vocabulary.
        model_dir: created if need be.
        strategy: of `make_strategy`; None takes its default.
        verbose: as of `train`, like those below.
        jit: compile the step with XLA.
        profile: write a TensorBoard profile.
        realism: chooses the best checkpoint.
        init: where a new training starts from, see `start.start_from`.

    Returns:
        How it ended.

    Raises:
        DaganError: as of `train`.
    """
    strategy = strategy or make_strategy()
    check_devices(config.training, strategy.num_replicas_in_sync)
    with claimed(workers_of(strategy), Path(model_dir)):
        return train_claimed(
            config,
            simulated,
            real,
            identities,
            model_dir,
            strategy=strategy,
            verbose=verbose,
            jit=jit,
            profile=profile,
            realism=realism,
            init=init,
        )


def train_claimed(
    config: Config,
    simulated: Path,
    real: Path,
    identities: Sequence[str],
    model_dir: str | os.PathLike[str],
    *,
    strategy: tf.distribute.Strategy,
    verbose: bool,
    jit: bool,
    profile: bool,
    realism: Realism | None,
    init: str | os.PathLike[str] | None,
) -> TrainingResult:
    """As `train_on_records`, in a folder that is the caller's alone, on devices it checked."""
    check_counts(config.training.batch_size, simulated, real)
    workers = workers_of(strategy)
    if workers.count > 1 and (jit or realism):
        what = "jit" if jit else "realism"
        raise DaganError(f"{what}: expected none with {workers.count} workers")
    with memory_hint(_LESS_MEMORY), own_folder(workers, Path(model_dir)) as folder:
        likeness = None
        if config.loss.embedding_weight:
            from dagan_tf.gan.likeness import Likeness  # Needs dlib, as little else here.

            own = identities if config.loss.embedding_step == "own" else ()
            likeness = Likeness.measured(simulated, real, config.data, own)
        claim_model_dir(folder, config, identities)
        keras.utils.set_random_seed(config.seed)
        with strategy.scope():
            dagan = build_dagan(config, len(identities), likeness=likeness, jit=jit)
            manager = make_manager(dagan, folder, keep=config.training.keep_checkpoints)
            start = restore_latest(dagan, manager)
            if init is not None and start == 0:
                say_misfits(init, start_from(dagan, init))
        check_same_step(workers, start)
        if start >= config.training.steps:
            return TrainingResult(start, "finished")
        run = _Run(
            dagan,
            workers,
            config,
            (simulated, real),
            list(identities),
            folder,
            manager,
            verbose and workers.chief,
            realism,
        )
        with StopTraining(
            start_step=start,
            max_seconds=config.training.max_minutes * 60,
            agree=workers.any,
        ) as stop:
            run.fit_with_rollbacks(start, stop, profile)
    return TrainingResult(stop.step, stop.reason)


@dataclass
class _Run:
    """What one run needs; `model_dir` holds what it leaves."""

    dagan: DAGAN
    workers: Workers
    config: Config
    records: tuple[Path, Path]
    identities: list[str]
    model_dir: Path
    manager: tf.train.CheckpointManager
    verbose: bool
    realism: Realism | None

    def fit_with_rollbacks(self, start: int, stop: StopTraining, profile: bool) -> None:
        alarms = self.config.alarms
        rollbacks = 0
        while True:
            try:
                return self._fit(start, stop, profile)
            except TrainingFailure as failure:
                diverged = isinstance(failure, DivergedError)
                action = alarms.on_nan if diverged else failure.action
                if action != "rollback" or rollbacks == alarms.max_rollbacks:
                    raise
                restored = restore_best(self.dagan, self.manager)
                if restored is None:
                    raise
                rollbacks += 1
                # Relative to the checkpoint's factor: the same one may be restored again.
                scale = self.dagan.progress.rate_scale
                scale.assign(tf.convert_to_tensor(scale) * 0.5**rollbacks)
                for metric in self.dagan.metrics:
                    metric.reset_state()
                start = stop.step = restored
                print(
                    f"{failure}; back to step {start} with the learning rates"
                    f" times {0.5**rollbacks:g} ({rollbacks} of {alarms.max_rollbacks})",
                    file=sys.stderr,
                    flush=True,
                )

    def _fit(self, start: int, stop: StopTraining, profile: bool) -> None:
        config, settings = self.config, self.config.training
        batches = functools.partial(
            training_batches,
            *self.records,
            self.identities,
            config.data,
            batch_size=settings.batch_size,
            seed=config.seed,
            start_step=start,
        )
        samples = sample_batch(
            *self.records, config.data, count=settings.sample_count, seed=config.seed
        )
        spare = build_generator(config.generator, config.data.image_size)
        with EventWriter(self.model_dir / "tensorboard") as writer:
            checkpoints = Checkpoints(
                self.manager,
                self.model_dir,
                start_step=start,
                every=settings.checkpoint_every,
                warmup_steps=settings.warmup_steps,
                realism=self.realism,
                generator=spare,
            )
            metrics = MetricsLog(
                self.model_dir,
                start_step=start,
                total_steps=settings.steps,
                batch_size=settings.batch_size,
                every=settings.log_every,
                writer=writer,
                watch=Watch(config.alarms, settings),
                max_seconds=settings.max_minutes * 60,
                console=sys.stderr if self.verbose else None,
            )
            grid = SampleGrid(
                self.model_dir,
                samples,
                start_step=start,
                every=settings.samples_every,
                generator=spare,
                writer=writer,
            )
            # Checkpoints first: the metrics are still those since the last log line.
            callbacks: list[keras.callbacks.Callback] = [checkpoints, metrics, grid, stop]
            if profile:
                callbacks.append(Profile(self.model_dir / "tensorboard", start))
            steps = settings.steps - start
            if self.workers.count > 1:
                self.workers.fit(self.dagan, self.workers.batches(batches), steps, callbacks)
                return
            self.dagan.fit(
                batches(),
                steps_per_epoch=steps,
                epochs=1,
                shuffle=False,
                verbose=0,
                callbacks=callbacks,
            )
