"""Trains one recogniser, or goes on with the training it finds."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from dagan_tf.config.reading import differences, save_config
from dagan_tf.core.keras_compat import dtype_policy
from dagan_tf.errors import DaganError
from dagan_tf.loop.callbacks import MetricsLog, StopTraining
from dagan_tf.loop.checkpoints import CONFIG_NAME, FOLDER_NAME, list_checkpoints, restore_latest
from dagan_tf.loop.optimizers import build_optimizer
from dagan_tf.loop.saving import Checkpoints
from dagan_tf.loop.schedule import FallingSchedule
from dagan_tf.loop.strategy import make_strategy
from dagan_tf.recognition.backbones import build_backbone, build_parts
from dagan_tf.recognition.config import RecogniserConfig, load_recogniser_config
from dagan_tf.recognition.linear_head import train_linear_head
from dagan_tf.recognition.recogniser import Recogniser
from dagan_tf.recognition.sampling import Sampler, TrainingSet

# From values as the training set has them to (N, D) float32 of length 1.
Embed = Callable[[np.ndarray], np.ndarray]

_MAY_CHANGE = {"name", "training.log_every", "training.checkpoint_every", "training.steps"}
_EMBED_BATCH = 64
# Layers with rates of their own, where early ones learn more slowly.
_RATE_GROUPS = 5


def train_recogniser(
    config: RecogniserConfig,
    data: TrainingSet,
    model_dir: Path,
    *,
    seed: int = 0,
    strategy: tf.distribute.Strategy | None = None,
    verbose: bool = True,
) -> Embed:
    """Trains on one set; `model_dir` gets config.yaml, checkpoints/, best/ and metrics.jsonl.

    Args:
        config: all settings.
        data: what to train on.
        model_dir: created if need be; a training that is there is continued.
        seed: of weights and batches.
        strategy: of `make_strategy`; None takes its default.
        verbose: status lines on stderr.

    Returns:
        The recogniser as a function.

    Raises:
        DaganError: another training is there, or it diverges.
        KeyboardInterrupt: Ctrl-C or SIGTERM; the state is saved.
    """
    if config.head.form == "discriminant":
        return train_linear_head(
            np.asarray(data.values[data.rows]),
            data.people,
            shrinkage=config.head.shrinkage,
            dimensions=config.network.dimensions,
        )
    strategy = strategy or make_strategy()
    if config.training.batch_size % strategy.num_replicas_in_sync:
        raise DaganError(
            f"training.batch_size = {config.training.batch_size}: expected a multiple of the"
            f" {strategy.num_replicas_in_sync} devices"
        )
    _claim(model_dir, config)
    keras.utils.set_random_seed(seed)
    sampler = Sampler(data, config, seed)
    shape = data.values.shape[1:]
    with strategy.scope():
        recogniser = build_recogniser(config, shape, len(sampler.names))
        manager = tf.train.CheckpointManager(
            tf.train.Checkpoint(
                backbone=recogniser.backbone,
                people=recogniser.people,
                optimizer=recogniser.optimizer,
                progress=recogniser.progress,
                **{f"early_{place}": one for place, one in enumerate(recogniser.early)},
            ),
            str(model_dir / FOLDER_NAME),
            max_to_keep=1,
        )
        start = restore_latest(recogniser, manager)
    steps = config.training.steps
    if start < steps:
        with StopTraining(start_step=start) as stop:
            recogniser.fit(
                _batches(sampler, config.training.batch_size, start),
                steps_per_epoch=steps - start,
                epochs=1,
                shuffle=False,
                verbose=0,
                callbacks=[
                    Checkpoints(
                        manager,
                        model_dir,
                        start_step=start,
                        every=config.training.checkpoint_every,
                    ),
                    MetricsLog(
                        model_dir,
                        start_step=start,
                        total_steps=steps,
                        batch_size=config.training.batch_size,
                        every=config.training.log_every,
                        console=sys.stderr if verbose else None,
                    ),
                    stop,
                ],
            )
        if stop.reason == "interrupted":
            raise KeyboardInterrupt
    return _embedder(recogniser)


def build_recogniser(config: RecogniserConfig, shape: tuple[int, ...], people: int) -> Recogniser:
    """The compiled model; call it inside the strategy's scope.

    Args:
        config: all settings.
        shape: of one crop or feature.
        people: number of people trained on.
    """
    settings = config.training
    with dtype_policy(settings.precision):
        if config.network.frozen:
            side = config.crops.image_size
            backbone = build_parts(config.network, (side, side, 3))[1]
        else:
            backbone = build_backbone(config.network, shape)
    recogniser = Recogniser(
        backbone,
        people,
        config.head,
        weight_decay=settings.weight_decay,
        metric_after=settings.metric_after,
    )

    def optimizer(factor: float) -> keras.optimizers.Optimizer:
        schedule = FallingSchedule(
            factor * settings.learning_rate,
            settings.decay_steps,
            factor * settings.learning_rate_floor,
        )
        return build_optimizer(settings, schedule)

    slowest = config.network.early_rate
    groups = _RATE_GROUPS if slowest < 1.0 else 1
    factors = [slowest ** (1.0 - n / (groups - 1)) for n in range(groups - 1)]
    # XLA is slower for these networks on CPUs, and takes long to begin.
    recogniser.compile(
        optimizer(1.0), early=[optimizer(factor) for factor in factors], jit_compile=False
    )
    return recogniser


def _batches(sampler: Sampler, batch_size: int, start: int) -> tf.data.Dataset:
    def draw() -> Iterator[dict[str, np.ndarray]]:
        step = start
        while True:
            values, labels = sampler.batch(step)
            yield {"values": values, "labels": labels}
            step += 1

    shape, dtype = sampler.signature
    signature = {
        "values": tf.TensorSpec((batch_size, *shape), dtype),
        "labels": tf.TensorSpec((batch_size,), tf.int32),
    }
    return tf.data.Dataset.from_generator(draw, output_signature=signature).prefetch(2)


def _embedder(recogniser: Recogniser) -> Embed:
    # One trace for all batches; layer by layer a call takes five times as long.
    give = tf.function(lambda views: recogniser(views, training=False))

    def embed(values: np.ndarray) -> np.ndarray:
        parts = []
        for begin in range(0, len(values), _EMBED_BATCH):
            views = with_mirrors(np.asarray(values[begin : begin + _EMBED_BATCH]))
            parts.append(
                sum(
                    np.asarray(give(tf.constant(_padded(view))), np.float32)[: len(view)]
                    for view in views
                )
            )
        joined = np.concatenate(parts)
        return joined / np.maximum(np.linalg.norm(joined, axis=1, keepdims=True), 1e-12)

    return embed


def _padded(views: np.ndarray) -> np.ndarray:
    """Filled up to a whole batch."""
    missing = _EMBED_BATCH - len(views)
    return np.pad(views, [(0, missing)] + [(0, 0)] * (views.ndim - 1)) if missing else views


def with_mirrors(values: np.ndarray) -> list[np.ndarray]:
    """What is embedded and summed: crops and their mirror images, as is usual in recognition.

    Args:
        values: of a training set.

    Returns:
        Arrays as a batch has them; features are alone.
    """
    if values.dtype == np.float16:
        return [np.ascontiguousarray(values[:, side]) for side in (0, 1)]
    if values.ndim == 4:
        return [values, np.ascontiguousarray(values[:, :, ::-1])]
    return [values]


def _claim(model_dir: Path, config: RecogniserConfig) -> None:
    model_dir.mkdir(parents=True, exist_ok=True)
    if list_checkpoints(model_dir):
        before = load_recogniser_config(model_dir / CONFIG_NAME)
        changed = set(differences(before, config)) - _MAY_CHANGE
        if changed:
            raise DaganError(
                f"{str(model_dir)!r} was trained with another configuration"
                f" ({', '.join(sorted(changed))}); use its values or another folder"
            )
    save_config(config, model_dir / CONFIG_NAME)
