"""Starts TensorFlow without the greetings of its libraries."""

import os
import tempfile

_ASKED_FOR = "TF_CPP_MIN_LOG_LEVEL" in os.environ
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def start_tensorflow() -> None:
    """Imports TensorFlow and finds its devices, silent unless that fails.

    Import this module before TensorFlow is. Whoever has set TF_CPP_MIN_LOG_LEVEL hears it all.
    """
    if _ASKED_FOR:
        return
    # The libraries greet on stderr before any log level counts; shown if the start fails.
    with tempfile.TemporaryFile() as greetings:
        stderr = os.dup(2)
        os.dup2(greetings.fileno(), 2)
        try:
            import tensorflow as tf

            tf.config.list_physical_devices()
        except BaseException:
            greetings.seek(0)
            os.write(stderr, greetings.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
