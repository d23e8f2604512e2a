"""Keeps the greetings of TensorFlow's libraries off the terminal, unless somebody wants them."""

import os
import tempfile

_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
_set_here = False


def start_tensorflow(*, verbose: bool = False) -> None:
    """Imports TensorFlow and finds its devices, silent unless that fails.

    Call it before TensorFlow is imported. Whoever has set TF_CPP_MIN_LOG_LEVEL hears it all.

    Args:
        verbose: Let the libraries talk.
    """
    if verbose or not quieten():
        return
    # The libraries greet on stderr before any log level counts; shown if the start fails.
    with tempfile.TemporaryFile() as greetings:
        stderr = os.dup(2)
        os.dup2(greetings.fileno(), 2)
        try:
            import tensorflow as tf

            tf.config.list_physical_devices()
        except Exception:
            greetings.seek(0)
            os.write(stderr, greetings.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


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
