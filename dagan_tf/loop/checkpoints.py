"""What a training leaves behind to be resumed or exported, and the way back in.

`MODEL_DIR/checkpoints` keeps both networks, both optimisers, k, the averaged refiner, the history
and the progress (steps, plateau, rates). Order of the data, flips and draws follow from seed and
step. `best/` keeps a copy of the best one; `config.yaml` and `identities.json` what they were built
from.
"""

import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import keras
import tensorflow as tf

from dagan_tf.config.settings import Config, differences, load_config
from dagan_tf.core.files import write_text
from dagan_tf.core.progress import Progress
from dagan_tf.errors import DaganError
from dagan_tf.gan.adversaries import REALISM
from dagan_tf.gan.dagan import DAGAN
from dagan_tf.gan.discriminator import build_discriminator
from dagan_tf.gan.generator import build_generator

CONFIG_NAME = "config.yaml"
IDENTITIES_NAME = "identities.json"
FOLDER_NAME = "checkpoints"
BEST_NAME = "best"

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
    "alarms.on_nan",
    "alarms.on_collapse",
    "alarms.collapse_ratio",
    "alarms.on_identity_map",
    "alarms.identity_map_limit",
    "alarms.max_rollbacks",
}


class CheckpointError(DaganError):
    """A model folder that cannot be resumed or read."""


def check_config(model_dir: str | os.PathLike[str], config: Config) -> None:
    """Checks that a training in `model_dir`, if there is one, has this configuration.

    Raises:
        CheckpointError: it has another one; the message lists the differences.
    """
    folder = Path(model_dir)
    if not list_checkpoints(folder):
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
    if list_checkpoints(folder):
        known = read_identities(folder)
        if known != list(identities):
            strange = sorted(set(known) ^ set(identities))
            raise CheckpointError(
                f"{str(folder)!r} was trained on {len(known)} identities, the simulated folder has"
                f" {len(identities)}; the first that differs is {(strange or identities)[0]!r}"
            )
    config.save(folder / CONFIG_NAME)
    write_text(folder / IDENTITIES_NAME, json.dumps(list(identities), ensure_ascii=False, indent=1))


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


def list_checkpoints(model_dir: str | os.PathLike[str]) -> list[str]:
    """Checkpoints of a training, newest first, as `tf.train.Checkpoint.restore` takes them.

    Read from the files, not from TensorFlow's `checkpoint` list: that is one more file to be lost.
    """
    steps = {}
    for index in (Path(model_dir) / FOLDER_NAME).glob("ckpt-*.index"):
        number = re.fullmatch(r"ckpt-(\d+)\.index", index.name)
        if number and list(index.parent.glob(f"{index.stem}.data-*")):
            steps[int(number[1])] = str(index.with_suffix(""))
    return [steps[step] for step in sorted(steps, reverse=True)]


class Resumable(Protocol):
    """A model that counts its steps."""

    progress: Progress


def restore_latest(model: Resumable, manager: tf.train.CheckpointManager) -> int:
    """Restores the newest checkpoint that is whole, if any.

    Returns:
        Steps done so far.

    Raises:
        CheckpointError: all checkpoints are damaged, or it is of another architecture.
    """
    paths = list_checkpoints(Path(manager.directory).parent)
    if paths:

        def restore(path: str) -> None:
            manager.checkpoint.restore(path).assert_existing_objects_matched()

        _restore_first(paths, restore)
    return int(tf.convert_to_tensor(model.progress.steps))


def restore_best(dagan: DAGAN, manager: tf.train.CheckpointManager) -> int | None:
    """Restores the best checkpoint, or without one the newest.

    Returns:
        Steps done at it; None if there is no checkpoint at all.
    """
    model_dir = Path(manager.directory).parent
    best = read_best(model_dir)
    paths = list_checkpoints(model_dir)
    if best:
        paths.insert(0, str(model_dir / BEST_NAME / f"ckpt-{best.step}"))
    if not paths:
        return None
    _restore_first(paths, lambda path: manager.checkpoint.restore(path).expect_partial())
    return int(tf.convert_to_tensor(dagan.progress.steps))


@dataclass(frozen=True)
class Best:
    """The best checkpoint: its step and the value (lower = better) of the measure that chose it."""

    step: int
    measure: str
    value: float


def read_best(model_dir: str | os.PathLike[str]) -> Best | None:
    """What `MODEL_DIR/best` holds; None if nothing (readable)."""
    try:
        return Best(**json.loads((Path(model_dir) / BEST_NAME / f"{BEST_NAME}.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None


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

    _restore_first(paths, restore)
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
        config.data.image_size,
        len(read_identities(folder)),
        REALISM[config.loss.adversarial],
    )

    def restore(path: str) -> None:
        status = tf.train.Checkpoint(discriminator=discriminator).restore(path)
        status.assert_existing_objects_matched().expect_partial()

    _restore_first(paths, restore)
    return discriminator


def _restore_first(paths: Sequence[str], restore: Callable[[str], object]) -> str:
    """Restores the first whole checkpoint of several and says which ones it left aside."""
    reasons = []
    for path in paths:
        try:
            restore(path)
        except (AssertionError, ValueError, tf.errors.InvalidArgumentError) as error:
            raise CheckpointError(
                f"checkpoint {path!r} is damaged or of another model: {_line(error)}"
            ) from error
        # TensorFlow's reader turns some of its errors into Python's, IndexError among them.
        except (OSError, IndexError, RuntimeError, tf.errors.OpError) as error:
            reasons.append(f"{path!r}: {_line(error)}")
            continue
        for reason in reasons:
            print(f"warning: damaged checkpoint {reason}", file=sys.stderr)
        if reasons:
            print(f"warning: the one before is used, {path!r}", file=sys.stderr, flush=True)
        return path
    raise CheckpointError(f"no checkpoint can be read, all are damaged; {'; '.join(reasons)}")


def _line(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
