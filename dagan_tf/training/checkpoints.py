"""What a training leaves behind to be resumed or exported, and the way back in.

`MODEL_DIR/checkpoints` keeps both networks, both optimisers (with the step), k and the averaged
refiner; `config.yaml` and `identities.json` what they were built from.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import keras
import tensorflow as tf

from dagan_tf.config import Config, differences, load_config
from dagan_tf.errors import DaganError
from dagan_tf.models.generator import build_generator
from dagan_tf.training.dagan import DAGAN

CONFIG_NAME = "config.yaml"
IDENTITIES_NAME = "identities.json"
FOLDER_NAME = "checkpoints"

# What may change between two runs of one training; all else would make it another training.
_MAY_CHANGE = {
    "name",
    "training.steps",
    "training.max_minutes",
    "training.log_every",
    "training.checkpoint_every",
    "training.samples_every",
    "training.sample_count",
    "training.keep_checkpoints",
}


class CheckpointError(DaganError):
    """A model folder that cannot be resumed or read."""


def check_config(model_dir: str | os.PathLike[str], config: Config) -> None:
    """Checks that a training in `model_dir`, if there is one, has this configuration.

    Raises:
        CheckpointError: it has another one; the message lists the differences.
    """
    folder = Path(model_dir)
    if not tf.train.latest_checkpoint(str(folder / FOLDER_NAME)):
        return
    changed = {
        key: pair
        for key, pair in differences(load_config(folder / CONFIG_NAME), config).items()
        if key not in _MAY_CHANGE
    }
    if changed:
        listed = "; ".join(f"{key}: {old} -> {new}" for key, (old, new) in changed.items())
        raise CheckpointError(
            f"{str(folder)!r} was trained with another configuration ({listed});"
            " use its values or another --model_dir"
        )


def claim_model_dir(
    model_dir: str | os.PathLike[str], config: Config, identities: Sequence[str]
) -> None:
    """Writes the configuration and the vocabulary, unless a training of others is there.

    Raises:
        CheckpointError: `model_dir` holds a training of another configuration or identities.
    """
    folder = Path(model_dir)
    folder.mkdir(parents=True, exist_ok=True)
    check_config(folder, config)
    if tf.train.latest_checkpoint(str(folder / FOLDER_NAME)):
        known = read_identities(folder)
        if known != list(identities):
            strange = sorted(set(known) ^ set(identities))
            raise CheckpointError(
                f"{str(folder)!r} was trained on {len(known)} identities, the simulated folder has"
                f" {len(identities)}; the first that differs is {(strange or identities)[0]!r}"
            )
    config.save(folder / CONFIG_NAME)
    _write(folder / IDENTITIES_NAME, json.dumps(list(identities), ensure_ascii=False, indent=1))


def read_identities(model_dir: str | os.PathLike[str]) -> list[str]:
    """The identity agent's vocabulary, label = position."""
    path = Path(model_dir) / IDENTITIES_NAME
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{str(path)!r} cannot be read: {error}") from error


def make_manager(
    dagan: DAGAN, model_dir: str | os.PathLike[str], *, keep: int = 3
) -> tf.train.CheckpointManager:
    """Saves and restores everything that training changes in `dagan`, a compiled model."""
    checkpoint = tf.train.Checkpoint(
        generator=dagan.generator,
        averages=list(dagan.averages),
        discriminator=dagan.discriminator,
        generator_optimizer=dagan.generator_optimizer,
        discriminator_optimizer=dagan.discriminator_optimizer,
        balance=dagan.equilibrium.balance,
        progress=dagan.progress,
        **({"history": dagan.history_buffer} if dagan.history_buffer else {}),
    )
    folder = Path(model_dir) / FOLDER_NAME
    return tf.train.CheckpointManager(checkpoint, str(folder), max_to_keep=keep)


def restore_latest(dagan: DAGAN, manager: tf.train.CheckpointManager) -> int:
    """Restores the newest checkpoint, if any.

    Returns:
        Steps done so far.

    Raises:
        CheckpointError: the checkpoint is damaged or of another architecture.
    """
    path = manager.latest_checkpoint
    if path:
        with _explained(path):
            status = manager.checkpoint.restore(path)
            status.assert_existing_objects_matched()
    return int(tf.convert_to_tensor(dagan.progress.steps))


def load_generator(model_dir: str | os.PathLike[str], *, ema: bool = True) -> keras.Model:
    """Builds the refiner of a training and gives it its newest weights.

    Args:
        model_dir: of a training.
        ema: take the averaged weights if the training kept an average; else the last ones.

    Returns:
        float32 model of any (multiple of `generator.downsample`) image size; its output is
        unclipped when `generator.input_skip` is set.

    Raises:
        CheckpointError: no training there, no checkpoint yet, or a damaged one.
    """
    folder = Path(model_dir)
    if not (folder / CONFIG_NAME).is_file():
        raise CheckpointError(f"{str(folder)!r} is no model folder: it has no {CONFIG_NAME}")
    path = tf.train.latest_checkpoint(str(folder / FOLDER_NAME))
    if not path:
        raise CheckpointError(f"{str(folder)!r} has no checkpoint yet")
    config = load_config(folder / CONFIG_NAME)
    generator = build_generator(config.generator)
    with _explained(path):
        if ema and config.training.ema_decay:
            averages = [tf.Variable(tf.zeros(w.shape)) for w in generator.trainable_variables]
            status = tf.train.Checkpoint(averages=averages).restore(path)
            status.assert_existing_objects_matched().expect_partial()
            for weight, average in zip(generator.trainable_variables, averages, strict=True):
                weight.assign(average)
        else:
            status = tf.train.Checkpoint(generator=generator).restore(path)
            status.assert_existing_objects_matched().expect_partial()
    return generator


class _explained:
    """Turns TensorFlow's errors about a checkpoint into one line."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        if isinstance(error, (tf.errors.OpError, AssertionError, ValueError)):
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise CheckpointError(
                f"checkpoint {self.path!r} is damaged or of another model: {reason}"
            ) from error


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)
