"""Functions that numba compiles at their first use, their machine code kept on disk if it can be.

It is kept beside the package, in the user's cache or where NUMBA_CACHE_DIR says, whichever can be
written. Where none can, each process compiles anew.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(**options: Any) -> Callable[[Function], Function]:
    """As `numba.njit(cache=True, nogil=True, **options)`; without a cache if there is no place."""

    def compile_it(function: Function) -> Function:
        try:
            return numba.njit(cache=True, nogil=True, **options)(function)
        except RuntimeError:  # numba: "no locator available for file"
            return numba.njit(nogil=True, **options)(function)

    return compile_it


def cache_folder() -> str:
    """Where machine code is kept; empty if nowhere."""
    return _nothing.stats.cache_path or ""  # type: ignore[attr-defined]


@compiled()
def _nothing() -> None:
    pass
