"""The programs of docs/examples against a server of its own process, as the docs show them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from dagan_tf.faces.photo_io import read_photo, write_png
from tests.helpers.tiny_export import IMAGE_SIZE, export_tiny

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs/examples"


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    base = tmp_path_factory.mktemp("base")
    export_tiny(base)
    return base


@pytest.fixture(scope="module")
def address(base):
    # A process of its own: in this one, all messages are known without asking anybody.
    command = [sys.executable, "-m", "serving.server", f"--model_base_path={base}", "--port=0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        line = server.stdout.readline()
        yield line.split()[-1]
        server.terminate()


def _run(name: str, *arguments: object, cwd: Path) -> str:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [sys.executable, "-P"] if sys.version_info >= (3, 11) else [sys.executable]
    command += [str(EXAMPLES / name), *map(str, arguments)]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_client_of_fifteen_lines(base, address, tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8)
    write_png(tmp_path / "in.png", image)
    _run("bare_client.py", address, "in.png", "out.png", cwd=tmp_path)
    signature = tf.saved_model.load(str(base / "1")).signatures["serving_default"]
    expected = signature(images=tf.constant(image[None]))["refined"][0]
    np.testing.assert_array_equal(read_photo(tmp_path / "out.png"), expected)
    source = (EXAMPLES / "bare_client.py").read_text()
    assert "dagan_tf" not in source
    assert len([line for line in source.splitlines()[1:] if line.strip()]) <= 15


def test_reflection_without_stubs(address, tmp_path):
    shown = _run("reflect.py", address, cwd=tmp_path)
    assert "  tensorflow.serving.PredictionService\n" in shown
    assert re.search(r'"version": "1",\s+"state": "AVAILABLE"', shown)
