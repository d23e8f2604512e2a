"""What a server program does: the refiner in the box or a folder's models, until a signal."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import tensorflow as tf

from dagan_tf.export.write import pretrained_base
from dagan_tf.service.server.batching import CPU_BATCH_PIXELS
from dagan_tf.service.server.config_file import (
    BatchingParameters,
    read_batching,
    read_monitoring,
    read_ssl,
)
from dagan_tf.service.server.server import ServerError, start_server
from dagan_tf.service.server.signals import wait_for_signal


def serve(
    model_base_path: str | None,
    *,
    model_name: str,
    grace_seconds: float,
    drain_seconds: float,
    enable_batching: bool = False,
    max_batch_pixels: int | None = None,
    batching_parameters_file: str | None = None,
    ssl_config_file: str | None = None,
    monitoring_config_file: str | None = None,
    **options: Any,
) -> None:
    """Serves until SIGTERM or SIGINT, then drains; says on stdout what it serves.

    Args:
        model_base_path: As of `start_server`; None without a `model_config_file` serves the refiner
            in the box.
        model_name: Name requests ask for.
        grace_seconds: As of `RunningServer.stop`.
        drain_seconds: Likewise.
        enable_batching: Put requests together.
        max_batch_pixels: See `ServerOptions`; None for what suits the machine.
        batching_parameters_file: How, as text; None for the defaults.
        ssl_config_file: An SSLConfig as text; None serves without encryption.
        monitoring_config_file: A MonitoringConfig as text; None gives no metrics.
        **options: Other fields of `ServerOptions`.

    Raises:
        ConfigFileError: One of the files is wrong.
        DaganError: As `start_server`.
    """
    in_the_box = not (model_base_path or options.get("model_config_file"))
    monitoring = monitoring_config_file
    with pretrained_base() if in_the_box else nullcontext(model_base_path) as base:
        running = start_server(
            base,
            model_name=model_name,
            batching=_batching(enable_batching, batching_parameters_file),
            max_batch_pixels=_batch_pixels() if max_batch_pixels is None else max_batch_pixels,
            ssl=read_ssl(ssl_config_file) if ssl_config_file else None,
            metrics_path=read_monitoring(monitoring) if monitoring else None,
            **options,
        )
        for name, versions in running.models.items():
            numbers = ", ".join(map(str, versions))
            print(f"serving {name} version {numbers} on {running.address}", flush=True)
        if running.rest_port is not None:
            print(f"REST on port {running.rest_port}", flush=True)
        wait_for_signal()
        running.stop(grace_seconds, drain_seconds=drain_seconds)


def _batching(enabled: bool, file: str | None) -> BatchingParameters | None:
    if file and not enabled:
        raise ServerError("--batching_parameters_file is set without --enable_batching")
    if file:
        return read_batching(file)
    return BatchingParameters() if enabled else None


def _batch_pixels() -> int:
    return 0 if tf.config.list_physical_devices("GPU") else CPU_BATCH_PIXELS
