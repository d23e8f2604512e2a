"""Puts requests together that arrive at the same time, as TensorFlow Serving's BatchingSession.

Names, messages and status codes: tensorflow_serving/batching/batching_session.cc and
tensorflow/core/kernels/batching_util/shared_batch_scheduler.h. Two differences help the caller:
requests of different image sizes wait in queues of their own instead of failing each other
(FAILED_PRECONDITION there), and when a batch fails each of its requests is run again by itself,
so that one broken image does not spoil its neighbours' answers.
"""

import threading
import time
from collections import deque
from collections.abc import Sequence

import grpc
import numpy as np

from dagan_tf.service.server.batch_tasks import Arrays, BatchTask, Run, batch_size, merge, split
from dagan_tf.service.server.config_file import BatchingParameters
from dagan_tf.service.server.metrics import ServerMetrics
from dagan_tf.service.server.status import RequestError, invalid

_Key = tuple[object, ...]

# Larger images keep two cores busy by themselves, and putting them together only drives their
# activations out of the cache (docs/results/speed.md).
CPU_BATCH_PIXELS = 128 * 128


class Ticket:
    """A request that has been handed to the batcher."""

    def __init__(self, batcher: "Batcher", tasks: Sequence[BatchTask]) -> None:
        """Made by the batcher.

        Args:
            batcher: works on them.
            tasks: the request's parts, in order.
        """
        self._batcher = batcher
        self._tasks = tasks

    def cancel(self) -> None:
        """Takes the request out of its queue if no batch has it yet."""
        self._batcher.drop(
            self._tasks, RequestError(grpc.StatusCode.CANCELLED, "Cancelled by the client")
        )

    def result(self) -> dict[str, np.ndarray]:
        """Waits for the outputs.

        Raises:
            RequestError: Refused by the model, too late, or cancelled.
        """
        for task in self._tasks:
            left = None if task.deadline is None else task.deadline - time.monotonic()
            if not task.wait(left):
                self._batcher.drop(self._tasks, _too_late())
                raise _too_late()
        for task in self._tasks:
            if task.error is not None:
                raise task.error
        parts = [task.outputs for task in self._tasks if task.outputs is not None]
        if len(parts) == 1:
            return parts[0]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


class Batcher:
    """Worker threads over one queue for each model version, signature and image size."""

    def __init__(
        self, parameters: BatchingParameters, metrics: ServerMetrics, *, max_pixels: int = 0
    ) -> None:
        """Starts the threads.

        Args:
            parameters: Sizes, waiting times and threads, as in TensorFlow Serving.
            metrics: Where the size and the wait of each batch are recorded.
            max_pixels: Requests are put together only as long as a batch has no more pixels than
                this; 0 for no limit.
        """
        self._max_pixels = max_pixels
        self._parameters = parameters
        self._metrics = metrics
        self._lock = threading.Condition()
        self._queues: dict[_Key, deque[BatchTask]] = {}
        self._stopped = False
        self._busy = 0
        self._threads = [
            threading.Thread(target=self._work, name=f"batch-{index}", daemon=True)
            for index in range(parameters.num_batch_threads)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ends the threads once the queues are empty."""
        with self._lock:
            self._stopped = True
            self._lock.notify_all()
        for thread in self._threads:
            thread.join()

    def submit(
        self,
        key: _Key,
        inputs: Arrays,
        run: Run,
        *,
        deadline: float | None = None,
        here: bool = False,
    ) -> Ticket:
        """Queues a request.

        Args:
            key: Model, version and signature: only equals are put together.
            inputs: Arrays with the images along the first dimension.
            run: Answers a whole batch; outputs have the images along the first dimension too.
            deadline: `time.monotonic()` after which nobody waits for the answer.
            here: When a batch would start at once with this request alone, run it in the calling
                thread: two changes of thread fewer.

        Raises:
            RequestError: The inputs cannot be batched, or the queue is full.
        """
        size = batch_size(inputs)
        limit, step = self._parameters.max_batch_size, self._parameters.execution_batch_size
        most = self._most(inputs)
        if size > limit:
            raise invalid(f"Task size {size} is larger than maximum input batch size {limit}")
        tasks = [
            BatchTask(
                {name: array[start : start + step] for name, array in inputs.items()},
                min(step, size - start),
                run,
                deadline,
                most=most,
            )
            for start in range(0, size, step)
        ]
        shapes = tuple((name, inputs[name].shape[1:]) for name in sorted(inputs))
        with self._lock:
            here = here and len(tasks) == 1 and self._is_idle()
            self._busy += here
            queue = self._queues.setdefault((*key, shapes), deque()) if not here else deque()
            waiting = sum(task.size for task in queue)
            if waiting + size > self._parameters.max_enqueued_batches * step:
                raise RequestError(
                    grpc.StatusCode.UNAVAILABLE,
                    "The batch scheduling queue to which this task was submitted is full",
                )
            queue.extend(tasks)
            if not here:
                self._lock.notify()
        if here:
            self._process(tasks)
            self._done()
        return Ticket(self, tasks)

    def drop(self, tasks: Sequence[BatchTask], error: RequestError) -> None:
        """Takes tasks that no batch has yet out of the queues."""
        with self._lock:
            for queue in self._queues.values():
                for task in tasks:
                    if task in queue:
                        queue.remove(task)
                        task.finish(error=error)

    def _is_idle(self) -> bool:
        return (
            self._parameters.batch_timeout_micros == 0
            and not self._queues
            and self._busy < self._parameters.num_batch_threads
        )

    def _done(self) -> None:
        with self._lock:
            self._busy -= 1
            if self._stopped:
                self._lock.notify_all()  # Each thread has to see that nothing is left.
            elif self._queues:
                self._lock.notify()

    def _work(self) -> None:
        while (batch := self._next_batch()) is not None:
            self._process(batch)
            self._done()

    def _next_batch(self) -> list[BatchTask] | None:
        with self._lock:
            while True:
                now = time.monotonic()
                ready, wait = self._oldest_ready(now)
                if ready is not None and self._busy < self._parameters.num_batch_threads:
                    self._busy += 1
                    return self._take(ready)
                if self._stopped and not self._queues:
                    return None
                self._lock.wait(wait)

    def _oldest_ready(self, now: float) -> tuple[_Key | None, float | None]:
        """The queue whose batch has been due for longest, or how long until one is."""
        timeout = self._parameters.batch_timeout_micros / 1e6
        best: tuple[float, _Key] | None = None
        soonest: float | None = None
        for key, queue in list(self._queues.items()):
            while queue and queue[0].deadline is not None and queue[0].deadline <= now:
                queue.popleft().finish(error=_too_late())
            if not queue:
                del self._queues[key]  # Keys of unloaded versions must not stay for ever.
                continue
            due = queue[0].enqueued + timeout
            full = sum(task.size for task in queue) >= queue[0].most
            if full or due <= now or self._stopped:
                if best is None or queue[0].enqueued < best[0]:
                    best = (queue[0].enqueued, key)
            else:
                soonest = min(due - now, soonest or due - now)
        return (best[1] if best else None), soonest

    def _take(self, key: _Key) -> list[BatchTask]:
        queue, size = self._queues[key], 0
        batch: list[BatchTask] = []
        now = time.monotonic()
        while queue and (not batch or size + queue[0].size <= queue[0].most):
            task = queue.popleft()
            if task.deadline is not None and task.deadline <= now:
                task.finish(error=_too_late())
                continue
            batch.append(task)
            size += task.size
        if queue:
            self._lock.notify()  # Another thread may have the next batch.
        else:
            del self._queues[key]
        return batch

    def _process(self, batch: list[BatchTask]) -> None:
        if not batch:
            return
        started = time.monotonic()
        size = sum(task.size for task in batch)
        padding = self._padding(size)
        waits = [started - task.enqueued for task in batch]
        self._metrics.batched(self._parameters.thread_pool_name, size + padding, waits)
        try:
            outputs = batch[0].run(merge(batch, padding))
            split(batch, outputs, size + padding)
        except Exception as error:
            if len(batch) == 1:
                batch[0].finish(error=error)
                return
            for task in batch:
                self._process([task])

    def _most(self, inputs: Arrays) -> int:
        """Images of this size that a batch put together may have."""
        pixels = max(
            (array.shape[1] * array.shape[2] for array in inputs.values() if array.ndim == 4),
            default=0,
        )
        most = self._parameters.execution_batch_size
        if not (self._max_pixels and pixels):
            return most
        return min(most, max(1, self._max_pixels // pixels))

    def _padding(self, size: int) -> int:
        fitting = [allowed for allowed in self._parameters.allowed_batch_sizes if allowed >= size]
        return fitting[0] - size if fitting else 0


def _too_late() -> RequestError:
    return RequestError(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded")
