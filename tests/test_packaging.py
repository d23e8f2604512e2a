"""The wheel and the source archive hold what they should, and work where the checkout is not."""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
# Of the checkout's folders these are installed.
TOPS = ("dagan_tf", "serving", "trainer")


def _run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _build(kind, source, output):
    """Calls the build backend, as pip does, on a copy: it writes into its folder."""
    program = f"import setuptools.build_meta as b; print(b.build_{kind}(r'{output}'))"
    name = _run(sys.executable, "-c", program, cwd=source).splitlines()[-1]
    return output / name


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    pytest.importorskip("setuptools")
    source = tmp_path_factory.mktemp("source")
    files = _run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT)
    for name in files.split("\0"):
        if name and (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    return _build("sdist", source, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def wheel(sdist, tmp_path_factory):
    """Made from the source archive: what that lacks, the wheel lacks."""
    source = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(source, filter="data")
    (folder,) = source.iterdir()
    return _build("wheel", folder, tmp_path_factory.mktemp("wheel"))


def test_the_wheel_holds_all_modules_and_their_data(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        (licence,) = [name for name in archive.namelist() if name.endswith("/LICENSE")]
        metadata = archive.read(licence.split("/")[0] + "/METADATA").decode()
        assert b"Apache License" in archive.read(licence)
    wanted = {
        str(path.relative_to(ROOT))
        for top in TOPS
        for path in (ROOT / top).rglob("*")
        if path.suffix in (".py", ".npz", ".html", ".j2", ".tflite", ".typed")
        or (path.suffix == ".yaml" and top == "dagan_tf")
    }
    assert wanted - names == set()
    assert {name.split("/")[0] for name in names} == set(TOPS)
    assert "License-Expression: Apache-2.0" in metadata or "License: Apache-2.0" in metadata


def test_the_wheel_is_small(wheel):
    assert wheel.stat().st_size < 15_000_000


def test_the_source_archive_holds_what_a_build_needs(sdist):
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"LICENSE", "README.md", "setup.py", "pyproject.toml"} <= names


def test_the_wheel_passes_its_self_check_outside_the_checkout(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    place = _run(
        sys.executable, "-c", "import dagan_tf; print(dagan_tf.__file__)",
        cwd=tmp_path, env=environment,
    )  # fmt: skip
    assert Path(place.strip()).is_relative_to(tmp_path)
    said = _run(
        sys.executable, "-m", "dagan_tf.selfcheck", cwd=tmp_path, env=environment
    ).splitlines()
    assert [line[:4] for line in said[:-1]] == ["OK  "] * 7
    assert said[-1].startswith("all parts work")
