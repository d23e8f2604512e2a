"""What the blocking and the asyncio client share: settings, encryption, errors."""

from dataclasses import dataclass, field
from pathlib import Path

import grpc

from dagan_tf.errors import DaganError
from dagan_tf.service.channel import MAX_MESSAGE_BYTES, message_options
from dagan_tf.service.client.retry import RetryPolicy


class ServiceError(DaganError):
    """The server could not be reached, refused a request, or answered something unexpected.

    Attributes:
        code: gRPC status code, None when the answer itself was at fault.
    """

    def __init__(self, message: str, code: grpc.StatusCode | None = None) -> None:
        """Names the error.

        Args:
            message: one line for people.
            code: see the class.
        """
        super().__init__(message)
        self.code = code


class TooLargeError(ServiceError):
    """One image that no message may hold."""


@dataclass(frozen=True)
class TlsFiles:
    """Encryption with files in PEM format.

    Attributes:
        root_certificates: Of those who may sign the server's certificate; None for gRPC's own.
        private_key: Of this client, for mutual TLS; with `certificate_chain` or not at all.
        certificate_chain: Of this client.
        server_name: Name the server's certificate must have; None for that of the address.
    """

    root_certificates: str | None = None
    private_key: str | None = None
    certificate_chain: str | None = None
    server_name: str | None = None

    def credentials(self) -> grpc.ChannelCredentials:
        """For a secure channel.

        Raises:
            ServiceError: A file cannot be read or holds no PEM, or key or certificate is missing.
        """
        if (self.private_key is None) != (self.certificate_chain is None):
            raise ServiceError("a client's key and certificate are given together or not at all")
        paths = (self.root_certificates, self.private_key, self.certificate_chain)
        return grpc.ssl_channel_credentials(*(_read_pem(path) for path in paths))


@dataclass(frozen=True)
class ClientOptions:
    """Settings of a client.

    Attributes:
        address: HOST:PORT of the server.
        model_name: Name the server serves the model under.
        version: Version to ask for; None for the server's choice.
        batch_size: Most images a request.
        concurrency: Most requests under way at once.
        timeout_seconds: Deadline of each request, its repetitions included.
        max_message_bytes: Largest message; requests are made smaller where it demands it.
        retry: When a request is sent again.
        tls: Encryption; None for none.
    """

    address: str
    model_name: str = "dagan"
    version: int | None = None
    batch_size: int = 8
    concurrency: int = 4
    timeout_seconds: float = 60.0
    max_message_bytes: int = MAX_MESSAGE_BYTES
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    tls: TlsFiles | None = None

    def __post_init__(self) -> None:
        for name in ("batch_size", "concurrency", "timeout_seconds", "max_message_bytes"):
            value = getattr(self, name)
            if value <= 0:
                raise ServiceError(f"{name} is {value}; expected a positive number")
        if self.retry.attempts < 1:
            raise ServiceError(f"attempts is {self.retry.attempts}; expected at least 1")

    def channel_options(self) -> list[tuple[str, int | str]]:
        """Options of the gRPC channel."""
        options: list[tuple[str, int | str]] = [
            *message_options(self.max_message_bytes),
            ("grpc.enable_retries", 0),  # See client_retry.
            # gRPC would look for a server that is away only after ever longer pauses, up to two
            # minutes, and meanwhile fail every attempt at once.
            ("grpc.initial_reconnect_backoff_ms", 200),
            ("grpc.max_reconnect_backoff_ms", 2000),
        ]
        if self.tls is not None and self.tls.server_name:
            options.append(("grpc.ssl_target_name_override", self.tls.server_name))
        return options


def _read_pem(path: str | None) -> bytes | None:
    if path is None:
        return None
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise ServiceError(f"{path}: cannot be read ({error.strerror})") from error
    # gRPC would only say that the server is unavailable.
    if b"-----BEGIN " not in data:
        raise ServiceError(f"{path}: expected a PEM file, with a line that begins -----BEGIN")
    return data
