"""Starts TensorFlow sooner than a bare import, its libraries' greetings off the terminal."""

import gc
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from dagan_tf.core.memory import without_collections

_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
# Keras 3 imports them in case somebody wants its wrappers and galleries, which nothing here does.
_IN_CASE = ("matplotlib", "sklearn")
_set_here = False


def start_tensorflow(*, verbose: bool = False) -> None:
    """Imports TensorFlow and finds its devices, silent unless that fails.

    Call it before TensorFlow is imported. Whoever has set TF_CPP_MIN_LOG_LEVEL hears it all.
    Keras' wrappers for scikit-learn and its pictures of images do not work in a process so started.

    Args:
        verbose: Let the libraries talk.
    """
    if verbose or not quieten():
        _import_tensorflow()
        return
    # The libraries greet on stderr before any log level counts; shown if the start fails.
    with tempfile.TemporaryFile() as greetings:
        stderr = os.dup(2)
        os.dup2(greetings.fileno(), 2)
        try:
            _import_tensorflow()
        except Exception:
            greetings.seek(0)
            os.write(stderr, greetings.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


def _import_tensorflow() -> None:
    # A third of the time is theirs, a sixth that of seeking garbage among a million objects.
    with _without(_IN_CASE), without_collections():
        import tensorflow as tf

        tf.config.list_physical_devices()
        # Nor are they sought through later: at its end the process would for over half a second.
        gc.freeze()


@contextmanager
def _without(packages: tuple[str, ...]) -> Iterator[None]:
    """Makes those packages that are not loaded yet seem not to be installed."""
    hidden = [name for name in packages if name not in sys.modules]
    try:
        sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
        yield
    finally:
        for name in hidden:
            sys.modules.pop(name, None)


def quieten() -> bool:
    """Sets the log level of TensorFlow's libraries, also for child processes, to errors only.

    Returns:
        Whether it did, now or before: a level that the user has set stays.
    """
    global _set_here
    if _LEVEL not in os.environ:
        os.environ[_LEVEL] = "2"
        _set_here = True
    return _set_here
