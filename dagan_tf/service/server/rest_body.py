"""The body of a request by REST: its length, its packing, and how long it may take."""

import time
import zlib
from collections.abc import Callable
from typing import Any

import grpc

from dagan_tf.service.http_server import read_some
from dagan_tf.service.server.status import RequestError, exhausted, invalid

_Code = grpc.StatusCode


class TooLargeError(Exception):
    """A body that is not read at all."""


class Context:
    """What of gRPC's context the services ask for."""

    def __init__(self, timeout_seconds: float) -> None:
        """Counts from now on.

        Args:
            timeout_seconds: For the request; 0 for no limit.
        """
        self._end = time.monotonic() + timeout_seconds if timeout_seconds > 0 else None

    def time_remaining(self) -> float | None:
        """Seconds that are left, None without a limit."""
        return None if self._end is None else self._end - time.monotonic()

    def add_callback(self, callback: Callable[[], None]) -> bool:
        """Takes a callback for when the client goes, which is never called."""
        del callback  # Whether the client is still there shows only when the answer is sent.
        return True

    def check(self) -> None:
        """Raises RequestError when it is too late."""
        left = self.time_remaining()
        if left is not None and left <= 0:
            raise RequestError(_Code.DEADLINE_EXCEEDED, "Deadline Exceeded")


def read_body(environ: dict[str, Any], context: Context, most: int) -> bytes:
    """The body of a request, unpacked.

    Args:
        environ: WSGI's, of the request.
        context: Of the request.
        most: Bytes it may hold, unpacked.

    Raises:
        RequestError: INVALID_ARGUMENT, no body as its headers say; RESOURCE_EXHAUSTED, caused by
            TooLargeError; DEADLINE_EXCEEDED or CANCELLED, it did not arrive.
    """
    length = environ.get("CONTENT_LENGTH") or "0"
    if not length.isascii() or not length.isdecimal():
        raise invalid(f"Content-Length is {length[:40]!r}; expected a number of bytes")
    if len(length) > 18 or int(length) > most:
        raise _too_large(f"the body holds {length[:40]} bytes", most)
    encoding = environ.get("HTTP_CONTENT_ENCODING", "identity").strip().lower()
    if encoding not in ("identity", "gzip", "x-gzip"):
        raise invalid(f"Content-Encoding is {encoding[:40]!r}; expected gzip or none")
    unpack = zlib.decompressobj(wbits=31) if "gzip" in encoding else None
    parts, size = [], 0
    while part := _next_part(environ, context):
        if unpack is not None:
            try:
                part = unpack.decompress(part, most - size + 1)
            except zlib.error as error:
                raise invalid(f"the body is no gzip: {error}") from error
        size += len(part)
        if size > most:
            raise _too_large("the body, unpacked, holds more bytes", most)
        parts.append(part)
    if unpack is not None and size and not unpack.eof:
        raise invalid("the body is no gzip: it is cut off")
    return b"".join(parts)


def _next_part(environ: dict[str, Any], context: Context) -> bytes:
    context.check()
    try:
        return read_some(environ)
    except TimeoutError as error:
        raise RequestError(_Code.DEADLINE_EXCEEDED, "the body did not arrive in time") from error
    except OSError as error:
        raise RequestError(_Code.CANCELLED, "Cancelled by the client") from error
    except (ValueError, EOFError) as error:
        raise invalid(f"the body is not in chunks: {error}") from error


def _too_large(what: str, most: int) -> RequestError:
    error = exhausted(f"{what}; expected at most {most}")
    error.__cause__ = TooLargeError()
    return error
