"""serving/config, compose.yaml and kubernetes.yaml, as far as they can be checked without a server.

The flags are those that tensorflow_model_server's main.cc defines; the YAML is held against the
fields that the Compose specification and the Kubernetes API have for what is used here.
"""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from dagan_tf.service.server import config_file
from dagan_tf.service.server.server import start_server
from tests.helpers.small_models import Caller, save_adder

SERVING = Path(__file__).parents[2] / "serving"
CONFIG = SERVING / "config"

# tensorflow_serving/model_servers/main.cc, those used here.
MODEL_SERVER_FLAGS = {
    "model_config_file": str,
    "model_config_file_poll_wait_seconds": int,
    "monitoring_config_file": str,
    "enable_grpc_healthcheck_service": bool,
    "enable_batching": bool,
    "batching_parameters_file": str,
    "per_process_gpu_memory_fraction": float,
}

SERVICE = {"image": str, "command": list, "profiles": list, "restart": str, "ports": list,
           "volumes": list, "deploy": dict}  # fmt: skip
CONTAINER = {"name": str, "image": str, "args": list, "ports": list, "volumeMounts": list,
             "startupProbe": dict, "readinessProbe": dict, "livenessProbe": dict,
             "resources": dict, "securityContext": dict}  # fmt: skip
POD = {"terminationGracePeriodSeconds": int, "automountServiceAccountToken": bool,
       "containers": list, "volumes": list}  # fmt: skip


def _fits(found: dict[str, Any], fields: dict[str, type]) -> None:
    assert set(found) <= set(fields)
    for name, value in found.items():
        assert isinstance(value, fields[name]), f"{name} is {value!r}"


def _check_flags(arguments: list[str]) -> None:
    for argument in arguments:
        name, value = re.fullmatch(r"--(\w+)=(.+)", argument).groups()
        kind = MODEL_SERVER_FLAGS[name]
        if kind is bool:
            assert value in ("true", "false")
        elif kind is str:
            # Every file the flags name is one of serving/config, mounted at /config.
            assert (CONFIG / Path(value).relative_to("/config")).is_file()
        else:
            kind(value)


def _compose() -> dict[str, Any]:
    return yaml.safe_load((SERVING / "compose.yaml").read_text())


def _kubernetes() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((SERVING / "kubernetes.yaml").read_text()))


def test_every_file_says_that_it_was_not_run():
    files = [*CONFIG.iterdir(), SERVING / "compose.yaml", SERVING / "kubernetes.yaml"]
    assert len(files) == 5
    for path in files:
        header = [line for line in path.read_text().splitlines()[:5] if line.startswith("#")]
        assert re.search(r"not run against .*real", " ".join(header)), path


def test_models_config_is_a_model_server_config():
    config = model_server_config_pb2.ModelServerConfig()
    text_format.Parse((CONFIG / "models.config").read_text(), config)
    (model,) = config.model_config_list.config
    assert (model.name, model.base_path, model.model_platform) == (
        "dagan", "/models/dagan", "tensorflow",
    )  # fmt: skip
    assert model.model_version_policy.latest.num_versions == 2


def test_embedded_server_takes_the_same_files(tmp_path):
    for version in (1, 2, 3):
        save_adder(tmp_path / "dagan" / str(version), version)
    models = tmp_path / "models.config"
    models.write_text((CONFIG / "models.config").read_text().replace("/models/", f"{tmp_path}/"))
    batching = config_file.read_batching(CONFIG / "batching.config")
    assert batching.max_batch_size == batching.allowed_batch_sizes[-1] == 32
    page = config_file.read_monitoring(CONFIG / "monitoring.config")
    assert page == "/monitoring/prometheus/metrics"
    running = start_server(
        model_config_file=str(models), port=0, batching=batching, metrics_path=page, rest_api_port=0
    )
    assert running.models == {"dagan": [2, 3]}
    with Caller(running.address) as caller:
        assert caller.number() == 3
    running.stop()


def test_compose_file():
    compose = _compose()
    assert set(compose) == {"x-serving", "services"}
    assert {name: service["profiles"] for name, service in compose["services"].items()} == {
        "cpu": ["cpu"],
        "gpu": ["gpu"],
    }
    for service in compose["services"].values():
        _fits(service, SERVICE)
        assert service["image"].startswith("tensorflow/serving:")
        assert all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port) for port in service["ports"])
        assert [volume.split(":")[-2] for volume in service["volumes"]] == ["/models", "/config"]
        assert all(volume.endswith(":ro") for volume in service["volumes"])
        _check_flags(service["command"])
    (device,) = compose["services"]["gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}


def test_kubernetes_file():
    deployment, service = _kubernetes()
    assert (deployment["apiVersion"], deployment["kind"]) == ("apps/v1", "Deployment")
    assert (service["apiVersion"], service["kind"]) == ("v1", "Service")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"] == labels == service["spec"]["selector"]
    pod = deployment["spec"]["template"]["spec"]
    _fits(pod, POD)
    (container,) = pod["containers"]
    _fits(container, CONTAINER)
    _check_flags(container["args"])
    assert {mount["name"] for mount in container["volumeMounts"]} == {
        volume["name"] for volume in pod["volumes"]
    }
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"grpc": 8500, "rest": 8501}
    for port in service["spec"]["ports"]:
        assert port["targetPort"] in ports
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        (how,) = container[probe].keys() & {"httpGet", "grpc", "tcpSocket"}
        assert container[probe][how]["port"] in {*ports, *ports.values()}


@pytest.mark.parametrize(
    "argument",
    [
        "--model_confg_file=/config/models.config",
        "--enable_batching=1",
        "--model_config_file=/config/absent.config",
    ],
)
def test_wrong_flags_would_be_found(argument):
    with pytest.raises((KeyError, AssertionError)):
        _check_flags([argument])
