"""Keys and certificates for tests of encryption."""

import shutil
import subprocess
from pathlib import Path

import pytest


def make_keys(folder: Path) -> dict[str, str]:
    """PEM texts of a CA (`ca`), and of a key with certificate for localhost that it has signed."""
    if not shutil.which("openssl"):
        pytest.skip("no openssl")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *new, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ca")
    openssl("req", *new, "-keyout", "key.pem", "-out", "csr.pem", "-subj", "/CN=localhost")
    (folder / "ext").write_text("subjectAltName=DNS:localhost\n")
    sign = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "ext")
    openssl("x509", "-req", "-in", "csr.pem", *sign, "-out", "cert.pem", "-days", "2")
    return {name: (folder / f"{name}.pem").read_text() for name in ("ca", "key", "cert")}
