"""The code of the README and of docs/ runs: its Python as it stands, the tutorial's commands on a
small network, and the flags of all other commands through the programs' own parsers."""

import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dagan_tf.faces.face import FaceFinder
from dagan_tf.faces.photo_io import encode_png
from dagan_tf.service.server.server import start_server
from tests.helpers.programs import run_program
from tests.test_docs import PAGES, commands

ROOT = Path(__file__).resolve().parent.parent
# What makes the tutorial's training one of seconds; nothing that it shows is left out.
SMALL = {
    "trainer.simulate": ["--workers=1"],
    "trainer.task": [
        "--set=generator.filters=4",
        "--set=generator.blocks=1",
        "--set=discriminator.filters=4",
        "--set=discriminator.bottleneck=6",
        "--set=discriminator.convs_per_stage=1",
        "--set=training.batch_size=2",
        "--set=training.warmup_steps=1",
        "--set=training.steps=2",
    ],
    "serving.export": [],
    "trainer.refine": [],
}
PARSE = """
import importlib, json, sys
from absl import flags
for command in json.load(sys.stdin):
    importlib.import_module(command[0])
    try:
        flags.FLAGS(command)
    except flags.Error as error:
        print(*command, error)
    flags.FLAGS.unparse_flags()
    for flag in list(flags.FLAGS.flags_by_module_dict()[command[0]]):
        delattr(flags.FLAGS, flag.name)
    del sys.modules[command[0]]
"""


def _python(page):
    text = page.read_text(encoding="utf-8")
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


def _shown(page, *packages):
    """The commands of a page that start a program of these packages: [module, flags...]."""
    return [
        words[2:]
        for words in commands(page.read_text(encoding="utf-8"))
        if words[2].split(".")[0] in packages
    ]


def _drive(program, given, cwd):
    return subprocess.run(
        [sys.executable, "-c", program], input=json.dumps(given), cwd=cwd, text=True,
        capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


@pytest.fixture(scope="module")
def desk(tmp_path_factory, astronaut):
    """A folder in which the tutorial was followed up to its section 5."""
    desk = tmp_path_factory.mktemp("desk")
    mirrored = np.ascontiguousarray(astronaut[:, ::-1])
    for name, photo in {
        "photos/ann/1.jpg": astronaut,
        "photos/ben/holiday.png": mirrored,
        "real/carla/7.jpg": mirrored,
        "real/dan/profile.jpg": astronaut,
        "me.jpg": astronaut,
    }.items():
        (desk / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photo).save(desk / name)
    chain = [
        [*command, *SMALL[command[0]]]
        for command in _shown(ROOT / "docs" / "tutorial.md", "trainer", "serving")
        if command[0] in SMALL
    ]
    assert [command[0] for command in chain] == list(SMALL)
    for command in chain:
        done = run_program(*command, cwd=desk)
        assert done.returncode == 0, (command, done.stderr)
    shutil.copytree(desk / "exported/dagan", desk / "runs/quickstart/saved_model")
    return desk


@pytest.mark.slow
def test_the_tutorial_leaves_what_it_says(desk):
    views = sorted(path.name for path in (desk / "simulated/ann").glob("*.png"))
    assert [name for name in views if "mask" not in name] == [
        f"1_yaw{yaw}.png" for yaw in ("+030", "+060", "-030", "-060")
    ]
    refined = {path.name for path in (desk / "refined/ann").glob("*.png")}
    assert refined == set(views)
    assert list((desk / "model/samples").glob("*.png"))
    assert (desk / "exported/dagan/1/saved_model.pb").is_file()


def test_the_readme_shows_the_same_commands():
    shown = _shown(ROOT / "docs" / "tutorial.md", "trainer", "serving")
    readme = _shown(ROOT / "README.md", "trainer", "serving")
    for module in SMALL:
        first = next(command for command in readme if command[0] == module)
        assert first in shown


@pytest.fixture(scope="module")
def things(desk, astronaut):
    """What the pages' code takes for granted."""
    import keras
    import tensorflow as tf

    images = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)
    jpeg = io.BytesIO()
    Image.fromarray(images[0]).save(jpeg, "JPEG")
    return {
        "tf": tf,
        "keras": keras,
        "photo": astronaut,
        "landmarks": FaceFinder().find_one(astronaut).landmarks,
        "images": images,
        "dataset": tf.data.Dataset.from_tensor_slices(images),
        "jpeg": jpeg.getvalue(),
        "png": encode_png(images[1]),
    }


@pytest.fixture(scope="module")
def address(desk):
    server = start_server(desk / "exported/dagan", port=0)
    yield server.address
    server.stop()


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [page for page in PAGES if _python(page)], ids=lambda page: page.name
)
def test_python_runs(page, desk, things, address, monkeypatch):
    monkeypatch.chdir(desk)
    names = dict(things)
    for number, block in enumerate(_python(page)):
        code = block.replace("127.0.0.1:8500", address)
        exec(compile(code, f"{page.name}, block {number}", "exec"), names)


def test_all_commands_parse():
    given = [command for page in PAGES for command in _shown(page, "trainer", "serving")]
    assert len(given) > 20
    done = _drive(PARSE, given, ROOT)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_a_command_that_does_not_parse_is_found():
    given = [["trainer.simulate", "--photos=a", "--output=b", "--background=red"]]
    assert "background" in _drive(PARSE, given, ROOT).stdout


def test_pages_made_by_the_script_are_up_to_date():
    script = ROOT / "scripts" / "generate_reference.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
