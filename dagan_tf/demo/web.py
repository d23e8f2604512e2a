"""The demo page's web server: the loopback only, one page, few requests.

    POST   /photos                              a file's bytes -> its name, faces and a small copy
    GET    /views?photo=&face=[&yaw=&pitch=]    -> simulated and refined picture, pose
    DELETE /photos/NAME                         forgets it
    GET    /card                                the refiner's model card

Answers are JSON, pictures in them data URLs, so that both always show the same pose. A web site
open in the same browser is kept out: requests must name this server as their host (DNS rebinding)
and, where the browser says where they come from, come from its own page (cross-site requests).
"""

import json
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from importlib import resources
from typing import Any
from urllib.parse import parse_qs

import numpy as np

from dagan_tf.core.memory import give_back
from dagan_tf.demo.answers import photo_answer, view_answer
from dagan_tf.demo.photo_store import PhotoGoneError
from dagan_tf.demo.turner import Turner
from dagan_tf.errors import DaganError
from dagan_tf.faces.photo_io import MAX_PIXELS
from dagan_tf.service.http_server import HttpServer, read_some
from dagan_tf.service.periodic import Periodic

HOST = "127.0.0.1"
MAX_UPLOAD = 40 * 2**20
_UPLOAD_SECONDS = 60.0
# Requests worked on at once, and so uploads in memory; more wait.
_THREADS = 8
_PURGE_SECONDS = 0.5
_POLICY = (
    "default-src 'none'; script-src 'nonce-{0}'; style-src 'nonce-{0}'; img-src data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class RefusedError(Exception):
    """A request that is answered with an error status.

    Attributes:
        status: HTTP status.
    """

    def __init__(self, status: HTTPStatus, message: str) -> None:
        """Names the error.

        Args:
            status: HTTP status.
            message: one line for the page.
        """
        super().__init__(message)
        self.status = status


class DemoServer:
    """Serves the page until `stop`, or to the end of a `with` block.

    Attributes:
        turner: Answers the questions.
        port: The port it listens on.
    """

    def __init__(self, turner: Turner, *, port: int = 0, refiner: str = "", card: str = "") -> None:
        """Starts to serve.

        Args:
            turner: Answers the questions.
            port: 0 takes a free one.
            refiner: Names the refiner on the page; empty when there is none.
            card: Its model card, text that the page links to; empty when there is none.

        Raises:
            OSError: The port cannot be had.
        """
        self.turner = turner
        page = _Page(turner, refiner, card)
        self._http = HttpServer(HOST, port, page, threads=_THREADS, cuts_lengths=True)
        self.port = self._http.port
        page.names = {f"{name}:{self.port}" for name in (HOST, "localhost")}
        # Photos are forgotten in time also when nobody asks for anything.
        self._purge = Periodic(turner.store.purge, _PURGE_SECONDS)

    def __enter__(self) -> "DemoServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Address of the page."""
        return f"http://{HOST}:{self.port}/"

    def stop(self) -> None:
        """Closes the port."""
        self._purge.stop()
        self._http.stop()


@dataclass(frozen=True)
class _Answer:
    body: bytes
    kind: str = "application/json"
    status: HTTPStatus = HTTPStatus.OK
    policy: str = "default-src 'none'"


class _Page:
    """The WSGI application.

    Attributes:
        names: Hosts, with ports, that requests may name.
    """

    def __init__(self, turner: Turner, refiner: str, card: str) -> None:
        self.names: set[str] = set()
        self._turner = turner
        self._refiner = refiner
        self._card = card
        page = resources.files("dagan_tf.demo").joinpath("page.html")
        self._page = page.read_text(encoding="utf-8")

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        answer = self._answer(environ)
        headers = {
            "Content-Type": answer.kind,
            "Content-Length": str(len(answer.body)),
            "Cache-Control": "no-store",
            "Content-Security-Policy": answer.policy,
            "Cross-Origin-Resource-Policy": "same-origin",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }
        start_response(f"{answer.status.value} {answer.status.phrase}", list(headers.items()))
        return [answer.body]

    def _answer(self, environ: dict[str, Any]) -> _Answer:
        try:
            self._check_origin(environ)
            work = {"GET": self._get, "POST": self._post, "DELETE": self._delete}.get(
                environ["REQUEST_METHOD"]
            )
            if work is None:
                raise RefusedError(HTTPStatus.NOT_IMPLEMENTED, "expected GET, POST or DELETE")
            return work(environ)
        except RefusedError as error:
            return _json({"error": str(error)}, error.status)
        except PhotoGoneError as error:
            return _json({"error": str(error)}, HTTPStatus.GONE)
        except DaganError as error:
            return _json({"error": str(error)}, HTTPStatus.UNPROCESSABLE_ENTITY)

    def _check_origin(self, environ: dict[str, Any]) -> None:
        if environ.get("HTTP_HOST", "").lower() not in self.names:
            raise RefusedError(HTTPStatus.MISDIRECTED_REQUEST, "this is not the host asked for")
        origin = environ.get("HTTP_ORIGIN")
        site = environ.get("HTTP_SEC_FETCH_SITE", "none")
        page = environ["REQUEST_METHOD"] == "GET" and environ["PATH_INFO"] == "/"
        if origin is not None and origin.lower().removeprefix("http://") not in self.names:
            raise RefusedError(HTTPStatus.FORBIDDEN, "asked for by another web site")
        if site not in ("same-origin", "none") and not page:
            raise RefusedError(HTTPStatus.FORBIDDEN, "asked for by another web site")

    def _get(self, environ: dict[str, Any]) -> _Answer:
        path = environ["PATH_INFO"]
        if path == "/":
            nonce = secrets.token_urlsafe(16)
            page = self._page.replace("{{nonce}}", nonce).encode()
            return _Answer(page, "text/html; charset=utf-8", policy=_POLICY.format(nonce))
        if path == "/about":
            return _json(
                {
                    "refiner": self._refiner,
                    "card": bool(self._card),
                    "image_size": self._turner.simulator.image_size,
                    "max_upload": MAX_UPLOAD,
                    "max_pixels": MAX_PIXELS,
                }
            )
        if path == "/card" and self._card:
            return _Answer(self._card.encode(), "text/plain; charset=utf-8")
        if path == "/views":
            query = parse_qs(environ["QUERY_STRING"])
            face = _number(query, "face", 0.0)
            turned = self._turner.turn(
                query.get("photo", [""])[0],
                int(face or 0),
                yaw=_number(query, "yaw"),
                pitch=_number(query, "pitch"),
            )
            return _json(view_answer(turned))
        raise RefusedError(HTTPStatus.NOT_FOUND, f"no page {path!r} here")

    def _post(self, environ: dict[str, Any]) -> _Answer:
        path = environ["PATH_INFO"]
        if path != "/photos":
            raise RefusedError(HTTPStatus.NOT_FOUND, f"no page {path!r} here")
        length = environ.get("CONTENT_LENGTH", "")
        if not length.isdecimal():
            raise RefusedError(HTTPStatus.LENGTH_REQUIRED, "expected a Content-Length")
        if int(length) > MAX_UPLOAD:
            raise RefusedError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"the file has {_megabytes(length)} MB; at most {MAX_UPLOAD >> 20} are taken",
            )
        try:
            name, photo = self._turner.add(_read(environ))
        finally:
            give_back()  # The file's bytes.
        return _json(photo_answer(name, photo), HTTPStatus.CREATED)

    def _delete(self, environ: dict[str, Any]) -> _Answer:
        folder, _, name = environ["PATH_INFO"].rpartition("/")
        if folder != "/photos":
            raise RefusedError(HTTPStatus.NOT_FOUND, f"no page {environ['PATH_INFO']!r} here")
        self._turner.store.forget(name)
        return _json({})


def _json(answer: dict[str, Any], status: HTTPStatus = HTTPStatus.OK) -> _Answer:
    return _Answer(json.dumps(answer).encode(), status=status)


def _read(environ: dict[str, Any]) -> bytes:
    end, parts = time.monotonic() + _UPLOAD_SECONDS, []
    try:
        while part := read_some(environ):
            parts.append(part)
            if time.monotonic() > end:
                raise TimeoutError
    except (OSError, ValueError):
        raise RefusedError(
            HTTPStatus.REQUEST_TIMEOUT, f"the file did not arrive within {_UPLOAD_SECONDS:g} s"
        ) from None
    return b"".join(parts)


def _megabytes(length: str) -> str:
    return str(int(length) >> 20) if len(length) <= 12 else "more than a million"


def _number(query: dict[str, list[str]], name: str, default: float | None = None) -> float | None:
    if name not in query:
        return default
    text = query[name][0]
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not np.isfinite(number):
        raise RefusedError(HTTPStatus.BAD_REQUEST, f"{name}: got {text!r}, expected a number")
    return number
