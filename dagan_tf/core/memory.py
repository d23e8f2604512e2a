"""Memory that is free goes back to the system, and when garbage is not looked for."""

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


def give_back() -> None:
    """Hands freed memory of this process back.

    The C library keeps what its threads have freed, for each thread apart: after a few large photos
    that is gigabytes. Only GNU's can be asked; elsewhere this does nothing.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(ctypes.c_size_t(0))


@contextmanager
def without_collections() -> Iterator[None]:
    """Looks for no garbage while the block runs, for one that makes many objects which stay."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
