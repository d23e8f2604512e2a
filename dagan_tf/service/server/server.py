"""A model server in this process, for machines without tensorflow_model_server."""

import os
import time
from collections.abc import Callable
from concurrent import futures
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from tensorflow_serving.config import model_server_config_pb2

from dagan_tf.errors import DaganError
from dagan_tf.export.versions import ModelNotFoundError, list_versions
from dagan_tf.service.channel import message_options
from dagan_tf.service.http_server import HttpServer
from dagan_tf.service.periodic import Periodic
from dagan_tf.service.server import model_service, predict_service
from dagan_tf.service.server.access_log import AccessLog
from dagan_tf.service.server.batching import Batcher
from dagan_tf.service.server.config_file import read_models, single_model
from dagan_tf.service.server.credentials import server_credentials, tls_context
from dagan_tf.service.server.descriptors import load_service_names
from dagan_tf.service.server.draining import Gate
from dagan_tf.service.server.endpoint import Endpoint
from dagan_tf.service.server.limits import Limits
from dagan_tf.service.server.metrics import ServerMetrics
from dagan_tf.service.server.model_loader import ModelLoader
from dagan_tf.service.server.options import ServerOptions
from dagan_tf.service.server.registry import ModelRegistry
from dagan_tf.service.server.rest import RestApi, RestOptions
from dagan_tf.service.server.status import RequestError
from dagan_tf.service.server.versions_watcher import VersionsWatcher

_SERVICES = load_service_names()
_MOST_GATE_SECONDS = 2.0
# Three channels, and room for a fourth: what a body of JSON may hold for each pixel allowed.
_VALUES_A_PIXEL = 4


class ServerError(DaganError):
    """A server that cannot start."""


class RunningServer:
    """A server that accepts requests.

    Attributes:
        host: Address it listens on.
        port: Port it listens on, the chosen one when 0 was asked for.
        rest_port: Port of REST and the metrics, None without them.
    """

    def __init__(self, options: ServerOptions, config: model_server_config_pb2.ModelServerConfig):
        """Loads the models, then listens; see `start_server`."""
        self.host = options.host
        self.rest_port: int | None = None
        self._rest: RestApi | None = None
        self._rest_grace_seconds = 0.0
        self._stops: list[Callable[[], None]] = []
        try:
            self._start(options, config)
        except BaseException:
            self._close()
            raise

    @property
    def address(self) -> str:
        """HOST:PORT, as clients take it."""
        return _address(self.host, self.port)

    @property
    def models(self) -> dict[str, list[int]]:
        """Model name to the versions that take requests, ascending."""
        return {name: self._registry.available(name) for name in self._registry.names()}

    def stop(self, grace_seconds: float = 0.0, *, drain_seconds: float = 0.0) -> None:
        """Says NOT_SERVING to health checks, then ends.

        Args:
            grace_seconds: Most time for the requests under way, those waiting included; new ones
                are turned away with UNAVAILABLE.
            drain_seconds: Time in which requests are still taken, for load balancers to notice.
        """
        self._health.enter_graceful_shutdown()
        time.sleep(drain_seconds)
        end = time.monotonic() + grace_seconds
        if self._rest is not None:
            self._rest.close()
        self._gate.close(min(grace_seconds, _MOST_GATE_SECONDS))
        self._server.stop(max(end - time.monotonic(), 0)).wait()
        self._rest_grace_seconds = max(end - time.monotonic(), 0)
        self._close()

    def _start(
        self, options: ServerOptions, config: model_server_config_pb2.ModelServerConfig
    ) -> None:
        metrics = ServerMetrics()
        self._registry = ModelRegistry()
        watcher = VersionsWatcher(
            self._registry,
            ModelLoader(options.limits, metrics, warm_up=options.enable_model_warmup).load,
            allow_labels_for_unavailable=options.allow_version_labels_for_unavailable_models,
        )
        try:
            watcher.configure(config)
        except RequestError as error:
            raise ServerError(error.message) from error
        log = AccessLog(options.access_log) if options.access_log else None
        if log is not None:
            self._stops.append(log.close)
        batcher = None
        if options.batching is not None:
            batcher = Batcher(options.batching, metrics, max_pixels=options.max_batch_pixels)
            self._stops.append(batcher.stop)
        self._gate = Gate(_SERVICES)
        self._server = grpc.server(
            futures.ThreadPoolExecutor(options.threads, thread_name_prefix="grpc"),
            # Without the second option a taken port would be shared silently with its owner.
            options=[
                *message_options(options.limits.max_message_bytes),
                ("grpc.so_reuseport", 0),
            ],
            interceptors=(self._gate,),
            maximum_concurrent_rpcs=options.max_concurrent_requests,
        )
        endpoint = Endpoint(metrics, log, lambda name: bool(self._registry.available(name)))
        predictions = predict_service.PredictionService(
            self._registry,
            metrics,
            batcher,
            tensor_content=options.enable_serialization_as_tensor_content,
        )
        models = model_service.ModelService(self._registry, watcher.configure, metrics)
        self._server.add_generic_rpc_handlers(
            (predictions.handler(endpoint), models.handler(endpoint))
        )
        self._health = _add_health_and_reflection(self._server)
        self.port = _listen(self._server, options)
        self._server.start()
        self._stops.append(lambda: self._server.stop(0).wait())
        if options.rest_api_port is not None:
            rest_options = RestOptions(
                options.rest_api_timeout_in_ms / 1e3,
                options.limits.max_message_bytes,
                _VALUES_A_PIXEL * options.limits.max_pixels,
                options.metrics_path,
            )
            self._rest = RestApi(predictions, models, endpoint, rest_options, metrics.page)
            self._serve_rest(options, self._rest)
        self._poll(options, watcher)

    def _serve_rest(self, options: ServerOptions, api: RestApi) -> None:
        address = _address(options.host, options.rest_api_port or 0)
        try:
            server = HttpServer(
                options.host,
                options.rest_api_port or 0,
                api,
                threads=options.rest_api_num_threads or 4 * (os.cpu_count() or 1),
                waiting=options.max_concurrent_requests,
                tls=tls_context(options.ssl) if options.ssl is not None else None,
            )
        except OSError as error:
            raise ServerError(f"cannot listen on {address} for REST: {error}") from error
        self.rest_port = server.port
        self._stops.append(lambda: server.stop(self._rest_grace_seconds))

    def _poll(self, options: ServerOptions, watcher: VersionsWatcher) -> None:
        if options.file_system_poll_wait_seconds > 0:
            periodic = Periodic(
                watcher.sync, options.file_system_poll_wait_seconds, expected=(RequestError,)
            )
            self._stops.append(periodic.stop)
        path = options.model_config_file
        if path is not None and options.model_config_file_poll_wait_seconds > 0:
            periodic = Periodic(
                lambda: watcher.configure(read_models(path)),
                options.model_config_file_poll_wait_seconds,
                expected=(RequestError,),
            )
            self._stops.append(periodic.stop)

    def _close(self) -> None:
        while self._stops:  # Last started, first stopped.
            self._stops.pop()()


def start_server(
    model_base_path: str | os.PathLike[str] | None = None,
    *,
    model_name: str = "dagan",
    max_message_bytes: int | None = None,
    **options: Any,
) -> RunningServer:
    """Loads models and serves them.

    Args:
        model_base_path: Base folder of one model, as for TensorFlow Serving: a path or a URI.
            None when there is a `model_config_file`.
        model_name: Name requests ask for; of the model in `model_base_path`.
        max_message_bytes: Short for `limits`.
        **options: Fields of `ServerOptions`.

    Raises:
        ModelNotFoundError: `model_base_path` holds no version.
        LocationError: It is a URI that cannot be read.
        ServerError: A model cannot be read or a port cannot be had.
        ConfigFileError: `model_config_file` is wrong.
    """
    if max_message_bytes is not None:
        options["limits"] = Limits(max_message_bytes=max_message_bytes)
    settings = ServerOptions(**options)
    if settings.metrics_path is not None and settings.rest_api_port is None:
        raise ServerError("metrics are asked for without rest_api_port, the port they are at")
    if (model_base_path is None) == (settings.model_config_file is None):
        raise ServerError("expected either model_base_path or model_config_file")
    if model_base_path is None:
        return RunningServer(settings, read_models(str(settings.model_config_file)))
    if not list_versions(model_base_path):
        raise ModelNotFoundError(
            f"{model_base_path}: holds no <version>/saved_model.pb; "
            "expected what serving.export writes"
        )
    return RunningServer(settings, single_model(model_name, model_base_path))


def _add_health_and_reflection(server: grpc.Server) -> health.HealthServicer:
    servicer = health.HealthServicer()
    for name in ("", *_SERVICES):
        servicer.set(name, health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    names = (*_SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME)
    reflection.enable_server_reflection(names, server)
    return servicer


def _listen(server: grpc.Server, options: ServerOptions) -> int:
    address = _address(options.host, options.port)
    try:
        if options.ssl is None:
            port = server.add_insecure_port(address)
        else:
            port = server.add_secure_port(address, server_credentials(options.ssl))
    except RuntimeError as error:
        raise ServerError(_not_bound(address, options)) from error
    if not port:  # How grpcio before 1.60 reports it.
        raise ServerError(_not_bound(address, options))
    return int(port)


def _not_bound(address: str, options: ServerOptions) -> str:
    hint = " or key and certificate no pair" if options.ssl is not None else ""
    return f"cannot listen on {address}; is the port taken{hint}?"


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
