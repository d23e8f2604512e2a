"""What goes wrong inside is told to the log in full, and to the caller in one line."""

import http.client
import json
import logging
from pathlib import Path

import grpc
import pytest

from dagan_tf.service.server.endpoint import Endpoint, Facts
from dagan_tf.service.server.metrics import ServerMetrics
from dagan_tf.service.server.served_model import ServedModel
from dagan_tf.service.server.server import start_server
from dagan_tf.service.server.status import RequestError, invalid
from tests.helpers.small_models import Caller, request, save_adder, zeros

_DEFECT = "internal error; the server's log has the details"


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint(ServerMetrics(), None, lambda name: False)


def _raise(error: Exception) -> None:
    raise error


@pytest.mark.parametrize(
    ("raised", "code", "message", "logged"),
    [
        (LookupError("a secret"), "INTERNAL", _DEFECT, True),
        (MemoryError(), "RESOURCE_EXHAUSTED", "not enough memory for this request", False),
        (invalid("no"), "INVALID_ARGUMENT", "no", False),
    ],
)
def test_a_defect_is_logged_and_a_refusal_is_not(endpoint, caplog, raised, code, message, logged):
    with caplog.at_level(logging.ERROR, logger="absl"), pytest.raises(RequestError) as caught:
        endpoint.run(Facts("Predict", "GRPC", "ipv4:127.0.0.1:1"), lambda: _raise(raised))
    assert (caught.value.code.name, caught.value.message) == (code, message)
    assert bool(caplog.records) is logged
    if logged:
        assert "Predict failed" in caplog.text
        assert "Traceback" in caplog.text
        assert "a secret" in caplog.text


def test_a_defect_by_grpc_and_by_rest(tmp_path, monkeypatch, caplog):
    save_adder(tmp_path / "1", 7)
    access = Path(tmp_path, "access")
    running = start_server(tmp_path, port=0, rest_api_port=0, access_log=str(access))
    monkeypatch.setattr(ServedModel, "parse", lambda *_: _raise(LookupError("a secret")))
    with caplog.at_level(logging.ERROR, logger="absl"):
        with Caller(running.address) as caller, pytest.raises(grpc.RpcError) as caught:
            caller.predict(request(zeros()))
        connection = http.client.HTTPConnection("127.0.0.1", running.rest_port, timeout=30)
        connection.request("POST", "/v1/models/dagan:predict", '{"instances": [[[[1, 2, 3]]]]}')
        response = connection.getresponse()
        answer = (response.status, json.loads(response.read()))
        connection.close()
    running.stop()
    assert caught.value.code() == grpc.StatusCode.INTERNAL
    assert caught.value.details() == _DEFECT
    assert answer == (500, {"error": _DEFECT})
    assert caplog.text.count("LookupError: a secret") == 2
    lines = [json.loads(line) for line in access.read_text().splitlines()]
    assert [line["status"] for line in lines] == ["INTERNAL"] * 2
    assert "secret" not in access.read_text()
