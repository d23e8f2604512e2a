"""What a batch is made of: requests or parts of them, put together and taken apart again."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from dagan_tf.service.server.status import failed_precondition, invalid

Arrays = Mapping[str, np.ndarray]
Run = Callable[[Arrays], dict[str, np.ndarray]]


def _held() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


@dataclass(eq=False)
class BatchTask:
    """A request in a queue, or a part of one.

    Attributes:
        inputs: arrays with the images along the first dimension.
        size: number of images.
        run: answers a whole batch.
        deadline: `time.monotonic()` after which nobody waits; None for never.
        most: images that a batch may have when it is put together from several tasks.
        enqueued: `time.monotonic()` of its arrival.
        pending: held until `outputs` or `error` is set. A bare lock: an Event costs three of them.
        outputs: what the model answered.
        error: why it did not.
    """

    inputs: Arrays
    size: int
    run: Run
    deadline: float | None
    most: int
    enqueued: float = field(default_factory=time.monotonic)
    pending: threading.Lock = field(default_factory=_held)
    outputs: dict[str, np.ndarray] | None = None
    error: Exception | None = None

    def finish(
        self, outputs: dict[str, np.ndarray] | None = None, error: Exception | None = None
    ) -> None:
        """Hands the outcome to whoever waits."""
        self.outputs, self.error = outputs, error
        self.pending.release()

    def wait(self, seconds: float | None) -> bool:
        """Whether it was finished within this many seconds (None: waits for ever). Ask once."""
        return self.pending.acquire(timeout=-1 if seconds is None else max(0.0, seconds))


def batch_size(inputs: Arrays) -> int:
    """Number of images of a request; refuses inputs that cannot be batched."""
    if any(array.ndim == 0 for array in inputs.values()):
        raise invalid("Batching Run() input tensors must have at least one dimension")
    sizes = {len(array) for array in inputs.values()}
    if len(sizes) > 1:
        raise invalid("Batching Run() input tensors must have equal 0th-dimension size")
    size = sizes.pop() if sizes else 0
    if size == 0:
        raise invalid("Batching Run() input tensors must have a 0th-dimension size of 1 or more")
    return size


def merge(batch: list[BatchTask], padding: int) -> Arrays:
    """Inputs of all tasks, one after the other, and `padding` copies of a row."""
    if len(batch) == 1 and not padding:
        return batch[0].inputs
    merged = {}
    for name in batch[0].inputs:
        arrays = [task.inputs[name] for task in batch]
        if padding:  # A row of a request: known to be a valid input.
            arrays.append(np.repeat(arrays[-1][:1], padding, axis=0))
        merged[name] = np.concatenate(arrays)
    return merged


def split(batch: list[BatchTask], outputs: Mapping[str, np.ndarray], size: int) -> None:
    """Finishes each task with its rows of the outputs; refuses outputs of another size."""
    for array in outputs.values():
        if array.ndim == 0:
            raise failed_precondition("Batched output tensor has 0 dimensions")
        if len(array) != size:
            raise failed_precondition(
                "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension "
                "sizes of the input tensors"
            )
    start = 0
    for task in batch:
        end = start + task.size
        task.finish(outputs={name: array[start:end] for name, array in outputs.items()})
        start = end
