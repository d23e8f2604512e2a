"""Tries out an installation: made-up faces, one training step, export, load; no photo, no network.

    python -m dagan_tf.selfcheck

Prints one line a part and exits with 0 if all work. It writes to a temporary folder only.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import dagan_tf
from dagan_tf.core.quiet import start_tensorflow

_SIZE, _PEOPLE = 16, 2
_YAW, _YAW_TOLERANCE = 20.0, 5.0
_SETTINGS = (
    f"data.image_size={_SIZE}",
    "generator.filters=4",
    "generator.blocks=1",
    "generator.downsample=1",
    "generator.smooth=false",
    "discriminator.filters=4",
    "discriminator.bottleneck=6",
    "discriminator.convs_per_stage=1",
    "discriminator.downsample=1",
    "training.batch_size=2",
    "training.warmup_steps=0",
    "training.steps=1",
    "training.ema_decay=0",
)


def run_selfcheck(folder: Path, report: Callable[[str], None]) -> None:
    """Runs all parts, one after the other.

    Args:
        folder: empty; the export goes here.
        report: gets a line for each part that works.

    Raises:
        Exception: whatever the part that does not work raised.
    """
    report(f"dagan_tf {dagan_tf.__version__}, Python {sys.version.split()[0]}: imported")
    report(_check_faces())
    report(_check_simulator())
    start_tensorflow()
    import keras
    import tensorflow as tf

    report(f"TensorFlow {tf.__version__}, Keras {keras.__version__}: imported")
    generator = _check_training(report)
    _check_export(generator, folder, report)


def _check_faces() -> str:
    """Loads dlib and finds its weights; a blank photo has no face."""
    from dagan_tf.errors import DaganError
    from dagan_tf.faces.face import FaceFinder

    try:
        FaceFinder().find_one(np.full((64, 64, 3), 128, np.uint8))
    except DaganError as error:
        if "no face" in str(error):
            return "face detector loaded: no face in a blank photo"
        raise
    raise ValueError("the face detector finds a face in a blank photo")


def _check_simulator() -> str:
    """Turns the packaged head, takes its landmarks for a photo's and fits the head to them."""
    from dagan_tf.simulator.fitting.fit import fit_landmarks
    from dagan_tf.simulator.head.morphable_model import MorphableModel
    from dagan_tf.simulator.render.camera import Camera, Pose, rotation_matrix

    model = MorphableModel.load()
    middle = np.full(2, 128.0)
    camera = Camera(100 / np.ptp(model.vertices()[:, 1]), rotation_matrix(Pose(_YAW)), middle)
    landmarks = camera.project(model.vertices()[model.landmark_vertices])[:, :2]
    yaw = fit_landmarks(model, landmarks).pose.yaw
    if abs(yaw - _YAW) > _YAW_TOLERANCE:
        raise ValueError(f"a head turned by {_YAW} degrees was fitted at {yaw:.1f}")
    return f"head model fitted to a head turned by {_YAW:.0f} degrees: {yaw:.1f} found"


def _check_training(report: Callable[[str], None]) -> Any:
    import keras
    import tensorflow as tf

    from dagan_tf.config.settings import load_config
    from dagan_tf.gan.generator import build_generator
    from dagan_tf.training.build import build_dagan

    keras.utils.set_random_seed(0)
    config = load_config("small-64", _SETTINGS)
    model = build_dagan(config, _PEOPLE)
    rng = np.random.default_rng(0)
    images = rng.uniform(-1, 1, (2, 2, _SIZE, _SIZE, 3)).astype(np.float32)
    batch = {
        "simulated": images[0],
        "real": images[1],
        "mask": np.ones((2, _SIZE, _SIZE, 1), np.float32),
        "simulated_label": np.arange(2, dtype=np.int32),
        "real_label": np.full(2, -1, np.int32),
    }
    before = [np.array(weight) for weight in model.generator.get_weights()]
    data = tf.data.Dataset.from_tensors(batch)
    losses = model.fit(data, epochs=1, shuffle=False, verbose=0).history
    wrong = [name for name, values in losses.items() if not np.isfinite(values).all()]
    if wrong:
        raise ArithmeticError(f"metrics that are not finite: {', '.join(sorted(wrong))}")
    after = model.generator.get_weights()
    if all(np.array_equal(old, new) for old, new in zip(before, after, strict=True)):
        raise ArithmeticError("the training step changed no weight of the refiner")
    loss = losses["generator_loss"][0]
    report(f"one training step on made-up images: refiner's loss {loss:.3f}")
    generator = build_generator(config.generator)
    generator.set_weights(after)
    return generator


def _check_export(generator: Any, folder: Path, report: Callable[[str], None]) -> None:
    from dagan_tf.export.refiner import Refiner
    from dagan_tf.export.write import export_generator

    version = export_generator(generator, folder, image_size=_SIZE, clean_process=False)
    report("exported as a SavedModel, which answers as the network does")
    image = np.random.default_rng(1).integers(0, 256, (_SIZE, _SIZE, 3), np.uint8)
    refined = Refiner.load(version)(image)
    if refined.shape != image.shape or refined.dtype != np.uint8:
        raise ValueError(f"the refiner answered {refined.dtype} {refined.shape}")
    report("loaded again; one image refined")


def main() -> int:
    """Runs the check and prints a line a part; returns the exit code."""
    argparse.ArgumentParser(description=str(__doc__).splitlines()[0]).parse_args()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="dagan_tf_selfcheck_") as folder:
        run_selfcheck(Path(folder), lambda line: print(f"OK  {line}", flush=True))
    print(f"all parts work ({time.perf_counter() - began:.0f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
