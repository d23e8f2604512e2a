"""A command-line program run in this process: without a start of Python and TensorFlow of its own.

Tests of what needs a process (signals, kills, what is imported, what libraries say on stderr) start
one.
"""

import contextlib
import io
import os
import runpy
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from absl import app, flags

# Flags of all programs are defined once and stay.
import dagan_tf.core.program  # noqa: F401

app.define_help_flags()

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Done:
    """What a program left, named as of `subprocess.CompletedProcess`."""

    returncode: int
    stdout: str
    stderr: str


@contextlib.contextmanager
def _inside(folder: str | Path) -> Iterator[None]:
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def run_program(module: str, *arguments: object, cwd: str | Path = ROOT) -> Done:
    """Does what `python -m MODULE ARGUMENTS` does, from the flags to the exit code.

    Args:
        module: such as "trainer.task".
        *arguments: the flags, made strings.
        cwd: where it runs.

    Returns:
        Exit code and what Python wrote; what libraries write past it is not caught.
    """
    known = set(flags.FLAGS)
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.object(sys, "argv", [module, *map(str, arguments)]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        _inside(cwd),
    ):
        try:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
            code = 0
        except SystemExit as end:
            code = end.code or 0
        finally:
            # The next program may define flags of the same names.
            flags.FLAGS.unparse_flags()
            for name in set(flags.FLAGS) - known:
                delattr(flags.FLAGS, name)
    return Done(code, out.getvalue(), err.getvalue())
