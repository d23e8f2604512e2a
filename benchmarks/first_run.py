"""Seconds of `python -m dagan_tf` as a new user has it: nothing compiled, then with what that left.

python -m benchmarks.first_run --pythons=VENV/bin/python [--rounds=5]
python -m benchmarks.first_run --pythons=OLD/bin/python,NEW/bin/python

Each Python is of a virtual environment into which a wheel of this package was installed, and takes
its turn in every round. The photo is the public-domain NASA portrait that scikit-image ships.
Processor seconds, of all processes, stand beside the wall clock's, which other work lengthens.
"""

import os
import resource
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from absl import flags

from dagan_tf.core.program import run_app

FLAGS = flags.FLAGS
flags.DEFINE_list("pythons", None, "Interpreters with the package installed.", required=True)
flags.DEFINE_integer("rounds", 5, "Times each is started, all taking turns.", 1)


def seconds(python: str, photo: Path, output: Path, cache: Path) -> tuple[float, float]:
    """Wall clock's and processors' seconds of one run.

    Args:
        python: Interpreter.
        photo: What it turns.
        output: Folder of the pictures.
        cache: Where numba keeps machine code; nothing is compiled yet if it is empty.

    Raises:
        subprocess.CalledProcessError: The run failed.
    """
    # The log level is this program's own.
    own = ("PYTHONPATH", "TF_CPP_MIN_LOG_LEVEL")
    kept = {name: value for name, value in os.environ.items() if name not in own}
    command = [python, "-m", "dagan_tf", str(photo), "--yaws=-60,-30,30,60", f"--output={output}"]
    before, began = _processor_seconds(), time.perf_counter()
    subprocess.run(
        command,
        cwd=cache,  # Not the source tree, whose package would be the one that is imported.
        env={**kept, "NUMBA_CACHE_DIR": str(cache)},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.perf_counter() - began, _processor_seconds() - before


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main(argv: list[str]) -> None:
    del argv
    from dagan_tf.data.photos import portrait_file

    pythons = [os.path.abspath(python) for python in FLAGS.pythons]
    runs: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for _ in range(FLAGS.rounds):
        for python in pythons:
            with tempfile.TemporaryDirectory() as scratch:
                cache = Path(scratch, "cache")
                cache.mkdir()
                for kind in ("first run", "later run"):
                    taken = seconds(python, portrait_file(), Path(scratch, "out"), cache)
                    runs.setdefault((python, kind), []).append(taken)
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}")
    for (python, kind), taken in runs.items():
        wall, processor = np.transpose(taken)
        print(f"{kind} {python}")
        print(f"  seconds {np.round(wall, 1)}, median {np.median(wall):.1f}")
        print(f"  processor seconds {np.round(processor, 1)}, median {np.median(processor):.1f}")


if __name__ == "__main__":
    run_app(main)
