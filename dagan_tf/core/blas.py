"""One thread for the linear algebra of small systems."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from threadpoolctl import ThreadpoolController


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Holds BLAS to one thread while the block, or the function it decorates, runs.

    For systems so small that threads only wait: with two of them a photo with six views takes five
    times the processor time.
    """
    with _controller().limit(limits=1):
        yield


@cache
def _controller() -> ThreadpoolController:
    """Kept by the process, not by an object: handles of libraries cannot go to another process."""
    return ThreadpoolController().select(user_api="blas")
