"""What an operator sees: health, reflection, metrics, access log, TLS, the end."""

import json
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

from dagan_tf.service.server.config_file import SslConfig
from dagan_tf.service.server.metrics import Histogram
from dagan_tf.service.server.server import ServerError, start_server
from tests.helpers.small_models import Caller, request, save_adder, zeros
from tests.helpers.tls_keys import make_keys


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    base = tmp_path_factory.mktemp("base")
    save_adder(base / "1", 7)
    return base


def _health(channel: grpc.Channel, service: str = "") -> int:
    stub = health_pb2_grpc.HealthStub(channel)
    return stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=10).status


def _ask_while(thread, caller):
    while thread.is_alive():
        assert caller.number() == 7


def test_health_says_not_serving_before_requests_are_refused(base):
    running = start_server(base, port=0)
    with Caller(running.address) as caller:
        for service in ("", "tensorflow.serving.PredictionService"):
            assert _health(caller.channel, service) == health_pb2.HealthCheckResponse.SERVING
        with pytest.raises(grpc.RpcError, match="NOT_FOUND"):
            _health(caller.channel, "absent")
        ending = threading.Thread(
            target=running.stop, kwargs={"grace_seconds": 5, "drain_seconds": 1}
        )
        ending.start()
        time.sleep(0.3)
        assert _health(caller.channel) == health_pb2.HealthCheckResponse.NOT_SERVING
        assert caller.number() == 7
        # Asked without a pause: after the draining the gate is closed, and the port stays open for
        # as long as somebody keeps asking.
        with pytest.raises(grpc.RpcError, match="shutting down") as caught:
            _ask_while(ending, caller)
        assert dict(caught.value.trailing_metadata())["grpc-retry-pushback-ms"] == "2000"
        ending.join()
        with pytest.raises(grpc.RpcError) as caught:
            caller.number()
        assert caught.value.code() == grpc.StatusCode.UNAVAILABLE


def test_reflection_shows_services_and_messages(base):
    running = start_server(base, port=0)
    with Caller(running.address) as caller:
        database = ProtoReflectionDescriptorDatabase(caller.channel)
        assert {
            "tensorflow.serving.PredictionService",
            "tensorflow.serving.ModelService",
            "grpc.health.v1.Health",
        } <= set(database.get_services())
        file = database.FindFileContainingSymbol("tensorflow.serving.PredictRequest")
        assert file.name.endswith("predict.proto")
    running.stop()


def test_metrics_have_the_names_of_tensorflow_serving(base):
    parser = pytest.importorskip("prometheus_client.parser")
    path = "/monitoring/prometheus/metrics"
    running = start_server(base, port=0, metrics_path=path, rest_api_port=0)
    url = f"http://127.0.0.1:{running.rest_port}"
    with Caller(running.address) as caller:
        for _ in range(3):
            caller.number()
        for name in ("other", "another"):
            with pytest.raises(grpc.RpcError):
                caller.number(name=name)
    with urllib.request.urlopen(url + path) as page:
        text = page.read().decode()
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in parser.text_string_to_metric_families(text)
        for sample in family.samples
    }
    # Read by Prometheus' own parser, which calls every counter <name>_total.
    count = ":tensorflow:serving:request_count"
    assert f'{count}{{model_name="dagan",status="OK"}} 3' in text
    assert f'{count}{{model_name="unknown",status="NOT_FOUND"}} 2' in text
    latency = ":tensorflow:serving:request_latency_count"
    labels = (("API", "Predict"), ("entrypoint", "GRPC"), ("model_name", "dagan"))
    assert samples[(latency, *labels)] == 3
    assert samples[
        (
            ":tensorflow:serving:runtime_latency_count",
            ("API", "Predict"),
            ("model_name", "dagan"),
            ("runtime", "TF1"),
        )
    ] == 3  # fmt: skip
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(url + "/")
    with pytest.raises(ServerError, match="for REST"):
        start_server(base, port=0, metrics_path=path, rest_api_port=running.rest_port)
    running.stop()


def test_histogram_lines_by_hand():
    histogram = Histogram("/a/b", ("x",), [1, 10])
    for value in (0.5, 1, 2, 100):
        histogram.observe(value, 'q"')
    assert histogram.lines() == [
        ':a:b_bucket{x="q\\"",le="1"} 2',
        ':a:b_bucket{x="q\\"",le="10"} 3',
        ':a:b_bucket{x="q\\"",le="+Inf"} 4',
        ':a:b_sum{x="q\\""} 103.5',
        ':a:b_count{x="q\\""} 4',
    ]


def test_access_log(base, tmp_path):
    path = tmp_path / "access.jsonl"
    running = start_server(base, port=0, access_log=str(path))
    with Caller(running.address) as caller:
        caller.number()
        with pytest.raises(grpc.RpcError):
            caller.predict(request(zeros(), signature="absent"))
    running.stop()
    good, bad = (json.loads(line) for line in path.read_text().splitlines())
    assert (good["model"], good["version"], good["status"]) == ("dagan", 1, "OK")
    assert good["method"] == "Predict"
    assert good["milliseconds"] > 0
    assert good["peer"].startswith("ipv4:127.0.0.1")
    assert (bad["signature"], bad["status"]) == ("absent", "FAILED_PRECONDITION")
    assert bad["message"] == 'Serving signature key "absent" not found.'


@pytest.fixture(scope="module")
def keys(tmp_path_factory) -> dict[str, str]:
    return make_keys(tmp_path_factory.mktemp("keys"))


def _client(keys: dict[str, str], *, with_certificate: bool) -> grpc.ChannelCredentials:
    ca, key, cert = (keys[name].encode() for name in ("ca", "key", "cert"))
    if with_certificate:
        return grpc.ssl_channel_credentials(ca, key, cert)
    return grpc.ssl_channel_credentials(ca)


@pytest.mark.parametrize("mutual", [False, True])
def test_tls(base, keys, mutual):
    ssl = SslConfig(keys["key"], keys["cert"], keys["ca"], client_verify=mutual)
    running = start_server(base, port=0, ssl=ssl)
    address = f"localhost:{running.port}"
    with Caller(address, _client(keys, with_certificate=True)) as caller:
        assert caller.number() == 7
    with Caller(address, _client(keys, with_certificate=False)) as caller:
        if mutual:
            with pytest.raises(grpc.RpcError) as caught:
                caller.predict(request(zeros()), timeout=5)
            assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
        else:
            assert caller.number() == 7
    with Caller(address) as caller, pytest.raises(grpc.RpcError):
        caller.predict(request(zeros()), timeout=2)
    running.stop()


def test_key_and_certificate_that_are_no_pair(base, keys):
    ssl = SslConfig(keys["key"].replace("A", "B"), keys["cert"])
    with pytest.raises(ServerError, match="no pair"):
        start_server(base, port=0, ssl=ssl)


@pytest.mark.slow
def test_reflection_can_describe_in_a_process_that_only_serves():
    # This process has the stubs loaded; a server's has what the server imports.
    code = (
        "import dagan_tf.service.server.server\n"
        "from google.protobuf import descriptor_pool\n"
        "for name in ('PredictionService', 'ModelService'):\n"
        "    descriptor_pool.Default().FindServiceByName('tensorflow.serving.' + name)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
