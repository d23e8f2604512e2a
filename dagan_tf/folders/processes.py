"""Jobs over worker processes: results in order, memory flat, Ctrl-C handled by the parent."""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection
from typing import Any, TypeVar

import cv2

from dagan_tf.errors import DaganError

Job = TypeVar("Job")
Result = TypeVar("Result")


def run_jobs(
    jobs: Sequence[Job],
    work: Callable[[Any, Job], Result],
    start: Callable[..., Any],
    settings: tuple[Any, ...],
    workers: int,
) -> Iterator[Result]:
    """Does every job.

    Args:
        jobs: of any picklable kind.
        work: called as `work(context, job)`; a function of a module, so that workers find it.
        start: called once a worker as `start(*settings)`; returns the context. Likewise.
        settings: picklable.
        workers: processes, at least 1; 1 works in this one.

    Yields:
        The results in the order of the jobs.

    Raises:
        DaganError: `workers` is below 1.
        Exception: whatever `work` raises; the other jobs are dropped.
    """
    if workers < 1:
        raise DaganError(f"workers: got {workers}, expected at least 1")
    if workers == 1 or len(jobs) < 2:
        context = start(*settings)
        for job in jobs:
            yield work(context, job)
        return
    with ProcessPoolExecutor(
        min(workers, len(jobs)),
        # Not fork: the parent may hold threads of OpenCV or TensorFlow.
        mp_context=get_context("spawn"),
        initializer=_start_worker,
        initargs=(work, start, settings),
    ) as pool:
        try:
            yield from _bounded(pool, jobs, window=4 * workers)
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _bounded(pool: ProcessPoolExecutor, jobs: Sequence[Any], window: int) -> Iterator[Any]:
    """Never more than `window` jobs in flight or waiting for an earlier one."""
    flying: deque[Future[Any]] = deque()
    for job in jobs:
        flying.append(pool.submit(_work, job))
        if len(flying) >= window:
            yield flying.popleft().result()
    while flying:
        yield flying.popleft().result()


def one_ahead(results: Iterator[Result]) -> Iterator[Result]:
    """Takes each result in a thread while the one before it is used, at most one ahead.

    Args:
        results: None of them None; of work that leaves the interpreter to others most of the time,
            as that on arrays does.

    Yields:
        The same, in order; raises what `results` raises.
    """
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, results, None)
        while (result := coming.result()) is not None:
            coming = pool.submit(next, results, None)
            yield result


@contextmanager
def jobs_beside(
    jobs: Sequence[Job],
    work: Callable[[Any, Job], Result],
    start: Callable[..., Any],
    settings: tuple[Any, ...],
) -> Iterator[Iterator[Result]]:
    """Does every job in one process beside this one, from the moment the block is entered.

    It works at most one job ahead of what has been asked for, and ends with the block.

    Args:
        jobs: As of `run_jobs`, like the others.
        work: What it raises ends the process, which prints the traceback.
        start: Called in that process.
        settings: Of `start`.

    Yields:
        The results in the order of the jobs; ends with a DaganError if the process does not live
        to give them all.
    """
    context = get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_work_beside, args=(theirs, jobs, work, start, settings))
    process.start()
    # Else this process would hold its end open, and wait for a dead one for ever.
    theirs.close()
    try:
        yield _received(ours, len(jobs))
    finally:
        process.kill()
        process.join()
        ours.close()


def _received(connection: Connection, count: int) -> Iterator[Any]:
    for number in range(count):
        try:
            yield connection.recv()
        except EOFError:
            raise DaganError(
                f"the process beside this one ended at job {number + 1} of {count}"
            ) from None


def _work_beside(
    connection: Connection,
    jobs: Sequence[Any],
    work: Callable[..., Any],
    start: Callable[..., Any],
    settings: tuple[Any, ...],
) -> None:
    _start_worker(work, start, settings)
    for job in jobs:
        connection.send(_work(job))


_worker: tuple[Callable[[Any, Any], Any], Any]


def _start_worker(work: Callable[..., Any], start: Callable[..., Any], settings: Any) -> None:
    global _worker
    # Ctrl-C reaches the whole process group; the parent alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _worker = (work, start(*settings))


def _end_with_parent() -> None:
    """A killed parent cannot end its workers; without this they would wait for jobs for ever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(job: Any) -> Any:
    work, context = _worker
    return work(context, job)
