"""Memory and operations of a training step, computed from its graph; nothing is run.

python -m benchmarks.training_memory --config=paper-224 [--image_sizes=64,128 ...] [--measure]
    [--plot=FILE.png]

The step is traced as `trainer.task` would trace it. A tensor lives from the operation that makes it
to the last one that reads it, in the order of the graph; views take nothing, and element-wise
operations write over an operand that nobody needs any more, as TensorFlow's do. Not counted are
the scratch memory of convolutions, TensorFlow itself, and the fragments that its allocator cannot
use. --measure runs a few steps a row on the CPU, in a process of its own, and prints how far its
resident memory grew in the first (Linux only) and the seconds that the fastest of the others took.
--plot draws the rows against the size of the images.
"""

import itertools
import multiprocessing
import os
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from absl import flags

from benchmarks.step_graph import matrix_operations, peak_bytes, tensor_bytes
from dagan_tf.core.program import run_app
from dagan_tf.core.quiet import start_tensorflow

FLAGS = flags.FLAGS
flags.DEFINE_string("config", "paper-224", "Preset or YAML file.")
flags.DEFINE_multi_string("set", [], "Override, as of trainer.task.")
flags.DEFINE_list("image_sizes", [], "Of data.image_size, in place of the config's.")
flags.DEFINE_list("batches", [], "Of training.batch_size, in place of the config's.")
flags.DEFINE_list("precisions", ["float32", "mixed_bfloat16"], "Of training.precision.")
flags.DEFINE_list("parts", ["1", "2", "4", "8"], "Of training.accumulate.")
flags.DEFINE_integer("identities", 1000, "Classes of the identity agent.", lower_bound=1)
flags.DEFINE_bool("measure", False, "Also run a few steps of each.")
flags.DEFINE_string("plot", None, "PNG to draw.")

_STEPS = 3


def trace(overrides: Sequence[str]) -> tuple[Any, Any]:
    """The concrete function of a step, and a batch of the right shapes to call it with."""
    import numpy as np
    import tensorflow as tf

    from dagan_tf.config.settings import load_config
    from dagan_tf.data.pipeline import NUM_DRAWS
    from dagan_tf.gan.likeness import Likeness
    from dagan_tf.training.build import build_dagan

    config = load_config(FLAGS.config, [*FLAGS.set, *overrides])
    rows, size = config.training.batch_size, config.data.image_size
    random = np.random.default_rng(0)
    images = random.uniform(-1, 1, (rows, size, size, 3)).astype(np.float32)
    labels = random.integers(0, FLAGS.identities, rows).astype(np.int32)
    batch = {
        "simulated": tf.constant(images),
        "real": tf.constant(images[::-1].copy()),
        "mask": tf.ones((rows, size, size, 1)),
        "simulated_label": tf.constant(labels),
        "real_label": tf.constant(labels),
        "simulated_draws": tf.fill((rows, NUM_DRAWS), 0.5),
        "real_draws": tf.fill((rows, NUM_DRAWS), 0.5),
        "simulated_yaw": tf.zeros(rows),
    }
    likeness = Likeness(size) if config.loss.embedding_weight else None
    step = tf.function(build_dagan(config, FLAGS.identities, likeness=likeness).train_step)
    return step.get_concrete_function(batch), batch


def measure(argv: Sequence[str], overrides: Sequence[str]) -> tuple[int, float]:
    """In a process of its own: bytes that the memory grew by in one step, and seconds of one."""
    FLAGS(argv)
    if not FLAGS.verbose:
        os.environ.pop("TF_CPP_MIN_LOG_LEVEL", None)  # The parent's, not the user's.
    start_tensorflow(verbose=FLAGS.verbose)
    step, batch = trace(overrides)
    Path("/proc/self/clear_refs").write_text("5")  # The peak so far is forgotten.
    before = _resident("VmRSS")
    step(batch)
    grown = _resident("VmHWM") - before
    seconds = []
    for _ in range(_STEPS):
        began = time.perf_counter()
        step(batch)
        seconds.append(time.perf_counter() - began)
    return grown, min(seconds)


def _resident(which: str) -> int:
    status = Path("/proc/self/status").read_text("utf-8")
    return 1024 * int(status.split(f"{which}:")[1].split()[0])


def main(argv: list[str]) -> None:
    from dagan_tf.config.settings import load_config

    del argv
    names = ["images", "precision", "parts", "weights, optimisers, average", "batch", "tensors"]
    names += ["all, GB", *(["tensors measured"] if FLAGS.measure else []), "GFLOP a step"]
    names += ["s a step"] if FLAGS.measure else []
    print(f"| {' | '.join(names)} |\n|{'---|' * len(names)}")
    config = load_config(FLAGS.config, FLAGS.set)
    curves: dict[str, list[tuple[int, float, float]]] = {}
    for size, rows, precision, parts in itertools.product(
        FLAGS.image_sizes or [config.data.image_size],
        FLAGS.batches or [config.training.batch_size],
        FLAGS.precisions,
        FLAGS.parts,
    ):
        overrides = [
            f"data.image_size={size}", f"training.batch_size={rows}",
            f"training.precision={precision}", f"training.accumulate={parts}",
        ]  # fmt: skip
        step, batch = trace(overrides)
        kept = sum(tensor_bytes(variable) for variable in step.variables)
        given = sum(map(tensor_bytes, batch.values()))
        tensors = peak_bytes(step.graph)
        cells = [kept, given, tensors, kept + given + tensors]
        work = matrix_operations(step.graph, int(parts) - 1) / 1e9
        cost = [f"{work:.0f}"]
        if FLAGS.measure:
            context = multiprocessing.get_context("spawn")
            with ProcessPoolExecutor(1, mp_context=context) as pool:
                grown, seconds = pool.submit(measure, sys.argv, overrides).result()
            cells.append(grown)
            cost.append(f"{seconds:.3f}")
        row = " | ".join([*(f"{cell / 1e9:.3f}" for cell in cells), *cost])
        print(f"| {rows} of {size}² | {precision} | {parts} | {row} |", flush=True)
        name = f"batch {rows}, {precision}" + (f", {parts} parts" if int(parts) > 1 else "")
        point = int(size), seconds if FLAGS.measure else work, sum(cells[:3]) / 1e9
        curves.setdefault(name, []).append(point)
    if FLAGS.plot:
        plot(curves, Path(FLAGS.plot))


def plot(curves: Mapping[str, Sequence[tuple[int, float, float]]], path: Path) -> None:
    """Draws cost and memory of a step against the size of its images."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    what = "seconds a step" if FLAGS.measure else "GFLOP a step"
    for axis, column, title in zip(axes, (1, 2), (what, "GB, computed"), strict=True):
        for name, points in curves.items():
            axis.loglog(
                [point[0] for point in points],
                [point[column] for point in points],
                "o-",
                label=name,
            )
        sizes = sorted({point[0] for points in curves.values() for point in points})
        axis.set_xticks(sizes, [str(size) for size in sizes])
        axis.minorticks_off()
        axis.set_xlabel("side of the images, pixels")
        axis.set_title(title)
        axis.grid(alpha=0.3)
    axes[0].legend(fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90)


if __name__ == "__main__":
    run_app(main, uses_tensorflow=True)
