"""Memory and operations of a training step, computed from its graph; nothing is run.

python -m benchmarks.training_memory --config=paper-224 [--image_sizes=64,128 ...] [--measure]

The step is traced as `trainer.task` would trace it. A tensor lives from the operation that makes it
to the last one that reads it, in the order of the graph; views take nothing, and element-wise
operations write over an operand that nobody needs any more, as TensorFlow's do. Not counted are
the scratch memory of convolutions, TensorFlow itself, and the fragments that its allocator cannot
use. --measure runs one step a row on the CPU, in a process of its own, and prints how far its
resident memory grew (Linux only).
"""

import itertools
import multiprocessing
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from absl import flags

from benchmarks.step_graph import matrix_operations, peak_bytes, tensor_bytes
from trainer.flags import run_app

FLAGS = flags.FLAGS
flags.DEFINE_string("config", "paper-224", "Preset or YAML file.")
flags.DEFINE_multi_string("set", [], "Override, as of trainer.task.")
flags.DEFINE_list("image_sizes", [], "Of data.image_size, in place of the config's.")
flags.DEFINE_list("batches", [], "Of training.batch_size, in place of the config's.")
flags.DEFINE_list("precisions", ["float32", "mixed_bfloat16"], "Of training.precision.")
flags.DEFINE_list("parts", ["1", "2", "4", "8"], "Of training.accumulate.")
flags.DEFINE_integer("identities", 1000, "Classes of the identity agent.", lower_bound=1)
flags.DEFINE_bool("measure", False, "Also run a step of each.")


def trace(overrides: Sequence[str]) -> tuple[Any, Any]:
    """The concrete function of a step, and a batch of the right shapes to call it with."""
    import numpy as np
    import tensorflow as tf

    from dagan_tf.config import load_config
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
    }
    step = tf.function(build_dagan(config, FLAGS.identities).train_step)
    return step.get_concrete_function(batch), batch


def measure(argv: Sequence[str], overrides: Sequence[str]) -> int:
    """In a process of its own: bytes that the resident memory grew by in one step."""
    FLAGS(argv)
    step, batch = trace(overrides)
    Path("/proc/self/clear_refs").write_text("5")  # The peak so far is forgotten.
    before = _resident("VmRSS")
    step(batch)
    return _resident("VmHWM") - before


def _resident(which: str) -> int:
    status = Path("/proc/self/status").read_text("utf-8")
    return 1024 * int(status.split(f"{which}:")[1].split()[0])


def main(argv: list[str]) -> None:
    from dagan_tf.config import load_config

    del argv
    names = ["images", "precision", "parts", "weights, optimisers, average", "batch", "tensors"]
    names += ["all, GB", *(["tensors measured"] if FLAGS.measure else []), "GFLOP a step"]
    print(f"| {' | '.join(names)} |\n|{'---|' * len(names)}")
    config = load_config(FLAGS.config, FLAGS.set)
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
        if FLAGS.measure:
            context = multiprocessing.get_context("spawn")
            with ProcessPoolExecutor(1, mp_context=context) as pool:
                cells.append(pool.submit(measure, sys.argv, overrides).result())
        row = " | ".join(f"{cell / 1e9:.3f}" for cell in cells)
        work = matrix_operations(step.graph, int(parts) - 1) / 1e9
        print(f"| {rows} of {size}² | {precision} | {parts} | {row} | {work:.0f} |", flush=True)


if __name__ == "__main__":
    run_app(main, uses_tensorflow=True)
