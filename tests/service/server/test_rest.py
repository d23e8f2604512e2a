"""REST beside gRPC: the same models, answers, limits and end, over HTTP."""

import base64
import contextlib
import gzip
import http.client
import json
import socket
import ssl
import threading
import time
from pathlib import Path

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import model_management_pb2, model_service_pb2_grpc

from dagan_tf.service.server.config_file import SslConfig
from dagan_tf.service.server.limits import Limits
from dagan_tf.service.server.server import ServerError, start_server
from tests.helpers.small_models import Caller, request, save_adder, zeros
from tests.helpers.tiny_export import IMAGE_SIZE, export_tiny

_LIMITS = Limits(max_message_bytes=2**20, max_images=4, max_pixels=10_000, max_decoded_pixels=2000)


class Rest:
    """Asks one server."""

    def __init__(self, port: int, tls: ssl.SSLContext | None = None) -> None:
        self.port, self._tls = port, tls

    def ask(self, path: str, body: object = None, verb: str = "", **headers: str):
        """(code, JSON or text) of one request on a connection of its own."""
        if self._tls is None:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        else:
            connection = http.client.HTTPSConnection(
                "localhost", self.port, timeout=30, context=self._tls
            )
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(verb or ("GET" if data is None else "POST"), path, data, names)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        if answer.headers.get("Content-Encoding") == "gzip":
            text = gzip.decompress(text)
        kind = answer.headers["Content-Type"]
        return answer.status, json.loads(text) if kind == "application/json" else text.decode()

    def refused(self, path: str, body: object = None, verb: str = "", **headers: str):
        """(code, message) of a request that must fail."""
        code, answer = self.ask(path, body, verb, **headers)
        assert set(answer) == {"error"}, answer
        return code, answer["error"]


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    base = tmp_path_factory.mktemp("base")
    export_tiny(base)
    running = start_server(
        base, port=0, rest_api_port=0, limits=_LIMITS, metrics_path="/m", rest_api_num_threads=4
    )
    yield running
    running.stop()


@pytest.fixture
def rest(running) -> Rest:
    return Rest(running.rest_port)


def _images(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)


def _by_grpc(running, signature: str, **inputs: object) -> np.ndarray:
    with Caller(running.address) as caller:
        response = caller.predict(request(signature=signature, **inputs))
    (output,) = response.outputs.values()
    return tf.make_ndarray(output)


@pytest.mark.parametrize(
    "path", ["/v1/models/dagan:predict", "/V1/models/dagan/versions/1:PREDICT"]
)
def test_pixels_are_those_of_grpc(running, rest, path):
    images = _images(2, 5, 7, 3)
    expected = _by_grpc(running, "", images=images).tolist()
    assert rest.ask(path, {"instances": images.tolist()}) == (200, {"predictions": expected})
    assert rest.ask(path, {"inputs": images.tolist()}) == (200, {"outputs": expected})
    named = {"instances": [{"images": image.tolist()} for image in images]}
    assert rest.ask(path, named) == (200, {"predictions": expected})


def test_floats_are_those_of_grpc_to_the_bit(running, rest):
    floats = (_images(1, 8, 8, 3) / 127.5 - 1).astype(np.float32)
    body = {"signature_name": "float", "inputs": {"images": floats.tolist()}}
    code, answer = rest.ask("/v1/models/dagan:predict", body)
    assert code == 200
    found = np.array(answer["outputs"], np.float32)
    np.testing.assert_array_equal(found, _by_grpc(running, "float", images=floats))


def test_files_go_both_ways_in_base64(running, rest):
    files = [tf.io.encode_png(image).numpy() for image in _images(2, IMAGE_SIZE, IMAGE_SIZE, 3)]
    body = {
        "signature_name": "encoded",
        "instances": [{"b64": base64.b64encode(data).decode()} for data in files],
    }
    code, answer = rest.ask("/v1/models/dagan:predict", body)
    assert code == 200
    found = [base64.b64decode(item["b64"]) for item in answer["predictions"]]
    expected = _by_grpc(running, "encoded", image_bytes=np.array(files, object))
    assert found == expected.tolist()


def test_status_and_metadata(rest):
    status = {
        "model_version_status": [
            {
                "version": "1",
                "state": "AVAILABLE",
                "status": {"error_code": "OK", "error_message": ""},
            }
        ]
    }
    for path in ("", "/versions/1", "/labels/whatever"):
        assert rest.ask(f"/v1/models/dagan{path}") == (200, status)
    code, answer = rest.ask("/v1/models/dagan/metadata")
    assert code == 200
    assert answer["model_spec"] == {"name": "dagan", "signature_name": "", "version": "1"}
    signatures = answer["metadata"]["signature_def"]["signature_def"]
    assert set(signatures) >= {"serving_default", "float", "encoded"}
    images = signatures["serving_default"]["inputs"]["images"]
    assert images["dtype"] == "DT_UINT8"
    assert [size["size"] for size in images["tensor_shape"]["dim"]] == ["-1", "-1", "-1", "3"]


_EXAMPLES = {"examples": [{"x": 1.0}]}
_PREDICT = "/v1/models/dagan:predict"
_IMAGE = {"instances": [[[[1, 2, 3]]]]}


@pytest.mark.parametrize(
    ("path", "body", "code", "message"),
    [
        ("/v1/foo", None, 400, "Malformed request: GET /v1/foo"),
        ("/v1/foo", {}, 400, "Malformed request: POST /v1/foo"),
        ("/v1/models", None, 400, "Missing model name in request."),
        ("/v1/models", {}, 400, "Malformed request: POST /v1/models"),
        ("/v1/models/foo:predict", None, 400, "Malformed request: GET /v1/models/foo:predict"),
        ("/v1/models/foo/versions/x:predict", {}, 400, "Malformed request: POST"),
        ("/v1/models/foo/versions/1/labels/a:predict", {}, 400, "Malformed request: POST"),
        (f"/v1/models/foo/versions/{2**64}:predict", {}, 400, "Failed to convert version"),
        ("/v1/models/other", None, 404, "Could not find any versions of model other"),
        ("/v1/models/%6Fther", None, 404, "Could not find any versions of model other"),
        ("/v1/models/dagan/versions/8", None, 404, "Could not find version 8 of model dagan"),
        ("/v1/models/other/metadata", None, 404, "Servable not found for request: Latest(other)"),
        ("/v1/models/other:predict", _IMAGE, 404, "Servable not found for request: Latest(other)"),
        ("/v1/models/dagan/versions/8:predict", _IMAGE, 404, "request: Specific(dagan, 8)"),
        ("/v1/models/dagan/labels/a:predict", _IMAGE, 400, "Unrecognized servable version label"),
        (_PREDICT, b"", 400, "JSON Parse error: The document is empty"),
        (_PREDICT, {"signature_name": "absent", **_IMAGE}, 400,
         'Serving signature name: "absent" not found in signature def'),
        (_PREDICT, b'{"signature_name": "\\ud800"}', 400, "surrogate pair in string is invalid"),
        *((_PREDICT, b'{"signature_name": ' + b"[" * deep + b"]" * deep + b"}", 400, message)
          for deep, message in ((9, "key must be a string"), (100_000, "nested too deeply"))),
        (_PREDICT, {"signature_name": 1}, 400, "'signature_name' key must be a string value."),
        (_PREDICT, {"inputs": [[[]]]}, 400, "has shape (1, 1, 0); expected (None, None, None, 3)"),
        (_PREDICT, {"inputs": np.zeros((1, 0, 2, 3)).tolist()}, 400, "has shape (1, 0)"),
        (_PREDICT, {"inputs": zeros(5, 1, 1, 3).tolist()}, 429, "holds 5 images; expected at most"),
        (_PREDICT, {"inputs": zeros(1, 101, 100, 3).tolist()}, 429, "holds 10100 pixels"),
        (_PREDICT, {"inputs": zeros(1, 200, 100, 3).tolist()}, 429, "the body holds 60000 values"),
        (_PREDICT, b"[" + b"1" * 2**20, 413, "expected at most 1048576"),
        (_PREDICT, {"signature_name": "encoded", "inputs": ["none"]}, 400, "Unknown image file"),
        ("/v1/models/dagan:classify", _EXAMPLES, 400,
         "Expected classification signature method_name to be tensorflow/serving/classify. "
         "Was: tensorflow/serving/predict"),
        ("/v1/models/dagan:regress", _EXAMPLES, 400,
         "Expected regression signature method_name to be tensorflow/serving/regress. "
         "Was: tensorflow/serving/predict"),
        ("/v1/models/dagan:regress", {"signature_name": "absent", **_EXAMPLES}, 400,
         "No signature was found with the name: absent"),
        ("/v1/models/dagan:classify", {}, 400, "key 'examples' is expected and was not found"),
        ("/v1/models/dagan:classify", {"examples": []}, 400, "'examples' value is an empty array"),
        ("/v1/models/other:classify", _EXAMPLES, 404, "Servable not found for request"),
    ],
)  # fmt: skip
def test_errors(rest, path, body, code, message):
    found, text = rest.refused(path, body)
    assert message in text
    assert found == code


def test_other_verbs_and_paths(rest):
    for verb in ("PUT", "DELETE", "OPTIONS"):
        code, text = rest.refused("/v1/models/dagan", verb=verb)
        assert (code, text) == (400, f"Malformed request: {verb} /v1/models/dagan")
    for path in ("/", "/index.html", "/v2/models/dagan"):
        assert rest.ask(path) == (404, "Not Found\n")


def test_packed_bodies_and_answers(rest):
    body = {"inputs": zeros(1, 30, 30, 3).tolist()}
    packed = gzip.compress(json.dumps(body).encode())
    plain = rest.ask(_PREDICT, body)
    assert plain[0] == 200
    both = {"Content_Encoding": "gzip", "Accept_Encoding": "br, gzip;q=0.5"}
    assert rest.ask(_PREDICT, packed, **both) == plain
    code, text = rest.refused(_PREDICT, packed[:-20], Content_Encoding="gzip")
    assert (code, text) == (400, "the body is no gzip: it is cut off")
    code, text = rest.refused(_PREDICT, b"{}", Content_Encoding="gzip")
    assert code == 400
    assert text.startswith("the body is no gzip: ")
    code, text = rest.refused(_PREDICT, packed, Content_Encoding="br")
    assert (code, text) == (400, "Content-Encoding is 'br'; expected gzip or none")
    # 64 MiB in 64 KiB: it is not unpacked beyond the limit.
    bomb = gzip.compress(b" " * 2**26)
    assert rest.refused(_PREDICT, bomb, Content_Encoding="gzip")[0] == 413


def _raw(port: int, data: bytes, *, timeout: float = 30) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        connection.sendall(data)
        parts = []
        while part := connection.recv(2**16):
            parts.append(part)
    return b"".join(parts)


@pytest.mark.parametrize(
    ("length", "code"),
    [("9" * 5000, b"400"), ("9" * 30, b"413"), ("-5", b"400"), ("1e3", b"400"), ("", b"400")],
)
def test_lengths_that_are_none_are_refused(running, length, code):
    head = f"POST {_PREDICT} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\nConnection: close"
    answer = _raw(running.rest_port, head.encode() + b"\r\n\r\n{}")
    assert answer.split()[1] == code


def test_bodies_in_chunks_and_two_requests_on_a_connection(running):
    body = json.dumps(_IMAGE).encode()
    chunked = b"%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n" % (5, body[:5], len(body) - 5, body[5:])
    head = f"POST {_PREDICT} HTTP/1.1\r\nHost: x\r\n".encode()
    first = head + b"Transfer-Encoding: chunked\r\n\r\n" + chunked
    second = head + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    answer = _raw(running.rest_port, first + second)
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert answer.count(b'"predictions"') == 2
    # What is refused before its body was read ends the connection: the rest is no request.
    wrong = first.replace(b":predict", b":absent", 1)
    answer = _raw(running.rest_port, wrong + second)
    assert answer.count(b"HTTP/1.1") == 1
    assert answer.split()[1] == b"400"


@pytest.mark.parametrize(
    "chunks", [b"f" * 16 + b"\r\nx", b"1" * 5000, b"-1\r\nx\r\n", b"zz\r\n", b"3\r\nlong\r\n"]
)
def test_chunks_that_are_none_are_refused(running, chunks, caplog):
    head = f"POST {_PREDICT} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", running.rest_port), timeout=30) as connection:
        connection.sendall(head + chunks)
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(2**16)
    # A client that is gone before its body has ended is 499.
    assert answer.split()[1] in (b"400", b"499")
    assert not caplog.records


def test_what_follows_the_last_chunk_is_no_request(running):
    body = json.dumps(_IMAGE).encode()
    head = f"POST {_PREDICT} HTTP/1.1\r\nHost: x\r\n".encode()
    first = head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n" % (len(body), body)
    last = b"GET /v1/models/dagan HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = _raw(running.rest_port, first + b"GET /: HTTP/1.1\r\n\r\n" + last)
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert answer.count(b"HTTP/1.1") == 2


def test_metrics_tell_rest_from_grpc(running, rest):
    with Caller(running.address) as caller:
        caller.predict(request(zeros()))
    rest.ask(_PREDICT, _IMAGE)
    _, page = rest.ask("/m")
    for entrypoint in ("GRPC", "REST"):
        assert (
            ':tensorflow:serving:request_latency_count{model_name="dagan",API="Predict",'
            f'entrypoint="{entrypoint}"}}' in page
        )


@pytest.mark.slow
def test_a_slow_client_is_given_up_and_holds_nobody_else_up(tmp_path):
    save_adder(tmp_path / "1", 7)
    running = start_server(
        tmp_path,
        port=0,
        rest_api_port=0,
        rest_api_num_threads=2,
        rest_api_timeout_in_ms=1000,
    )
    head = f"POST {_PREDICT} HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", running.rest_port), timeout=30) as slow:
        slow.sendall(head + b"{")
        # Idle connections take no thread.
        idle = [socket.create_connection(("127.0.0.1", running.rest_port)) for _ in range(8)]
        assert Rest(running.rest_port).ask(_PREDICT, _IMAGE) == (
            200,
            {"predictions": [[[[8, 9, 10]]]]},
        )
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            try:
                slow.sendall(b" ")
                time.sleep(0.2)
            except OSError:
                break
        answer = b""
        with contextlib.suppress(ConnectionError):
            answer = slow.recv(2**16)
        assert answer.split()[1:2] in ([b"504"], [])
        assert time.monotonic() < deadline
        for connection in idle:
            connection.close()
    running.stop()


def test_many_at_once(running, rest):
    answers = []

    def ask() -> None:
        answers.append(rest.ask(_PREDICT, _IMAGE)[0])

    threads = [threading.Thread(target=ask) for _ in range(60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 60


@pytest.mark.parametrize("mutual", [False, True])
def test_tls(tmp_path, keys, mutual):
    save_adder(tmp_path / "1", 7)
    config = SslConfig(keys["key"], keys["cert"], keys["ca"], client_verify=mutual)
    running = start_server(tmp_path, port=0, rest_api_port=0, ssl=config)
    # A client that says nothing keeps nobody out.
    silent = socket.create_connection(("127.0.0.1", running.rest_port))
    trusting = ssl.create_default_context(cadata=keys["ca"])
    known = ssl.create_default_context(cadata=keys["ca"])
    (tmp_path / "pair.pem").write_text(keys["key"] + keys["cert"])
    known.load_cert_chain(tmp_path / "pair.pem")
    answer = (200, {"predictions": [[[[8, 9, 10]]]]})
    assert Rest(running.rest_port, known).ask(_PREDICT, _IMAGE) == answer
    if mutual:
        with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
            Rest(running.rest_port, trusting).ask(_PREDICT, _IMAGE)
    else:
        assert Rest(running.rest_port, trusting).ask(_PREDICT, _IMAGE) == answer
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        Rest(running.rest_port).ask(_PREDICT, _IMAGE)
    silent.close()
    running.stop()


def test_at_the_end_new_requests_are_turned_away(tmp_path):
    save_adder(tmp_path / "1", 7)
    running = start_server(tmp_path, port=0, rest_api_port=0)
    rest = Rest(running.rest_port)
    with Caller(running.address) as caller:
        ending = threading.Thread(target=running.stop, kwargs={"grace_seconds": 5})
        ending.start()
        codes, refused = [], False
        while ending.is_alive() and not (refused and 503 in codes):
            # Somebody keeps asking: so the gate stays open for its longest time. The first may be
            # quicker than the thread that closes it.
            try:
                caller.predict(request(zeros()), timeout=2)
                assert not refused
            except grpc.RpcError:
                refused = True
            try:
                codes.append(rest.ask(_PREDICT, _IMAGE)[0])
            except OSError:
                break
        ending.join()
    assert refused
    assert codes[-1:] == [503]


def test_a_port_that_is_taken(running, tmp_path):
    save_adder(tmp_path / "1", 7)
    with pytest.raises(ServerError, match="for REST"):
        start_server(tmp_path, port=0, rest_api_port=running.rest_port)
    with pytest.raises(ServerError, match="without rest_api_port"):
        start_server(tmp_path, port=0, metrics_path="/m")


def test_a_batch_of_both_doors(tmp_path):
    from dagan_tf.service.server.config_file import BatchingParameters

    save_adder(tmp_path / "1", 7)
    parameters = BatchingParameters(max_batch_size=2, batch_timeout_micros=5_000_000)
    running = start_server(
        tmp_path, port=0, rest_api_port=0, batching=parameters, metrics_path="/m"
    )
    with Caller(running.address) as caller:
        first = caller.future(request(np.array([[[[1, 2, 3]]]], np.uint8)))
        assert Rest(running.rest_port).ask(_PREDICT, _IMAGE)[0] == 200
        first.result()
    page = Rest(running.rest_port).ask("/m")[1]
    assert "processed_batch_size_sum" in page
    assert 'processed_batch_size_count{thread_pool_name="model_server_batch_threads"} 1' in page
    running.stop()


def test_answers_come_in_typed_fields_unless_bytes_are_asked_for(running, tmp_path):
    floats = np.array([[[[0.25, -1.0, 1.0]]]], np.float32)
    with Caller(running.address) as caller:
        typed = caller.predict(request(zeros(1, 1, 1, 3))).outputs["refined"]
        assert len(typed.int_val) == 3
        assert not typed.tensor_content
        output = caller.predict(request(floats, signature="float")).outputs["refined"]
        assert len(output.float_val) == 3
        stub = caller.channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
        data = stub(
            request(zeros(1, 1, 1, 3)).SerializeToString(),
            timeout=30,
            metadata=(("dagan-tensor-content", "1"),),
        )
    from tensorflow_serving.apis import predict_pb2

    packed = predict_pb2.PredictResponse.FromString(data).outputs["refined"]
    assert not packed.int_val
    assert packed.tensor_content == bytes(typed.int_val)
    save_adder(tmp_path / "1", 7)
    always = start_server(tmp_path, port=0, enable_serialization_as_tensor_content=True)
    with Caller(always.address) as caller:
        output = caller.predict(request(zeros(1, 1, 1, 3))).outputs["refined"]
        assert output.tensor_content == b"\7\7\7"
    always.stop()


def test_a_reload_tells_how_metrics_have_grown(running, tmp_path):
    config = model_management_pb2.ReloadConfigRequest(
        metric_names=["/tensorflow/serving/request_count", "/absent"]
    )
    save_adder(tmp_path / "1", 7)
    other = start_server(tmp_path, port=0)
    config.config.model_config_list.config.add(
        name="dagan", base_path=str(tmp_path), model_platform="tensorflow"
    )
    with Caller(other.address) as caller:
        stub = model_service_pb2_grpc.ModelServiceStub(caller.channel)
        response = stub.HandleReloadConfigRequest(config, timeout=30)
    assert {metric.name: metric.int64_value_increase for metric in response.metric} == {
        "/tensorflow/serving/request_count": 0,
        "/absent": 0,
    }
    other.stop()


@pytest.fixture(scope="module")
def keys(tmp_path_factory) -> dict[str, str]:
    from tests.helpers.tls_keys import make_keys

    return make_keys(tmp_path_factory.mktemp("keys"))


def test_labels(tmp_path):
    for version, number in ((1, 3), (2, 4)):
        save_adder(tmp_path / str(version), number)
    path = Path(tmp_path, "models.config")
    path.write_text(
        'model_config_list { config { name: "m" model_platform: "tensorflow" '
        f'base_path: "{tmp_path}" model_version_policy {{ all {{}} }} '
        'version_labels { key: "old" value: 1 } } }'
    )
    running = start_server(
        model_config_file=str(path),
        port=0,
        rest_api_port=0,
        allow_version_labels_for_unavailable_models=True,
    )
    rest = Rest(running.rest_port)
    for which, number in (("/labels/old", 3), ("/versions/2", 4), ("", 4)):
        answer = rest.ask(f"/v1/models/m{which}:predict", {"instances": [[[[0, 0, 0]]]]})
        assert answer == (200, {"predictions": [[[[number] * 3]]]})
    running.stop()
