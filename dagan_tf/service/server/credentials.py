"""TLS and mutual TLS of the server."""

import ssl
import tempfile
from pathlib import Path

import grpc

from dagan_tf.service.server.config_file import SslConfig


def server_credentials(config: SslConfig) -> grpc.ServerCredentials:
    """Credentials for `grpc.Server.add_secure_port`, as server.cc of TensorFlow Serving sets them.

    Clients are asked for a certificate only when `client_verify` is set, and then must have one.
    """
    return grpc.ssl_server_credentials(
        [(config.server_key.encode(), config.server_cert.encode())],
        root_certificates=config.custom_ca.encode() or None,
        require_client_auth=config.client_verify,
    )


def tls_context(config: SslConfig) -> ssl.SSLContext:
    """The same for an HTTP server.

    Raises:
        OSError: Key and certificate are not a pair, or not PEM (`ssl.SSLError`).
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # Python takes both from files only; this folder can be read by its owner alone.
    with tempfile.TemporaryDirectory() as folder:
        key, certificate = Path(folder, "key.pem"), Path(folder, "certificate.pem")
        key.write_text(config.server_key, "ascii")
        certificate.write_text(config.server_cert, "ascii")
        context.load_cert_chain(certificate, key)
    if config.client_verify:
        context.load_verify_locations(cadata=config.custom_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
