"""The client's side of TLS and mutual TLS, against the server's."""

import asyncio
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from dagan_tf.service.client.asyncio_client import AsyncRefinerClient
from dagan_tf.service.client.client import RefinerClient, RetryPolicy, ServiceError, TlsFiles
from dagan_tf.service.server.config_file import SslConfig
from dagan_tf.service.server.server import start_server
from tests.helpers.small_models import save_adder

IMAGES = np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3)
ONCE = RetryPolicy(attempts=1)


@pytest.fixture(scope="module")
def keys(tmp_path_factory) -> Path:
    """A CA, and a key with certificate that it has signed for the name refiner.test only."""
    if not shutil.which("openssl"):
        pytest.skip("no openssl")
    folder = tmp_path_factory.mktemp("keys")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    for name in ("ca", "stranger"):
        openssl("req", "-x509", *new, "-keyout", f"{name}.key", "-out", f"{name}.pem",
                "-subj", f"/CN={name}")  # fmt: skip
    openssl("req", *new, "-keyout", "key.pem", "-out", "csr.pem", "-subj", "/CN=refiner.test")
    (folder / "ext").write_text("subjectAltName=DNS:refiner.test\n")
    sign = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "ext")
    openssl("x509", "-req", "-in", "csr.pem", *sign, "-out", "cert.pem", "-days", "2")
    return folder


@pytest.fixture(scope="module", params=[False, True], ids=["tls", "mutual"])
def server(request, keys, tmp_path_factory):
    base = tmp_path_factory.mktemp("base")
    save_adder(base / "1", 7)
    texts = [(keys / name).read_text() for name in ("key.pem", "cert.pem", "ca.pem")]
    running = start_server(base, port=0, ssl=SslConfig(*texts, client_verify=request.param))
    running.mutual = request.param
    yield running
    running.stop()


def _tls(keys: Path, ca: str = "ca.pem", *, own: bool = False, name: str | None = "refiner.test"):
    own_files = (str(keys / "key.pem"), str(keys / "cert.pem")) if own else (None, None)
    return TlsFiles(str(keys / ca), *own_files, name)


def test_with_a_certificate_of_its_own(server, keys):
    tls = _tls(keys, own=True)
    with RefinerClient(server.address, tls=tls) as client:
        np.testing.assert_array_equal(client.refine(IMAGES), IMAGES + 7)

    async def run():
        async with AsyncRefinerClient(server.address, tls=tls) as client:
            assert await client.pin_version() == 1
            return await client.refine(IMAGES)

    np.testing.assert_array_equal(asyncio.run(run()), IMAGES + 7)


def test_without_one(server, keys):
    with RefinerClient(server.address, tls=_tls(keys), retry=ONCE) as client:
        if server.mutual:
            with pytest.raises(ServiceError, match="UNAVAILABLE"):
                client.refine(IMAGES)
        else:
            np.testing.assert_array_equal(client.refine(IMAGES), IMAGES + 7)


@pytest.mark.parametrize(
    "settings",
    [{"ca": "stranger.pem"}, {"name": None}],
    ids=["signed by another", "of another name"],
)
def test_servers_that_cannot_be_trusted_get_nothing(server, keys, settings):
    tls = _tls(keys, own=True, **settings)
    with (
        RefinerClient(server.address, tls=tls, retry=ONCE) as client,
        pytest.raises(ServiceError, match="UNAVAILABLE"),
    ):
        client.refine(IMAGES)


def test_unencrypted_client_is_not_understood(server):
    with (
        RefinerClient(server.address, retry=ONCE, timeout_seconds=5) as client,
        pytest.raises(ServiceError, match="UNAVAILABLE"),
    ):
        client.refine(IMAGES)
