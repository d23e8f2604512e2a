"""The HTTP server under clients that mean no good."""

import contextlib
import http.client
import logging
import socket
import threading
import time
from concurrent import futures

import pytest

from dagan_tf.service import http_server
from dagan_tf.service.http_server import HttpServer


def _application(environ, start_response):
    if environ["PATH_INFO"] == "/defect":
        raise LookupError("a defect")
    if environ["PATH_INFO"] == "/slow":
        time.sleep(0.05)
    if environ["PATH_INFO"] == "/body":
        while http_server.read_some(environ):
            pass
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]


@pytest.fixture
def server():
    server = HttpServer("127.0.0.1", 0, _application, threads=2)
    yield server
    server.stop()


def _ask(server, path: str = "/") -> int:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def test_a_head_that_comes_byte_by_byte_is_given_up(server, monkeypatch):
    monkeypatch.setattr(http_server, "_HEAD_SECONDS", 0.6)
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as slow:
        slow.sendall(b"GET / HT")
        with contextlib.suppress(OSError):
            while time.monotonic() < began + 8:
                slow.sendall(b"x")
                time.sleep(0.1)
    assert time.monotonic() < began + 7
    assert _ask(server) == 200


def test_the_time_for_a_head_ends_with_it(server, monkeypatch):
    monkeypatch.setattr(http_server, "_HEAD_SECONDS", 0.3)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    for pause in (0.0, 0.6, 0.6):  # The same connection, idle for longer than a head may take.
        time.sleep(pause)
        connection.request("GET", "/")
        response = connection.getresponse()
        assert (response.status, response.read()) == (200, b"ok")
    connection.close()


def test_a_body_may_come_after_the_time_for_a_head(server, monkeypatch):
    monkeypatch.setattr(http_server, "_HEAD_SECONDS", 0.3)
    head = b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(head)
        for _ in range(4):
            time.sleep(0.2)
            connection.sendall(b"x")
        assert connection.recv(100).startswith(b"HTTP/1.1 200")


def test_connections_that_are_not_accepted_yet_queue_up(monkeypatch):
    go_on = threading.Event()
    run = http_server._Server.serve
    monkeypatch.setattr(http_server._Server, "serve", lambda self: go_on.wait(30) and run(self))
    server = HttpServer("127.0.0.1", 0, _application, threads=2)
    # Nobody accepts: the system itself keeps them, as many as the server asked for. One that it
    # does not take gets no answer at all and tries again only after a second.
    connections = []
    try:
        for _ in range(100):
            address = ("127.0.0.1", server.port)
            connections.append(socket.create_connection(address, timeout=0.9))
            connections[-1].sendall(b"GET / HTTP/1.0\r\n\r\n")
        go_on.set()
        for connection in connections:
            connection.settimeout(20)
            assert connection.recv(100).startswith(b"HTTP/1.1 200")
    finally:
        go_on.set()
        for connection in connections:
            connection.close()
        server.stop()


def test_many_at_once_wait_for_their_turn(server):
    with futures.ThreadPoolExecutor(60) as pool:
        answers = list(pool.map(lambda _: _ask(server, "/slow"), range(60)))
    assert answers == [200] * 60


def test_a_defect_of_the_application_is_logged(server, caplog):
    with caplog.at_level(logging.ERROR, logger="absl"):
        assert _ask(server, "/defect") == 500
    assert "LookupError: a defect" in caplog.text
    assert "Traceback" in caplog.records[0].exc_text
