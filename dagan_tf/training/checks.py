"""Whether settings, records and machine fit one another; each misfit is one clear line."""

import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import tensorflow as tf

from dagan_tf.config.sections import LossConfig, TrainingConfig
from dagan_tf.core.processor import bfloat16_flag
from dagan_tf.data.records import read_index
from dagan_tf.errors import DaganError


def check_devices(settings: TrainingConfig, devices: int) -> None:
    """Checks that a step can be shared out: each device gets an equal share, in equal parts.

    Raises:
        DaganError: the batch does not split evenly, or the history would be shared by several
            devices.
    """
    size, parts = settings.batch_size, settings.accumulate
    if size % devices:
        raise DaganError(
            f"training.batch_size = {size}: expected a multiple of the {devices} devices"
        )
    if size // devices % parts:
        raise DaganError(
            f"training.accumulate = {parts}: {devices} devices get {size // devices} images each of"
            f" training.batch_size = {size}, expected a multiple of {parts}"
        )
    if settings.history_size and devices > 1:
        raise DaganError(
            f"training.history_size = {settings.history_size}: expected 0 on {devices} devices,"
            " a history is of one device"
        )


def warn_of_slow_precision(settings: TrainingConfig, devices: Sequence[str]) -> None:
    """Says on stderr that the processor emulates the precision, which takes many times as long.

    Args:
        settings: of which the precision.
        devices: those that are trained on; none: every GPU, or the CPU.
    """
    on_cpu = not (devices or tf.config.list_physical_devices("GPU")) or all(
        "CPU" in device.upper() for device in devices
    )
    if settings.precision == "mixed_bfloat16" and on_cpu and bfloat16_flag() == "":
        print(
            "training.precision = mixed_bfloat16: this processor has no products in bfloat16, a"
            " step takes many times as long; faster here: --set=training.precision=float32",
            file=sys.stderr,
            flush=True,
        )


def check_identities(loss: LossConfig, identities: Sequence[str], simulated: str) -> None:
    """Checks that the identity agent has something to tell apart.

    Args:
        loss: says whether the agent is wanted.
        identities: the name of each simulated view, "" = none.
        simulated: where the views are, for the message.

    Raises:
        DaganError: views without a name, or of a single one although the agent is wanted.
    """
    missing = sum(not name for name in identities)
    if missing:
        raise DaganError(
            f"{simulated!r}: {missing} of {len(identities)} simulated views have no identity;"
            " expected a name in the manifest's column 'identity'"
        )
    if len(set(identities)) == 1 and loss.identity_weight:
        raise DaganError(
            f"{simulated!r}: one identity only, {identities[0]!r}; the identity agent expects at"
            " least 2 (loss.identity_weight=0 trains without it)"
        )


def check_counts(batch_size: int, *records: Path) -> None:
    """Checks that each record folder fills a batch.

    Raises:
        DaganError: a folder is smaller than a batch: it would show an image twice in one step.
    """
    for folder in records:
        count = read_index(folder).count
        if count < batch_size:
            raise DaganError(
                f"training.batch_size = {batch_size}: larger than the set, {str(folder)!r} holds"
                f" {count} images; expected at most {count}"
            )


@contextlib.contextmanager
def memory_hint(what: str) -> Iterator[None]:
    """Turns exhausted memory, of a GPU or the machine, into one line.

    Args:
        what: is to be lowered or chosen, for the message.

    Raises:
        DaganError: in place of TensorFlow's ResourceExhaustedError and of MemoryError.
    """
    try:
        yield
    except (tf.errors.ResourceExhaustedError, MemoryError) as error:
        raise DaganError(f"out of memory: {what}") from error
