"""Memory that is free goes back to the system."""

import ctypes
import sys


def give_back() -> None:
    """Hands freed memory of this process back.

    The C library keeps what its threads have freed, for each thread apart: after a few large photos
    that is gigabytes. Only GNU's can be asked; elsewhere this does nothing.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(ctypes.c_size_t(0))
