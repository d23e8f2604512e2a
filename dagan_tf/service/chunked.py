"""The body of an HTTP request that comes in chunks, read piece by piece.

cheroot's own reader takes each chunk into memory whole, whatever size it declares, and leaves what
follows the last one for the next request.
"""

import re
from typing import Any

# Digits that no body needs; a size is only believed as far as bytes arrive.
_SIZE = re.compile(rb"[0-9a-fA-F]{1,16}")
_LONGEST_LINE = 4096
_MOST_TRAILERS = 100


class ChunkedBody:
    """Reads one body from a connection.

    Attributes:
        closed: Whether it was read to its end.
    """

    def __init__(self, connection: Any) -> None:
        """Starts before the first chunk.

        Args:
            connection: File of bytes with `read1` and `readline`.
        """
        self.closed = False
        self._connection = connection
        self._left = 0

    def read(self, most: int) -> bytes:
        """The next part, what has arrived of it; empty at the body's end.

        Args:
            most: Bytes, 1 or more.

        Raises:
            OSError: The client was silent for too long, or is gone.
            ValueError: This is not in chunks.
        """
        if self.closed:
            return b""
        if not self._left:
            self._left = self._next_size()
            if not self._left:
                self._pass_trailers()
                self.closed = True
                return b""
        part: bytes = self._connection.read1(min(most, self._left))
        if not part:
            raise ConnectionResetError("the client went away")
        self._left -= len(part)
        if not self._left and self._line():
            raise ValueError("a chunk is longer than it says")
        return part

    def _next_size(self) -> int:
        size = self._line().partition(b";")[0].strip()
        if not _SIZE.fullmatch(size):
            raise ValueError(f"the size of a chunk is {size[:40]!r}; expected hexadecimal digits")
        return int(size, 16)

    def _pass_trailers(self) -> None:
        for _ in range(_MOST_TRAILERS):
            if not self._line():
                return
        raise ValueError(f"more than {_MOST_TRAILERS} lines follow the last chunk")

    def _line(self) -> bytes:
        line: bytes = self._connection.readline(_LONGEST_LINE)
        if not line:
            raise ConnectionResetError("the client went away")
        if not line.endswith(b"\n"):
            raise ValueError(f"a line between chunks has no end within {_LONGEST_LINE} bytes")
        return line.rstrip(b"\r\n")
