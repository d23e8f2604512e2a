"""Functions that numba compiles at their first use, their machine code kept on disk if it can be.

It is kept beside the package, in the user's cache or where NUMBA_CACHE_DIR says, whichever can be
written. Where none can, each process compiles anew.
"""

import inspect
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import numba

from dagan_tf.core.memory import without_collections

Function = TypeVar("Function", bound=Callable[..., Any])
# By module: each function with the types of its arguments.
_known: dict[str, list[tuple[Any, tuple[Any, ...]]]] = {}


def compiled(*types: Any, **options: Any) -> Callable[[Function], Function]:
    """As `numba.njit(cache=True, nogil=True, **options)`; without a cache if there is no place.

    Args:
        types: numba's, of the arguments as this package calls it with, for `compile_modules`;
            none for a function that only such functions call. Other types are compiled when they
            come.
        options: Of `numba.njit`.
    """
    # No C program calls it.
    options = {"nogil": True, "no_cfunc_wrapper": True, **options}

    def compile_it(function: Function) -> Function:
        try:
            made = numba.njit(cache=True, **options)(function)
        except RuntimeError:  # numba: "no locator available for file"
            made = numba.njit(**options)(function)
        if types:
            _known.setdefault(function.__module__, []).append((made, types))
        return made

    return compile_it


def compile_modules(names: Iterable[str]) -> None:
    """Compiles the functions of modules, or loads them, for the types they were declared with.

    Args:
        names: Of modules, imported here.
    """
    # Compiling makes a million objects; seeking garbage among them takes an eighth of its time.
    with without_collections():
        for name in names:
            import_module(name)
            for function, types in _known.get(name, ()):
                function.compile(types)


def must_compile(name: str) -> bool:
    """Whether another process could compile a module's functions for this one: none is on disk.

    Args:
        name: Of a module, imported here.
    """
    import_module(name)
    for function, _ in _known.get(name, ()):
        folder = function.stats.cache_path
        if folder is None:
            return False
        source = Path(inspect.getfile(function.py_func))
        indices = Path(folder).glob(f"{source.stem}.{function.__name__}-*.nbi")
        if any(index.stat().st_mtime >= source.stat().st_mtime for index in indices):
            return False
    return True


def cache_folder() -> str:
    """Where machine code is kept; empty if nowhere."""
    return _nothing.stats.cache_path or ""  # type: ignore[attr-defined]


@compiled()
def _nothing() -> None:
    pass
