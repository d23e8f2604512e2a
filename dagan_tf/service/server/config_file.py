"""tensorflow_model_server's configuration files, in its own protobuf text format.

`models.config` is a ModelServerConfig of the tensorflow-serving-api package. The messages of the
other files are not in that package; they are described here, field for field:
tensorflow_serving/servables/tensorflow/session_bundle_config.proto (BatchingParameters),
tensorflow_serving/config/ssl_config.proto and monitoring_config.proto.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format
from google.protobuf.message import Message
from tensorflow_serving.config import model_server_config_pb2

from dagan_tf.errors import DaganError
from dagan_tf.export.locations import locate

DEFAULT_METRICS_PATH = "/monitoring/prometheus/metrics"

_Message = TypeVar("_Message", bound=Message)
_Field = descriptor_pb2.FieldDescriptorProto
_PACKAGE = "tensorflow.serving"


class ConfigFileError(DaganError):
    """A configuration file that cannot be read or says something impossible."""


@dataclass(frozen=True)
class BatchingParameters:
    """How requests are put together, with TensorFlow Serving's names and defaults.

    Attributes:
        max_batch_size: Most images a batch; without splitting also most images a request.
        batch_timeout_micros: How long the first request of a batch waits for others.
        max_enqueued_batches: Full batches that may wait; beyond that requests are refused.
        num_batch_threads: Batches worked on at once.
        thread_pool_name: Label of the metrics.
        allowed_batch_sizes: When not empty, batches are padded up to one of these.
        enable_large_batch_splitting: Split requests larger than `max_execution_batch_size`.
        max_execution_batch_size: Most images a batch when requests may be split.
    """

    max_batch_size: int = 1000
    batch_timeout_micros: int = 0
    max_enqueued_batches: int = 10
    num_batch_threads: int = os.cpu_count() or 1
    thread_pool_name: str = "model_server_batch_threads"
    allowed_batch_sizes: tuple[int, ...] = ()
    enable_large_batch_splitting: bool = False
    max_execution_batch_size: int = 0

    def __post_init__(self) -> None:
        for name in ("max_batch_size", "max_enqueued_batches", "num_batch_threads"):
            if getattr(self, name) < 1:
                raise ConfigFileError(f"{name} is {getattr(self, name)}; expected 1 or more")
        if self.batch_timeout_micros < 0:
            raise ConfigFileError(
                f"batch_timeout_micros is {self.batch_timeout_micros}; expected 0 or more"
            )
        if self.max_execution_batch_size and not self.enable_large_batch_splitting:
            raise ConfigFileError(
                "max_execution_batch_size is set without enable_large_batch_splitting"
            )
        if not 0 <= self.max_execution_batch_size <= self.max_batch_size:
            raise ConfigFileError(
                f"max_execution_batch_size is {self.max_execution_batch_size}; expected at most "
                f"max_batch_size, {self.max_batch_size}"
            )
        sizes = self.allowed_batch_sizes
        if sizes and (sizes[0] < 1 or list(sizes) != sorted(set(sizes))):
            raise ConfigFileError(
                f"allowed_batch_sizes are {list(sizes)}; expected increasing numbers from 1 on"
            )
        if sizes and sizes[-1] != self.execution_batch_size:
            raise ConfigFileError(
                f"the last of allowed_batch_sizes is {sizes[-1]}; expected the largest batch, "
                f"{self.execution_batch_size}"
            )

    @property
    def execution_batch_size(self) -> int:
        """Most images of one batch."""
        return self.max_execution_batch_size or self.max_batch_size


@dataclass(frozen=True)
class SslConfig:
    """Encryption, with TensorFlow Serving's names. The first three are PEM texts, not paths.

    Attributes:
        server_key: Private key.
        server_cert: Certificate chain.
        custom_ca: Certificates that clients' certificates must be signed by.
        client_verify: Take only clients that show such a certificate.
    """

    server_key: str
    server_cert: str
    custom_ca: str = ""
    client_verify: bool = False

    def __post_init__(self) -> None:
        for name in ("server_key", "server_cert", "custom_ca"):
            text = getattr(self, name)
            if not (text.startswith("-----BEGIN") or (name == "custom_ca" and not text)):
                raise ConfigFileError(
                    f"{name} starts with {text[:20]!r}; expected the PEM text itself, beginning "
                    "with -----BEGIN, not the path of a file"
                )
        if self.client_verify and not self.custom_ca:
            raise ConfigFileError("client_verify is set without custom_ca to verify against")


def read_models(path: str | os.PathLike[str]) -> model_server_config_pb2.ModelServerConfig:
    """Reads a `models.config`.

    Raises:
        ConfigFileError: No such file, no ModelServerConfig, or one without models.
    """
    config = _parse(path, model_server_config_pb2.ModelServerConfig())
    if not config.model_config_list.config:
        raise ConfigFileError(f"{path}: lists no model; expected model_config_list {{ config ...")
    return config


def single_model(
    name: str, base_path: str | os.PathLike[str]
) -> model_server_config_pb2.ModelServerConfig:
    """The configuration that --model_name and --model_base_path stand for."""
    config = model_server_config_pb2.ModelServerConfig()
    config.model_config_list.config.add(
        name=name, base_path=os.fspath(locate(base_path).absolute()), model_platform="tensorflow"
    )
    return config


def read_batching(path: str | os.PathLike[str]) -> BatchingParameters:
    """Reads a `batching.config`.

    Raises:
        ConfigFileError: No such file, no BatchingParameters, or impossible ones.
    """
    message: Any = _parse(path, _MESSAGES["BatchingParameters"]())
    if message.pad_variable_length_inputs:
        raise ConfigFileError(
            f"{path}: pad_variable_length_inputs is not supported: padded pixels would change a "
            "refined image; requests of one image size are batched together without it"
        )
    values: dict[str, Any] = {
        field.name: value.value
        for field, value in message.ListFields()
        if field.message_type is not None
    }
    return _checked(
        path, BatchingParameters, allowed_batch_sizes=tuple(message.allowed_batch_sizes), **values
    )


def read_ssl(path: str | os.PathLike[str]) -> SslConfig:
    """Reads an `ssl.config`.

    Raises:
        ConfigFileError: No such file, no SSLConfig, or one without key and certificate.
    """
    message: Any = _parse(path, _MESSAGES["SSLConfig"]())
    return _checked(
        path,
        SslConfig,
        server_key=message.server_key,
        server_cert=message.server_cert,
        custom_ca=message.custom_ca,
        client_verify=message.client_verify,
    )


def read_monitoring(path: str | os.PathLike[str]) -> str | None:
    """Reads a `monitoring.config`.

    Returns:
        Path of the metrics page; None when it is not enabled.

    Raises:
        ConfigFileError: No such file, or no MonitoringConfig.
    """
    prometheus: Any = _parse(path, _MESSAGES["MonitoringConfig"]()).prometheus_config
    page = prometheus.path or DEFAULT_METRICS_PATH
    if not page.startswith("/"):
        raise ConfigFileError(f"{path}: path is {page!r}; expected one beginning with /")
    return page if prometheus.enable else None


def _parse(path: str | os.PathLike[str], message: _Message) -> _Message:
    try:
        text_format.Parse(Path(path).read_text("utf-8"), message)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigFileError(f"{path}: cannot be read ({error})") from error
    except text_format.ParseError as error:
        raise ConfigFileError(f"{path}: no {message.DESCRIPTOR.name}: {error}") from error
    return message


def _checked(path: str | os.PathLike[str], kind: Any, **values: Any) -> Any:
    try:
        return kind(**values)
    except ConfigFileError as error:
        raise ConfigFileError(f"{path}: {error}") from error


def _message(name: str, **fields: str) -> descriptor_pb2.DescriptorProto:
    """Describes a message; a field is `<number> <type>`, `<number> repeated <type>`."""
    message = descriptor_pb2.DescriptorProto(name=name)
    for field, description in fields.items():
        number, *label, kind = description.split()
        proto = message.field.add(name=field, number=int(number))
        proto.label = _Field.LABEL_REPEATED if label else _Field.LABEL_OPTIONAL
        if kind[0].isupper():
            proto.type = _Field.TYPE_MESSAGE
            package = "google.protobuf" if kind.endswith("Value") else _PACKAGE
            proto.type_name = f".{package}.{kind}"
        else:
            proto.type = _Field.Type.Value(f"TYPE_{kind.upper()}")
    return message


def _describe() -> dict[str, Any]:
    # The wrappers of google/protobuf/wrappers.proto, likewise by hand.
    wrappers = descriptor_pb2.FileDescriptorProto(name="wrappers", package="google.protobuf")
    for kind in ("Int64Value", "StringValue", "BoolValue"):
        wrappers.message_type.append(_message(kind, value=f"1 {kind[:-5].lower()}"))
    ours = descriptor_pb2.FileDescriptorProto(
        name="model_server_files", package=_PACKAGE, dependency=["wrappers"], syntax="proto3"
    )
    ours.message_type.extend(
        [
            _message(
                "BatchingParameters",
                max_batch_size="1 Int64Value",
                batch_timeout_micros="2 Int64Value",
                max_enqueued_batches="3 Int64Value",
                num_batch_threads="4 Int64Value",
                thread_pool_name="5 StringValue",
                allowed_batch_sizes="6 repeated int64",
                pad_variable_length_inputs="7 bool",
                enable_large_batch_splitting="8 BoolValue",
                max_execution_batch_size="9 Int64Value",
            ),
            _message(
                "SSLConfig",
                server_key="1 string",
                server_cert="2 string",
                custom_ca="3 string",
                client_verify="4 bool",
            ),
            _message("PrometheusConfig", enable="1 bool", path="2 string"),
            _message("MonitoringConfig", prometheus_config="1 PrometheusConfig"),
        ]
    )
    # A pool of its own: should the package gain these messages one day, they do not collide.
    pool = descriptor_pool.DescriptorPool()
    pool.Add(wrappers)
    pool.Add(ours)
    return {
        message.name: message_factory.GetMessageClass(
            pool.FindMessageTypeByName(f"{_PACKAGE}.{message.name}")
        )
        for message in ours.message_type
    }


_MESSAGES = _describe()
