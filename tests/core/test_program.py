"""What every program does before it begins."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest
from absl import flags

from dagan_tf.core import program

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = sorted(
    f"{path.parent.name}.{path.stem}"
    for folder in ("trainer", "serving")
    for path in (ROOT / folder).glob("*.py")
    if "run_app(main" in path.read_text(encoding="utf-8") and path.name != "flags.py"
)
# Reports which of the slow packages are loaded when a program has answered --help.
_HELP = """
import runpy, sys
sys.argv = ["program", "--help"]
try:
    runpy.run_module({module!r}, run_name="__main__")
except SystemExit as end:
    print("code", end.code, *(n for n in ("tensorflow", "keras", "numba") if n in sys.modules))
"""


def _run(*command, **environment):
    kept = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, capture_output=True, text=True,
        env={**kept, "PYTHONPATH": str(ROOT), **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done


def test_all_programs_are_known():
    assert {"trainer.task", "trainer.simulate", "serving.server", "serving.demo"} <= set(PROGRAMS)


@pytest.mark.parametrize("module", PROGRAMS)
def test_help_loads_nothing_slow_and_shows_verbose(module):
    done = _run("-c", _HELP.format(module=module))
    assert done.stdout.splitlines()[-1] == "code 0"
    assert "--[no]verbose" in done.stdout
    assert done.stderr == ""


def test_importing_the_package_loads_no_tensorflow():
    loaded = _run("-c", "import dagan_tf, sys; print('tensorflow' in sys.modules)").stdout
    assert loaded == "False\n"


@pytest.mark.slow
def test_tensorflows_greetings_come_with_verbose_only():
    program = (
        "from dagan_tf.core.program import run_app\n"
        "run_app(lambda argv: print('done'), uses_tensorflow={})"
    )
    quiet = _run("-c", program.format("lambda: True"))
    assert (quiet.stdout, quiet.stderr) == ("done\n", "")
    load = "__import__('tensorflow') and None"
    loud = _run("-c", program.format(True).replace("print('done')", load), "--verbose")
    assert "oneDNN" in loud.stderr or "CPU" in loud.stderr


@pytest.mark.slow
@pytest.mark.parametrize("flag", ["--noverbose", "--verbose"])
def test_tensorflow_starts_without_what_keras_loads_in_case(flag):
    """It can be had afterwards. Garbage is collected, but not what the import left."""
    program = (
        "import gc, sys\n"
        "from dagan_tf.core.program import run_app\n"
        "def main(argv):\n"
        "    names = ('tensorflow', 'keras', 'matplotlib', 'sklearn')\n"
        "    print(*[name for name in names if name in sys.modules])\n"
        "    import matplotlib.pyplot, sklearn.base\n"
        "    print(gc.isenabled(), gc.get_freeze_count() > 100_000)\n"
        "run_app(main, uses_tensorflow=True)"
    )
    assert _run("-c", program, flag).stdout == "tensorflow keras\nTrue True\n"


@pytest.mark.parametrize(("flag", "logged"), [([], ""), (["--verbose"], "it begins")])
def test_verbose_logs_more(flag, logged):
    program = (
        "from absl import logging\nfrom dagan_tf.core.program import run_app\n"
        "run_app(lambda argv: logging.info('it begins'))"
    )
    stderr = _run("-c", program, *flag).stderr
    assert logged in stderr
    assert bool(stderr) == bool(logged)


def test_flags_that_are_called_as_fields_give_their_values(monkeypatch):
    found = flags.FlagValues()
    flags.DEFINE_integer("size", 3, "Sides.", flag_values=found)
    flags.DEFINE_bool("other", True, "No field.", flag_values=found)
    monkeypatch.setattr(program, "FLAGS", found)
    found(["program", "--size=5"])
    settings = dataclasses.make_dataclass("Settings", ["size", "without_a_flag"])
    assert program.flag_values(settings) == {"size": 5}


@pytest.mark.parametrize(
    ("module", "source", "flag"),
    [("trainer.simulate", "photos", "min_face"), ("trainer.refine", "input", "keep_percentile")],
)
def test_a_number_that_is_none_is_refused(module, source, flag):
    done = subprocess.run(
        [sys.executable, "-m", module, f"--{flag}=nan", f"--{source}=a", "--output=b"],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == program.BAD_INPUT
    assert "Traceback" not in done.stderr
    assert f"--{flag}=nan: expected a number" in done.stderr
