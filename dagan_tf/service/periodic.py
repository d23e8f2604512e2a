"""Work that comes again every so many seconds."""

import threading
from collections.abc import Callable

from absl import logging

from dagan_tf.errors import DaganError


class Periodic:
    """Calls a function at intervals, in a thread of its own."""

    def __init__(
        self,
        function: Callable[[], None],
        seconds: float,
        *,
        expected: tuple[type[Exception], ...] = (),
    ) -> None:
        """Starts; the first call comes after `seconds`.

        Args:
            function: Called again and again.
            seconds: Between the end of one call and the next.
            expected: Errors that are logged, besides DaganError and OSError; others end the thread.
        """
        self._expected: tuple[type[Exception], ...] = (DaganError, OSError, *expected)
        self._function = function
        self._seconds = seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Waits for a call under way; there is no other."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self._seconds):
            try:
                self._function()
            except self._expected as error:
                logging.error("%s", error)
