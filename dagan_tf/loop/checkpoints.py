"""Checkpoints of a training, of whatever model: listed, restored, the best one kept apart.

`MODEL_DIR/checkpoints` holds the last ones, `MODEL_DIR/best` a copy of the best one and
`MODEL_DIR/config.yaml` what they were built from.
"""

import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import tensorflow as tf

from dagan_tf.core.progress import Progress
from dagan_tf.errors import DaganError

CONFIG_NAME = "config.yaml"
FOLDER_NAME = "checkpoints"
BEST_NAME = "best"


class CheckpointError(DaganError):
    """A model folder that cannot be resumed or read."""


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

        restore_first(paths, restore)
    return int(tf.convert_to_tensor(model.progress.steps))


def restore_best(model: Resumable, manager: tf.train.CheckpointManager) -> int | None:
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
    restore_first(paths, lambda path: manager.checkpoint.restore(path).expect_partial())
    return int(tf.convert_to_tensor(model.progress.steps))


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


def restore_first(paths: Sequence[str], restore: Callable[[str], object]) -> str:
    """Restores the first whole checkpoint of several and says on stderr which it left aside.

    Args:
        paths: as `list_checkpoints` has them.
        restore: restores one; it raises what TensorFlow does.

    Returns:
        The path restored.

    Raises:
        CheckpointError: all are damaged, or the first that can be read is of another model.
    """
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
