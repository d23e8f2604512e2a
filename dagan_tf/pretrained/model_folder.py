"""The networks of a model folder, as `trainer.task` leaves it: the way back in."""

import json
import os
from pathlib import Path

import keras
import tensorflow as tf

from dagan_tf.config.settings import load_config
from dagan_tf.gan.adversaries import REALISM
from dagan_tf.gan.discriminator import build_discriminator
from dagan_tf.gan.generator import build_generator
from dagan_tf.loop.checkpoints import (
    CONFIG_NAME,
    CheckpointError,
    list_checkpoints,
    restore_first,
)

IDENTITIES_NAME = "identities.json"


def read_identities(model_dir: str | os.PathLike[str]) -> list[str]:
    """The identity agent's vocabulary, label = position."""
    path = Path(model_dir) / IDENTITIES_NAME
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{str(path)!r} cannot be read: {error}") from error


def load_generator(
    model_dir: str | os.PathLike[str], *, ema: bool = True, checkpoint: str | None = None
) -> keras.Model:
    """Builds the refiner of a training and gives it its newest weights.

    Args:
        model_dir: of a training.
        ema: take the averaged weights if the training kept an average; else the last ones.
        checkpoint: one of `list_checkpoints`, None the newest that is whole.

    Returns:
        float32 model of any (multiple of `generator.stride`) image size; its output is
        unclipped when `generator.input_skip` is set.

    Raises:
        CheckpointError: no training there, no checkpoint yet, or none that is whole.
    """
    folder = Path(model_dir)
    if not (folder / CONFIG_NAME).is_file():
        raise CheckpointError(f"{str(folder)!r} is no model folder: it has no {CONFIG_NAME}")
    paths = [checkpoint] if checkpoint else list_checkpoints(folder)
    if not paths:
        raise CheckpointError(f"{str(folder)!r} has no checkpoint yet")
    config = load_config(folder / CONFIG_NAME)
    generator = build_generator(config.generator)
    weights = generator.trainable_variables
    averages = [tf.Variable(tf.zeros(weight.shape)) for weight in weights]
    averaged = ema and config.training.ema_decay
    part = {"averages": averages} if averaged else {"generator": generator}

    def restore(path: str) -> None:
        status = tf.train.Checkpoint(**part).restore(path)
        status.assert_existing_objects_matched().expect_partial()

    restore_first(paths, restore)
    if averaged:
        for weight, average in zip(weights, averages, strict=True):
            weight.assign(average)
    return generator


def load_discriminator(model_dir: str | os.PathLike[str]) -> keras.Model:
    """The discriminator of a training with its newest weights, see `build_discriminator`.

    Raises:
        CheckpointError: no training there, no checkpoint yet, or none that is whole.
    """
    folder = Path(model_dir)
    paths = list_checkpoints(folder)
    if not paths:
        raise CheckpointError(f"{str(folder)!r} has no checkpoint yet")
    config = load_config(folder / CONFIG_NAME)
    discriminator = build_discriminator(
        config.discriminator,
        config.data.side,
        len(read_identities(folder)),
        REALISM[config.loss.adversarial],
    )

    def restore(path: str) -> None:
        status = tf.train.Checkpoint(discriminator=discriminator).restore(path)
        status.assert_existing_objects_matched().expect_partial()

    restore_first(paths, restore)
    return discriminator
