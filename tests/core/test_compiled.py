"""Compiled functions where nothing can be kept: a package and a home that are read-only."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dagan_tf.core.compiled import cache_folder, compiled

ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys
import numpy as np
from dagan_tf.core.compiled import cache_folder
from dagan_tf.simulator.render.rasterizer import rasterize
from dagan_tf.runs.doctor import _compiled_code
corners = np.array([[0, 0, 0], [8, 0, 0], [0, 8, 0]], np.float32)
raster = rasterize(corners, np.array([[0, 1, 2]], np.int32), 8, 8)
print((raster.triangle_ids >= 0).any(), repr(cache_folder()))
print(_compiled_code().found or _compiled_code().remedy)
"""


def test_compiled_functions_are_kept_where_they_can_be():
    @compiled(fastmath=True)
    def total(values):
        found = 0.0
        for value in values:
            found += value
        return found

    assert total(np.arange(4.0)) == 6.0
    assert Path(cache_folder()).is_dir()


@pytest.mark.slow
def test_a_read_only_package_without_a_home_works_and_the_doctor_says_what_it_costs(tmp_path):
    ignored = shutil.ignore_patterns("__pycache__", "*.npz")
    package = shutil.copytree(ROOT / "dagan_tf", tmp_path / "dagan_tf", ignore=ignored)
    # Root writes to any folder; where a file stands nobody makes one.
    for folder in [package, *package.rglob("*")]:
        if folder.is_dir():
            (folder / "__pycache__").touch()
    environment = {
        name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"
    } | {"HOME": os.devnull, "XDG_CACHE_HOME": os.devnull, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "True ''"
    assert "NUMBA_CACHE_DIR" in done.stdout.splitlines()[1]
