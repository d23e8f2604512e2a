"""The command-line programs, as a user runs them."""

import ast
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dagan_tf.data.manifest import ManifestRow, ManifestWriter, read_manifest
from dagan_tf.export import write
from dagan_tf.export.refiner import Refiner
from dagan_tf.faces.photo_io import read_photo, write_png
from tests.helpers.programs import Done, run_program
from tests.helpers.tiny_export import export_tiny

ROOT = Path(__file__).parent.parent.parent


def _command(module: str, **flags: object) -> list[str]:
    return [sys.executable, "-m", module, *(f"--{name}={value}" for name, value in flags.items())]


def _run(module: str, **flags: object) -> Done:
    return run_program(module, *(f"--{name}={value}" for name, value in flags.items()))


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    base = tmp_path_factory.mktemp("base")
    export_tiny(base)
    return base


@pytest.fixture(scope="module")
def simulated(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("simulated")
    (folder / "anna").mkdir()
    random = np.random.default_rng(0)
    with ManifestWriter(folder) as manifest:
        for index in range(3):
            image, mask = f"anna/{index}_yaw+060.png", f"anna/{index}_yaw+060_mask.png"
            write_png(folder / image, random.integers(0, 256, (24, 24, 3), np.uint8))
            write_png(folder / mask, np.full((24, 24), 255, np.uint8))
            manifest.write(ManifestRow(image, mask, "a.jpg", "anna", 60.0, 0.0, 0.0, 0.01))
    return folder


def _assert_refined(base: Path, simulated: Path, output: Path) -> None:
    refiner = Refiner.load(base)
    assert read_manifest(output) == read_manifest(simulated)
    for row in read_manifest(output):
        expected = refiner(read_photo(simulated / row.path))
        np.testing.assert_array_equal(read_photo(output / row.path), expected)


def test_refine(base, simulated, tmp_path):
    flags = {"model": base, "input": simulated, "output": tmp_path / "out"}
    done = _run("trainer.refine", **flags)
    assert done.returncode == 0, done.stderr
    assert "refined 3 images" in done.stdout
    _assert_refined(base, simulated, tmp_path / "out")


@pytest.mark.slow
def test_server_and_client_and_drain_at_sigterm(base, simulated, tmp_path):
    command = _command("serving.server", model_base_path=base, model_name="faces", port=0)
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        try:
            line = server.stdout.readline()
            assert line.startswith("serving faces version 1 on 127.0.0.1:")
            address = line.split()[-1]
            flags = {"input": simulated, "output": tmp_path / "out"}
            done = _run("serving.client", server=address, model_name="faces", **flags)
            assert done.returncode == 0, done.stderr
            assert "with faces version 1" in done.stdout
            _assert_refined(base, simulated, tmp_path / "out")
        finally:
            os.kill(server.pid, signal.SIGTERM)
        assert server.wait(20) == 0


@pytest.mark.slow
def test_bless(base):
    done = _run("serving.bless", model=base)
    assert done.returncode == 0, done.stderr
    said = f"{base}/1: blessed; largest difference between the two loaders "
    assert done.stdout.startswith(said)
    assert float(done.stdout.removeprefix(said)) < 1e-3


@pytest.mark.slow
def test_every_flag_of_the_export_reaches_it(monkeypatch):
    flags = [
        "--model_dir=a",
        "--output=b",
        "--noema",
        "--average=mirror,shift",
        "--format=onnx,litert",
    ]
    flags += ["--precision=bfloat16", "--training_data=c", "--licence=d"]
    monkeypatch.setattr(write, "export_model_dir", lambda *arguments, **named: (arguments, named))
    done = run_program("serving.export", *flags)
    named = {"ema": False, "average": ["mirror", "shift"], "precision": "bfloat16"}
    named |= {"formats": ["onnx", "litert"], "training_data": "c", "licence": "d"}
    assert ast.literal_eval(done.stdout.splitlines()[-1]) == (("a", "b"), named), done.stderr


@pytest.mark.parametrize(
    ("module", "flags", "message"),
    [
        ("trainer.refine", {"model": "/absent", "input": "a", "output": "b"}, "/absent"),
        ("trainer.refine", {"model": "m", "input": "a", "output": "b", "model_dir": "d",
         "keep_percentile": 80, "shrink_to": 64}, "expected one of the two"),
        ("serving.export", {"model_dir": "/absent", "output": "b"}, "config.yaml"),
        ("serving.bless", {"model": "/absent"}, "/absent"),
        ("serving.server", {"model_base_path": "/absent"}, "/absent"),
        ("serving.client", {"server": "127.0.0.1:1", "timeout": 0.2, "input": "a", "output": "b"},
         "127.0.0.1:1"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_exit_code_2(module, flags, message):
    done = _run(module, **flags)
    assert done.returncode == 2
    # TensorFlow may log above it; the last line is ours.
    line = done.stderr.strip().splitlines()[-1]
    assert line.startswith(module.split(".")[1] + ".py: ")
    assert message in line
    assert "Traceback" not in done.stderr
