"""The demo page's web server: loopback only, one page, few requests.

    POST   /photos                              a file's bytes -> its name, faces and a small copy
    GET    /views?photo=&face=[&yaw=&pitch=]    -> simulated and refined picture, pose
    DELETE /photos/NAME                         forgets it
    GET    /card                                the refiner's model card

Answers are JSON, pictures in them data URLs, so that both always show the same pose. A web site
open in the same browser is kept out: requests must name this server as their host (DNS rebinding)
and, where the browser says where they come from, come from its own page (cross-site requests).
"""

import base64
import json
import secrets
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import cv2
import numpy as np

from dagan_tf.demo.photo_store import PhotoGoneError, StoredPhoto
from dagan_tf.demo.turner import TurnedFace, Turner
from dagan_tf.errors import DaganError
from dagan_tf.faces.photo_io import MAX_PIXELS, encode_png

HOST = "127.0.0.1"
MAX_UPLOAD = 40 * 2**20
# Longest side of the small copy on which the page marks the faces.
_COPY_SIDE = 640
_IDLE_SECONDS = 60.0
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


class DemoServer(ThreadingHTTPServer):
    """Serves the page until `shutdown`."""

    daemon_threads = True

    def __init__(self, turner: Turner, *, port: int = 0, refiner: str = "", card: str = "") -> None:
        """Takes the port; `serve_forever` answers on it.

        Args:
            turner: Answers the questions.
            port: 0 takes a free one.
            refiner: Names the refiner on the page; empty when there is none.
            card: Its model card, text that the page links to; empty when there is none.

        Raises:
            OSError: The port cannot be had.
        """
        super().__init__((HOST, port), _Handler)
        self.turner = turner
        self.refiner = refiner
        self.card = card
        page = resources.files("dagan_tf.demo").joinpath("page.html")
        self.page = page.read_text(encoding="utf-8")
        port = self.server_address[1]
        self.names = {f"{name}:{port}" for name in (HOST, "localhost")}

    @property
    def url(self) -> str:
        """Address of the page."""
        return f"http://{HOST}:{self.server_address[1]}/"

    def service_actions(self) -> None:
        """Forgets photos in time even when nobody asks for anything; called twice a second."""
        self.turner.store.purge()


class _Handler(BaseHTTPRequestHandler):
    server: DemoServer
    protocol_version = "HTTP/1.1"
    timeout = _IDLE_SECONDS
    # Head and body of an answer leave in two writes; Nagle's algorithm would hold back the second.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._answer(self._get)

    def do_POST(self) -> None:
        self._answer(self._post)

    def do_DELETE(self) -> None:
        self._answer(self._delete)

    def _answer(self, work: Any) -> None:
        try:
            self._check_origin()
            work()
        except RefusedError as error:
            self._send_error(error.status, str(error))
        except PhotoGoneError as error:
            self._send_error(HTTPStatus.GONE, str(error))
        except DaganError as error:
            self._send_error(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
        except (ConnectionError, TimeoutError):
            self.close_connection = True  # The browser went away.

    def _check_origin(self) -> None:
        if self.headers.get("Host", "").lower() not in self.server.names:
            raise RefusedError(HTTPStatus.MISDIRECTED_REQUEST, "this is not the host asked for")
        origin = self.headers.get("Origin")
        site = self.headers.get("Sec-Fetch-Site", "none")
        page = self.command == "GET" and urlsplit(self.path).path == "/"
        if origin is not None and origin.lower().removeprefix("http://") not in self.server.names:
            raise RefusedError(HTTPStatus.FORBIDDEN, "asked for by another web site")
        if site not in ("same-origin", "none") and not page:
            raise RefusedError(HTTPStatus.FORBIDDEN, "asked for by another web site")

    def _get(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/":
            self._send_page()
        elif url.path == "/about":
            self._send_json(
                {
                    "refiner": self.server.refiner,
                    "card": bool(self.server.card),
                    "image_size": self.server.turner.simulator.image_size,
                    "max_upload": MAX_UPLOAD,
                    "max_pixels": MAX_PIXELS,
                }
            )
        elif url.path == "/card" and self.server.card:
            self._send(HTTPStatus.OK, "text/plain; charset=utf-8", self.server.card.encode())
        elif url.path == "/views":
            query = parse_qs(url.query)
            face = _number(query, "face", 0.0)
            turned = self.server.turner.turn(
                query.get("photo", [""])[0],
                int(face or 0),
                yaw=_number(query, "yaw"),
                pitch=_number(query, "pitch"),
            )
            self._send_json(_view_answer(turned))
        else:
            raise RefusedError(HTTPStatus.NOT_FOUND, f"no page {url.path!r} here")

    def _post(self) -> None:
        if self.path != "/photos":
            raise RefusedError(HTTPStatus.NOT_FOUND, f"no page {self.path!r} here")
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            raise RefusedError(HTTPStatus.LENGTH_REQUIRED, "expected a Content-Length")
        # Python refuses to read thousands of digits as a number.
        if len(length) > 12 or int(length) > MAX_UPLOAD:
            raise RefusedError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"the file has {_megabytes(length)} MB; at most {MAX_UPLOAD >> 20} are taken",
            )
        data = self.rfile.read(int(length))
        if len(data) < int(length):
            raise ConnectionError
        name, photo = self.server.turner.add(data)
        self._send_json(_photo_answer(name, photo), HTTPStatus.CREATED)

    def _delete(self) -> None:
        folder, _, name = self.path.rpartition("/")
        if folder != "/photos":
            raise RefusedError(HTTPStatus.NOT_FOUND, f"no page {self.path!r} here")
        self.server.turner.store.forget(unquote(name))
        self._send_json({})

    def _send_page(self) -> None:
        nonce = secrets.token_urlsafe(16)
        page = self.server.page.replace("{{nonce}}", nonce).encode()
        self._send(HTTPStatus.OK, "text/html; charset=utf-8", page, _POLICY.format(nonce))

    def _send_json(self, answer: dict[str, Any], status: HTTPStatus = HTTPStatus.OK) -> None:
        self._send(status, "application/json", json.dumps(answer).encode())

    def _send_error(self, status: HTTPStatus, message: str) -> None:
        if self.command == "POST":
            self.close_connection = True  # Its body may not have been read.
        self._send_json({"error": message}, status)

    def _send(
        self, status: HTTPStatus, kind: str, body: bytes, policy: str = "default-src 'none'"
    ) -> None:
        self.send_response(status)
        for name, value in {
            "Content-Type": kind,
            "Content-Length": str(len(body)),
            "Cache-Control": "no-store",
            "Content-Security-Policy": policy,
            "Cross-Origin-Resource-Policy": "same-origin",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            **({"Connection": "close"} if self.close_connection else {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def version_string(self) -> str:
        return "dagan_tf"

    def log_message(self, format: str, *args: Any) -> None:
        """Keeps no log: it would say which photo was looked at when."""


def _photo_answer(name: str, photo: StoredPhoto) -> dict[str, Any]:
    height, width = photo.pixels.shape[:2]
    scale = min(1.0, _COPY_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    copy = cv2.resize(photo.pixels, size, interpolation=cv2.INTER_AREA)
    return {
        "photo": name,
        "width": width,
        "height": height,
        "copy": _data_url(copy),
        "faces": [
            {
                "left": face.box.left,
                "top": face.box.top,
                "width": face.box.width,
                "height": face.box.height,
            }
            for face in photo.faces
        ],
    }


def _view_answer(turned: TurnedFace) -> dict[str, Any]:
    return {
        "simulated": _data_url(turned.simulated),
        "refined": None if turned.refined is None else _data_url(turned.refined),
        "complaint": turned.complaint,
        "yaw": turned.pose.yaw,
        "pitch": turned.pose.pitch,
        "own_yaw": turned.source_pose.yaw,
        "own_pitch": turned.source_pose.pitch,
    }


def _data_url(image: np.ndarray) -> str:
    return "data:image/png;base64," + base64.b64encode(encode_png(image)).decode()


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
