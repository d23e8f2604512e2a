"""Images a second of a training step, ours and PyTorch's: same networks, batch, precision; on CPU.

python -m benchmarks.training_speed --torch_python=VENV/bin/python

VENV is an environment of its own with PyTorch. Each side runs as processes that are stopped while
another is timed; the turns alternate. PyTorch runs eagerly, in channels_last, and compiled (needs a
C++ compiler and a minute or two); its fastest counts. Also printed: the share of the machine's
convolution peak (the fastest of a few 3x3 convolutions forward, timed in the same turns), and what
the input pipeline alone delivers. Without --torch_python only ours is timed.
"""

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from absl import flags

from benchmarks import training_speed_torch
from benchmarks.step_graph import matrix_operations
from dagan_tf.core.program import run_app

FLAGS = flags.FLAGS
flags.DEFINE_string("torch_python", None, "Python that has PyTorch.")
flags.DEFINE_list("sizes", ["64:16", "128:8"], "Image size and batch; networks of face-SIZE.")
flags.DEFINE_list("precisions", ["float32", "mixed_bfloat16"], "Of training.precision.")
flags.DEFINE_list("modes", ["eager", "channels_last", "compiled"], "Of PyTorch.")
flags.DEFINE_integer("rounds", 5, "Turns of each.", lower_bound=1)
flags.DEFINE_integer("steps", 3, "Steps a turn.", lower_bound=1)
flags.DEFINE_string("worker", None, "Used by the command itself.")

IDENTITIES = 60
_PEAK_SHAPES = ((16, 64, 64, 64), (16, 32, 128, 128), (16, 32, 256, 256), (8, 28, 512, 512))


def serve(settings: dict[str, Any]) -> None:
    """Our side, as `training_speed_torch.main`; its turns are of steps, or of convolutions."""
    import tensorflow as tf

    from dagan_tf.config.settings import load_config
    from dagan_tf.training.build import build_dagan

    size, rows = settings["size"], settings["batch"]
    overrides = [f"training.batch_size={rows}", f"training.precision={settings['precision']}"]
    dagan = build_dagan(load_config(f"face-{size}", overrides), IDENTITIES)
    random = tf.random.Generator.from_seed(0)
    labels = random.uniform((rows,), 0, IDENTITIES, tf.int32)
    batch = {
        "simulated": random.uniform((rows, size, size, 3), -1, 1),
        "real": random.uniform((rows, size, size, 3), -1, 1),
        "mask": tf.round(random.uniform((rows, size, size, 1))),
        "simulated_label": labels,
        "real_label": labels,
    }
    step = tf.function(dagan.train_step).get_concrete_function(batch)
    step(batch)
    networks = dagan.generator, dagan.discriminator
    parameters = sum(network.count_params() for network in networks)
    answer({"parameters": parameters, "operations": matrix_operations(step.graph)})
    peak = convolution_peak(settings["precision"])
    for line in sys.stdin:
        if line.strip() == "peak":
            answer(peak())
            continue
        began = time.perf_counter()
        for _ in range(int(line)):
            step(batch)
        answer((time.perf_counter() - began) / int(line))


def answer(value: object) -> None:
    print(json.dumps(value), flush=True)


def convolution_peak(precision: str) -> Any:
    """A function that times a few 3x3 convolutions and gives the most operations a second."""
    import tensorflow as tf

    dtype = tf.float32 if precision == "float32" else tf.bfloat16
    convolve = tf.function(lambda x, w: tf.nn.relu(tf.nn.conv2d(x, w, 1, "SAME")))
    cases = []
    for rows, side, source, target in _PEAK_SHAPES:
        x = tf.cast(tf.random.normal((rows, side, side, source)), dtype)
        cases.append((x, tf.cast(tf.random.normal((3, 3, source, target)), dtype)))

    def fastest() -> float:
        found = 0.0
        for x, w in cases:
            operations = 2 * x.shape[:3].num_elements() * w.shape.num_elements()
            for _ in range(6):
                began = time.perf_counter()
                convolve(x, w).numpy()
                found = max(found, operations / (time.perf_counter() - began))
        return found

    return fastest


class Side:
    """A process that times itself when told to, and stands still otherwise."""

    def __init__(self, command: list[str], settings: dict[str, Any]) -> None:
        self._process = subprocess.Popen(
            command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.about = self.ask(settings)

    def ask(self, question: object) -> Any:
        """Sends a line, waits for the answer, stops the process again."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.send_signal(signal.SIGCONT)
        print(json.dumps(question) if isinstance(question, dict) else question,
              file=self._process.stdin, flush=True)  # fmt: skip
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._process.args!r} has ended")
        self._process.send_signal(signal.SIGSTOP)
        return json.loads(line)

    def close(self) -> None:
        """Ends it."""
        self._process.kill()
        self._process.wait()


@contextmanager
def sides(size: int, batch: int, precision: str) -> Iterator[dict[str, Side]]:
    """Starts ours and, one after the other, PyTorch's."""
    from dagan_tf.config.settings import load_config

    config = load_config(f"face-{size}")
    settings = {
        "size": size, "batch": batch, "precision": precision, "identities": IDENTITIES,
        "generator": vars(config.generator), "discriminator": vars(config.discriminator),
        "threads": len(os.sched_getaffinity(0)),
    }  # fmt: skip
    with ExitStack() as stack:
        started = {}

        def start(name: str, command: list[str], mode: str) -> None:
            started[name] = Side(command, settings | {"mode": mode})
            stack.callback(started[name].close)

        start("ours", [sys.executable, "-m", "benchmarks.training_speed", "--worker=ours"], "")
        for mode in FLAGS.modes if FLAGS.torch_python else ():
            command = [FLAGS.torch_python, str(training_speed_torch.__file__)]
            start(f"PyTorch {mode}", command, mode)
        counts = {name: side.about["parameters"] for name, side in started.items()}
        if len(set(counts.values())) != 1:
            raise RuntimeError(f"not the same networks: {counts}")
        yield started


def pipeline_rate(size: int, batch: int) -> float:
    """Images of each domain a second that the input pipeline delivers, in its own process."""
    import numpy as np

    from dagan_tf.config.settings import load_config
    from dagan_tf.data.pipeline import training_batches
    from dagan_tf.data.record_format import Record
    from dagan_tf.data.records import write_records
    from dagan_tf.faces.photo_io import encode_png

    y, x = np.mgrid[:size, :size]
    image = np.stack([x, y, x + y], axis=2) * 127 // size
    noise = np.random.default_rng(0).integers(0, 20, (64, size, size, 3))
    with tempfile.TemporaryDirectory() as scratch:
        folders = [Path(scratch) / domain for domain in ("simulated", "real")]
        for folder in folders:
            write_records(
                folder,
                (
                    Record(
                        image=encode_png((image + one).astype(np.uint8)),
                        size=size, identity=f"p{number % 9}", source="", domain=folder.name,
                        mask=encode_png(np.full((size, size), 255, np.uint8)),
                    )
                    for number, one in enumerate(noise)
                ),
                fingerprint="",
            )  # fmt: skip
        names = [f"p{number}" for number in range(9)]
        data = load_config(f"face-{size}").data
        batches = iter(training_batches(*folders, names, data, batch_size=batch, seed=0))
        for _ in range(50):
            next(batches)
        began = time.perf_counter()
        for _ in range(200):
            next(batches)
        return 200 * batch / (time.perf_counter() - began)


def main(argv: list[str]) -> None:
    del argv
    if FLAGS.worker:
        serve(json.loads(sys.stdin.readline()))
        return
    names = ["images", "step", "images/s, best", "median", "ours to PyTorch's best: best, median"]
    print(f"| {' | '.join(names)} |\n|{'---|' * len(names)}")
    notes = []
    for case in FLAGS.sizes:
        size, batch = map(int, case.split(":"))
        for precision in FLAGS.precisions:
            with sides(size, batch, precision) as started:
                seconds: dict[str, list[float]] = {name: [] for name in started}
                peaks = []
                for turn in range(FLAGS.rounds + 1):
                    for name, side in started.items():
                        taken = side.ask(FLAGS.steps)
                        if turn:  # The first one warms up.
                            seconds[name].append(taken)
                    peaks.append(started["ours"].ask("peak"))
                operations = started["ours"].about["operations"]
            for name, taken in seconds.items():
                ratios = ""
                others = [seconds[other] for other in seconds if other != "ours"]
                if name == "ours" and others:
                    ratios = ", ".join(
                        f"{min(map(measure, others)) / measure(taken):.2f}"
                        for measure in (min, statistics.median)
                    )
                print(
                    f"| {batch} of {size}², {precision} | {name} | {batch / min(taken):.1f} "
                    f"| {batch / statistics.median(taken):.1f} | {ratios} |",
                    flush=True,
                )
            reached = operations / min(seconds["ours"])
            notes.append(
                f"{batch} of {size}², {precision}: {operations / 1e9:.0f} GFLOP a step, at best "
                f"{reached / 1e9:.0f} GFLOP/s, {reached / max(peaks):.0%} of the convolutions' "
                f"{max(peaks) / 1e9:.0f}"
            )
        notes.append(f"{size}²: the input pipeline alone {pipeline_rate(size, batch):.0f} images/s")
    print("\n".join(["", *notes]))


if __name__ == "__main__":
    run_app(main, uses_tensorflow=True)
