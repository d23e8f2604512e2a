"""TLS and mutual TLS of the server."""

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
