"""A PredictionService in this process, for machines without tensorflow_model_server."""

import os
import signal
import threading
from concurrent import futures
from dataclasses import dataclass
from pathlib import Path

import grpc
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

from dagan_tf.errors import DaganError
from dagan_tf.service.channel import MAX_MESSAGE_BYTES, message_options
from dagan_tf.service.predict_service import ModelRegistry, ModelService, PredictionService
from dagan_tf.service.served_model import ServedModel
from dagan_tf.versions import ModelNotFoundError, list_versions, version_folder


class ServerError(DaganError):
    """A server that cannot start."""


@dataclass(frozen=True)
class RunningServer:
    """A server that accepts requests.

    Attributes:
        server: The gRPC server.
        host: Address it listens on.
        port: Port it listens on, the chosen one when 0 was asked for.
        version: Version of the model it serves.
    """

    server: grpc.Server
    host: str
    port: int
    version: int

    @property
    def address(self) -> str:
        """HOST:PORT, as clients take it."""
        return _address(self.host, self.port)

    def stop(self, grace_seconds: float = 0.0) -> None:
        """Takes no more requests and waits for those under way, at most `grace_seconds`."""
        self.server.stop(grace_seconds).wait()


def start_server(
    model_base_path: str | os.PathLike[str],
    *,
    model_name: str = "dagan",
    host: str = "127.0.0.1",
    port: int = 8500,
    max_workers: int = 4,
    max_message_bytes: int = MAX_MESSAGE_BYTES,
) -> RunningServer:
    """Loads the highest version of a model and serves it.

    Args:
        model_base_path: Base folder, as for TensorFlow Serving.
        model_name: Name requests ask for.
        host: Address to listen on. There is no encryption and no authentication: beyond the
            loopback, put a proxy in front.
        port: 0 chooses a free one.
        max_workers: Requests worked on at once.
        max_message_bytes: Largest request and answer.

    Raises:
        ModelNotFoundError: `model_base_path` holds no version.
        ServerError: The model cannot be read or the port cannot be had.
    """
    versions = list_versions(model_base_path)
    if not versions:
        raise ModelNotFoundError(
            f"{model_base_path}: holds no <version>/saved_model.pb; "
            "expected what serving.export writes"
        )
    registry = ModelRegistry()
    registry.add(
        _load(
            version_folder(model_base_path, versions[-1]),
            model_name,
            versions[-1],
            max_message_bytes,
        )
    )
    server = grpc.server(
        futures.ThreadPoolExecutor(max_workers, thread_name_prefix="predict"),
        # Without the second option a taken port would be shared silently with its owner.
        options=[*message_options(max_message_bytes), ("grpc.so_reuseport", 0)],
    )
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        PredictionService(registry), server
    )
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(ModelService(registry), server)
    address = _address(host, port)
    try:
        bound = server.add_insecure_port(address)
    except RuntimeError as error:
        raise ServerError(f"cannot listen on {address}; is the port taken?") from error
    if not bound:  # How grpcio before 1.60 reports it.
        raise ServerError(f"cannot listen on {address}; is the port taken?")
    server.start()
    return RunningServer(server, host, bound, versions[-1])


def wait_for_signal() -> None:
    """Returns when the process gets SIGTERM or SIGINT; call it from the main thread."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    # Waiting in slices lets Python run signal handlers on every platform.
    while not stop.wait(0.5):
        pass


def _load(folder: Path, name: str, version: int, max_tensor_bytes: int) -> ServedModel:
    try:
        return ServedModel(folder, name=name, version=version, max_tensor_bytes=max_tensor_bytes)
    except Exception as error:  # Of a damaged SavedModel TensorFlow raises nearly anything.
        raise ServerError(f"{folder}: not a readable SavedModel ({error})") from error


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
