"""trainer.task as a user runs it: help, one-line refusals, a short training."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.programs import run_program
from tests.helpers.toy_folders import make_real, make_simulated

ROOT = Path(__file__).parents[2]
TINY = [
    "--config=small-64", "--set=data.image_size=16", "--set=generator.filters=4",
    "--set=generator.blocks=1", "--set=discriminator.filters=4", "--set=training.batch_size=4",
    "--set=generator.downsample=1", "--set=generator.smooth=false",
    "--set=discriminator.downsample=1",
]  # fmt: skip


def start_task(*arguments):
    """In a process of its own: what it says includes what TensorFlow's libraries say."""
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    return subprocess.run(
        [sys.executable, "-m", "trainer.task", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
        env=environment,
    )


def test_help_answers_with_success():
    done = run_program("trainer.task", "--help")
    assert done.returncode == 0
    for flag in ("--simulated", "--real_layout", "--model_dir", "--set", "--devices"):
        assert flag in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "must be given"),
        (["--stes=1"], "Unknown command line flag 'stes'"),
        (["--simulated=a", "--real=b", "--model_dir=c", "d"], "unexpected argument 'd'"),
    ],
)
def test_bad_flags_are_one_line(arguments, message):
    done = run_program("trainer.task", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
def test_a_training_and_a_refusal(tmp_path):
    flags = [
        *TINY,
        f"--simulated={make_simulated(tmp_path / 'sim')}",
        f"--real={make_real(tmp_path / 'real')}",
        "--real_aligned",
        f"--model_dir={tmp_path / 'model'}",
    ]
    done = start_task(*flags, "--set=training.steps=2")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("finished at step 2 of 2")
    assert "step 2/2" in done.stderr
    assert "Traceback" not in done.stderr
    for noise in ("oneDNN", "Sharding callback", "Warning"):
        assert noise not in done.stderr
    assert (tmp_path / "model" / "samples" / "step_000002.png").is_file()

    refused = run_program(
        "trainer.task", *flags, "--set=training.steps=2", "--set=loss.pose_weigth=1"
    )
    assert refused.returncode == 2
    assert refused.stderr.splitlines() == [
        "task.py: unknown key 'loss.pose_weigth'; did you mean 'loss.pose_weight'?"
    ]
    assert refused.stdout == ""
