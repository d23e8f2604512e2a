"""One line of JSON for each request: who asked for what, and what became of it."""

import datetime
import json
import sys
import threading
from pathlib import Path
from typing import TextIO


class AccessLog:
    """Appends to a file, or to standard output; never a pixel, never an image."""

    def __init__(self, path: str) -> None:
        """Opens the log.

        Args:
            path: File to append to; `-` for standard output.

        Raises:
            OSError: It cannot be written.
        """
        self._file: TextIO = sys.stdout
        if path != "-":
            self._file = Path(path).open("a", encoding="utf-8")  # noqa: SIM115, see close
        self._lock = threading.Lock()

    def write(self, **fields: object) -> None:
        """Writes one line: the time in UTC, then the fields."""
        now = datetime.datetime.now(datetime.timezone.utc)
        line = json.dumps({"time": now.isoformat("T", "milliseconds"), **fields})
        with self._lock:
            self._file.write(line + "\n")
            self._file.flush()

    def close(self) -> None:
        """Closes the file."""
        if self._file is not sys.stdout:
            self._file.close()
