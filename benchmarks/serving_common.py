"""Models, a server process and requests for the benchmarks of the server."""

import re
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

from dagan_tf.config.settings import GeneratorConfig
from dagan_tf.export.write import export_generator
from dagan_tf.gan.generator import build_generator
from dagan_tf.service.channel import message_options

PREDICT = "/tensorflow.serving.PredictionService/Predict"
METRICS_CONFIG = "prometheus_config { enable: true }\n"


class _Adder(tf.Module):
    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = tf.Variable(number, dtype=tf.uint8)

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3), tf.uint8, "images")])
    def add(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"refined": images + self.number}


def save_adder(base: Path, version: int) -> None:
    """A trivial model that adds its version number; it shows when it is whole."""
    module = _Adder(version)
    draft = base / f".{version}"
    tf.saved_model.save(module, str(draft), signatures={"serving_default": module.add})
    draft.rename(base / str(version))


def save_generator(base: Path, *, filters: int, blocks: int, image_size: int = 224) -> None:
    """An untrained generator of the package, exported as a trained one would be."""
    config = GeneratorConfig(filters=filters, blocks=blocks)
    generator = build_generator(config)
    export_generator(generator, base, image_size=image_size, stride=config.stride)


class ServerProcess:
    """`python -m serving.server` as a child of this process."""

    def __init__(self, base: Path, *flags: str, port: int = 0) -> None:
        """Starts it and returns when it serves."""
        monitoring = base.parent / f"{base.name}.monitoring.config"
        monitoring.write_text(METRICS_CONFIG)
        self.port = port or free_port()
        command = [sys.executable, "-m", "serving.server", f"--model_base_path={base}"]
        command += [f"--port={self.port}", f"--monitoring_config_file={monitoring}"]
        command += ["--rest_api_port=0", *flags]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        lines = [self.process.stdout.readline() for _ in range(2)]
        if not lines[1]:
            raise SystemExit("the server did not start")
        self.metrics_port = int(lines[1].split()[-1])

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def rss_mib(self) -> float:
        """Memory of the process, Linux only."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        (kib,) = re.findall(r"VmRSS:\s+(\d+) kB", status)
        return int(kib) / 1024

    def runtime_seconds(self) -> float:
        """Time spent in models up to now, by the server's own metrics."""
        url = f"http://127.0.0.1:{self.metrics_port}/monitoring/prometheus/metrics"
        with urllib.request.urlopen(url) as page:
            text = page.read().decode()
        found = re.search(r"^:tensorflow:serving:runtime_latency_sum\S* (\S+)$", text, re.MULTILINE)
        return float(found.group(1)) / 1e6 if found else 0.0

    def stop(self) -> int:
        """Sends SIGTERM and waits for the end."""
        self.process.terminate()
        return self.process.wait(60)


def free_port() -> int:
    """A port nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def connect(address: str) -> grpc.Channel:
    """A connection of its own that is quick to come back after a restart."""
    options = [
        *message_options(64 * 2**20),
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.max_reconnect_backoff_ms", 500),
    ]
    return grpc.insecure_channel(address, options)


def predict_request(images: np.ndarray) -> predict_pb2.PredictRequest:
    """Asks the highest version of `dagan` for uint8 images."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "dagan"
    request.inputs["images"].CopyFrom(tf.make_tensor_proto(images))
    return request


def random_images(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
