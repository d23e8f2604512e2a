"""How long `import dagan_tf` and `--help` of every program take, a new process each time, seconds.

python -m benchmarks.startup_speed --rounds=10
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from absl import flags

from dagan_tf.core.program import run_app

FLAGS = flags.FLAGS
flags.DEFINE_integer("rounds", 5, "Times each is started, all taking turns.", 1)

ROOT = Path(__file__).resolve().parent.parent


def programs() -> list[str]:
    """Modules of `trainer` and `serving` that can be started."""
    return sorted(
        f"{path.parent.name}.{path.stem}"
        for folder in ("trainer", "serving")
        for path in (ROOT / folder).glob("*.py")
        if "    run_app(main" in path.read_text(encoding="utf-8")
    )


def seconds(*arguments: str) -> float:
    """From start to end of a Python process."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main(argv: list[str]) -> None:
    del argv
    commands = {
        "python -c pass": ("-c", "pass"),
        "import dagan_tf": ("-c", "import dagan_tf"),
        **{f"{name} --help": ("-m", name, "--help") for name in programs()},
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(FLAGS.rounds + 1):
        for name, arguments in commands.items():
            times[name].append(seconds(*arguments))
    print(f"load average {os.getloadavg()[0]:.1f}; the first of each does not count")
    for name, values in times.items():
        print(f"{name:28} median {np.median(values[1:]):.3f}   most {max(values[1:]):.3f}")


if __name__ == "__main__":
    run_app(main)
