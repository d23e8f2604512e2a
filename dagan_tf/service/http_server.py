"""An HTTP server of threads around a WSGI application: cheroot, set up for strangers.

An idle connection holds no thread, what is not read in time is closed, also when it comes byte by
byte, and more connections than may wait are answered 503.
"""

import contextlib
import io
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from absl import logging
from cheroot import wsgi
from cheroot.makefile import StreamReader, StreamWriter
from cheroot.server import HeaderReader, HTTPConnection, HTTPRequest, KnownLengthRFile
from cheroot.ssl import Adapter

from dagan_tf.service.chunked import ChunkedBody

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

# Seconds a connection may be silent, within a request and between two.
_SILENT_SECONDS = 10
# Seconds for the head of a request, from its first byte on.
_HEAD_SECONDS = 10.0
_MOST_HEADER_BYTES = 64 * 2**10
_BACKLOG = 128
# More digits than any length has; Python refuses to read thousands of them as a number.
_MOST_DIGITS = 18
_DEFECT = 40  # logging.ERROR of the standard library.
_IDLE_CONNECTIONS = 256
_CHUNK_BYTES = 2**16
_DRAIN_BYTES = 2**23
_DRAIN_SECONDS = 2.0


class HttpServer:
    """Listens until it is stopped.

    Attributes:
        port: The port it listens on, the chosen one when 0 was asked for.
    """

    def __init__(
        self,
        host: str,
        port: int,
        application: Application,
        *,
        threads: int,
        waiting: int = 1000,
        cuts_lengths: bool = False,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Starts to listen.

        Args:
            host: Address to listen on.
            port: 0 chooses a free one.
            application: Answers the requests.
            threads: Requests worked on at once.
            waiting: Most connections whose requests wait for a thread.
            cuts_lengths: Let the application answer a Content-Length of any number of digits, of
                which it gets the first 18; else thousands of them are answered 400.
            tls: Encryption; None for none.

        Raises:
            OSError: The port cannot be had.
        """
        self._server = _Server(
            (host, port),
            _Closing(application),
            numthreads=threads,
            request_queue_size=_BACKLOG,
            timeout=_SILENT_SECONDS,
            accepted_queue_size=waiting,
            accepted_queue_timeout=1,
            server_name="dagan_tf",
        )
        self._server.max_request_header_size = _MOST_HEADER_BYTES
        self._server.keep_alive_conn_limit = _IDLE_CONNECTIONS
        self._server.gateway = _Gateway
        self._server.cuts_lengths = cuts_lengths
        self._server.ConnectionClass = _Connection
        if tls is not None:
            self._server.ssl_adapter = _LateHandshake(tls)
        self._server.prepare()
        self.port = int(self._server.bind_addr[1])
        self._thread = threading.Thread(target=self._server.serve, name="http", daemon=True)
        self._thread.start()

    def stop(self, grace_seconds: float = 5.0) -> None:
        """Closes the port; requests under way have `grace_seconds`."""
        self._server.shutdown_timeout = grace_seconds
        self._server.stop()
        self._thread.join()


def read_some(environ: dict[str, Any]) -> bytes:
    """The next part of a request's body, what has arrived of it; empty at its end.

    Raises:
        OSError: The client was silent for too long, or is gone.
        ValueError: The body is not in chunks, as its header says.
    """
    source = environ["wsgi.input"]
    if not isinstance(source, KnownLengthRFile):
        return bytes(source.read(_CHUNK_BYTES))
    if source.remaining <= 0:
        return b""
    # Not its `read`, which waits until there is as much as was asked for.
    part: bytes = source.rfile.read1(min(_CHUNK_BYTES, source.remaining))
    if not part:
        raise ConnectionResetError("the client went away")
    source.remaining -= len(part)
    return part


class _Server(wsgi.Server):
    cuts_lengths = False

    def process_conn(self, conn: Any) -> None:
        # A new connection gets a thread when it has said something; cheroot would wait in one.
        if getattr(conn, "dagan_has_spoken", False):
            super().process_conn(conn)
        else:
            conn.dagan_has_spoken = True
            self._connections.put(conn)  # type: ignore[attr-defined]

    def error_log(self, msg: str = "", level: int = 20, traceback: bool = False) -> None:
        # A client that breaks off or speaks another protocol is nothing to wake anybody for.
        tell = logging.error if level >= _DEFECT else logging.debug
        tell("http: %s", msg, exc_info=traceback)


class _TimedSocket(socket.SocketIO):
    """A socket as a file whose reads end in time, all of them together where there is a `until`."""

    until: float | None = None

    def __init__(self, sock: Any) -> None:
        super().__init__(sock, "r")
        self._timed = sock

    def readinto(self, buffer: Any) -> int | None:
        left = float(_SILENT_SECONDS)
        if self.until is not None:
            left = min(left, self.until - time.monotonic())
            if left <= 0:
                raise TimeoutError("timed out")
        self._timed.settimeout(left)
        return super().readinto(buffer)


class _Reader(StreamReader):
    def __init__(self, sock: Any, bufsize: int) -> None:
        self.timed = _TimedSocket(sock)
        super(StreamReader, self).__init__(self.timed, bufsize)
        self.bytes_read = 0


class _Headers(HeaderReader):
    def __call__(self, rfile: Any, hdict: Any = None) -> Any:
        headers = super().__call__(rfile, hdict)
        length = headers.get(b"Content-Length", b"")
        if length.isdigit():
            headers[b"Content-Length"] = length[:_MOST_DIGITS]
        return headers


class _Request(HTTPRequest):
    def __init__(self, server: Any, conn: Any, *arguments: Any) -> None:
        super().__init__(server, conn, *arguments)
        if server.cuts_lengths:
            self.header_reader = _Headers()

    def parse_request(self) -> None:
        timed = self.conn.rfile.timed
        timed.until = time.monotonic() + _HEAD_SECONDS
        super().parse_request()
        timed.until = None


class _Connection(HTTPConnection):
    RequestHandlerClass = _Request

    def __init__(self, server: Any, sock: Any, makefile: Any = None) -> None:
        del makefile

        def make(sock: Any, mode: str, bufsize: int) -> Any:
            return _Reader(sock, bufsize) if "r" in mode else StreamWriter(sock, mode, bufsize)

        super().__init__(server, sock, make)


class _Gateway(wsgi.Gateway_10):
    def get_environ(self) -> Any:
        environ: Any = super().get_environ()
        environ["dagan.request"] = self.req
        if self.req.chunked_read:
            self.req.rfile = environ["wsgi.input"] = ChunkedBody(self.req.conn.rfile)
        return environ


class _Closing:
    """Closes connections whose request's body was not read to its end.

    cheroot would read the rest, however much it is, into memory. Some of it is thrown away first:
    a client that is still sending when the connection is closed may never see the answer.
    """

    def __init__(self, application: Application) -> None:
        self._application = application

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        answer = self._application(environ, start_response)
        source = environ["wsgi.input"]
        chunked = isinstance(source, ChunkedBody)
        unread = not source.closed if chunked else source.remaining > 0
        if unread:
            environ["dagan.request"].close_connection = True
            _throw_away(environ)
        return answer


def _throw_away(environ: dict[str, Any]) -> None:
    if getattr(environ["wsgi.input"], "remaining", 0) > _DRAIN_BYTES:
        return
    end, left = time.monotonic() + _DRAIN_SECONDS, _DRAIN_BYTES
    with contextlib.suppress(OSError, ValueError, EOFError):
        while left > 0 and time.monotonic() < end and (part := read_some(environ)):
            left -= len(part)


class _LateHandshake(Adapter):
    """TLS whose handshake is done by the thread that reads the request.

    cheroot's own adapter does it in the thread that accepts connections, so that one silent client
    would keep all others out.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__("", "")
        self._context = context

    def bind(self, sock: Any) -> Any:
        return sock

    def wrap(self, sock: Any) -> tuple[Any, dict[str, str]]:
        wrapped = self._context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        return wrapped, self.get_environ()

    def get_environ(self) -> dict[str, str]:
        return {"wsgi.url_scheme": "https", "HTTPS": "on"}

    def makefile(self, sock: Any, mode: str = "r", bufsize: int = io.DEFAULT_BUFFER_SIZE) -> Any:
        raise AssertionError("_Connection makes its files itself")
