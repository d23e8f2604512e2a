"""The self-check says OK for each part, and fails when a part does."""

import subprocess
import sys
from pathlib import Path

import pytest

from dagan_tf import selfcheck

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_all_parts_work(tmp_path):
    lines = []
    selfcheck.run_selfcheck(tmp_path, lines.append)
    assert len(lines) == 7
    assert (tmp_path / "1" / "saved_model.pb").is_file()
    assert "refined" in lines[-1]


def test_a_wrong_fit_is_no_ok(monkeypatch):
    monkeypatch.setattr(selfcheck, "_YAW_TOLERANCE", 0.1)
    with pytest.raises(ValueError, match=r"turned by 20.0 degrees was fitted at"):
        selfcheck._check_simulator()


@pytest.mark.slow
def test_a_step_that_changes_nothing_is_no_ok(monkeypatch):
    settings = ("training.generator_learning_rate=0", "training.learning_rate_floor=0")
    monkeypatch.setattr(selfcheck, "_SETTINGS", (*selfcheck._SETTINGS, *settings))
    with pytest.raises(ArithmeticError, match="changed no weight"):
        selfcheck._check_training(lambda line: None)


def _python(program, *arguments):
    return subprocess.run(
        [sys.executable, *arguments, program], cwd=ROOT, capture_output=True, text=True, check=True
    )


def test_the_package_imports_without_tensorflow():
    program = (
        "import dagan_tf, dagan_tf.config.settings, dagan_tf.data.manifest, dagan_tf.data.photos;"
        "import dagan_tf.faces.face, dagan_tf.simulator.simulator, dagan_tf.selfcheck;"
        "import sys; print({'tensorflow', 'keras'} & set(sys.modules))"
    )
    assert _python(program, "-c").stdout == "set()\n"


@pytest.mark.parametrize(
    "path",
    [
        path.relative_to(ROOT)
        for folder in ("trainer", "serving")
        for path in sorted((ROOT / folder).glob("*.py"))
        if "__main__" in path.read_text(encoding="utf-8")
    ],
    ids=str,
)
def test_programs_load_nothing_large_before_they_start(path):
    """So that --help answers at once."""
    module = ".".join(path.with_suffix("").parts)
    program = (
        f"import {module}, sys;"
        "print({'tensorflow', 'keras', 'numpy', 'cv2', 'numba', 'scipy'} & set(sys.modules))"
    )
    assert _python(program, "-c").stdout == "set()\n"
