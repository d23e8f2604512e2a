"""The check an export must pass before anyone can see it."""

import os
import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from dagan_tf.export import probe as export_probe
from dagan_tf.export.module import ExportError, ExportModule
from dagan_tf.export.warmup import warmup_image

# On [-1, 1]. Reloading may reorder float32 sums; bfloat16 keeps 8 bits of each number.
TOLERANCES = {"float32": 1e-3, "bfloat16": 0.1}

_TIMEOUT_SECONDS = 600


def bless(
    folder: Path,
    module: ExportModule,
    trained: keras.Model,
    *,
    precision: str = "float32",
    clean_process: bool = True,
) -> dict[str, Any]:
    """Compares what the SavedModel answers in a clean process with the trained generator itself.

    Args:
        folder: The SavedModel.
        module: What was saved into it.
        trained: The generator as it was trained, float32.
        precision: What the export computes in: `float32` or `bfloat16`.
        clean_process: Load it in a Python process of its own, some seconds of start; else here.

    Returns:
        Facts for `export.json`: where it was loaded, the largest difference on [-1, 1], and how
        much was allowed.

    Raises:
        ExportError: A signature is missing, fails, returns another shape, or differs.
    """
    side, stride = module.image_size, module.stride
    image = warmup_image(side)
    # The generator itself takes no other sides than multiples of its stride.
    fitting = warmup_image(-(-side // stride) * stride)
    batch = np.stack([image, image[:, ::-1]])
    probes = {
        "pixels": batch,
        # One image wider than high whose sides the stride need not divide.
        "odd": batch[:1, : side // 2 + 1],
        "floats": fitting[None].astype(np.float32) / 127.5 - 1.0,
        "png": np.frombuffer(tf.io.encode_png(image).numpy(), np.uint8),
    }
    with tf.device("CPU"):  # The clean process has no GPU, and GPUs round otherwise.
        direct = np.clip(trained(tf.constant(probes["floats"]), training=False), -1.0, 1.0)
    answers = _ask_elsewhere(folder, probes) if clean_process else _ask_here(folder, probes)
    allowed = TOLERANCES[precision]
    difference = _compare(answers, probes, direct, image, allowed)
    return {
        "blessed": True,
        "process": "clean" if clean_process else "exporting",
        "python": platform.python_version(),
        "max_difference": difference,
        "allowed_difference": allowed,
    }


def _ask_here(folder: Path, probes: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    try:
        return export_probe.answers(os.fspath(folder), probes)
    except (tf.errors.OpError, KeyError, ValueError, TypeError) as error:
        raise ExportError(f"the export does not answer: {error}") from error


def _ask_elsewhere(folder: Path, probes: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    # As a text, because the folder of a program is searched for imports before all others.
    program = Path(export_probe.__file__).read_text("utf-8")
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "2"}
    with tempfile.TemporaryDirectory() as scratch:
        asked, answered = Path(scratch, "asked.npz"), Path(scratch, "answered.npz")
        np.savez(asked, **probes)  # type: ignore[arg-type]
        command = [sys.executable, "-c", program, str(folder.resolve()), str(asked), str(answered)]
        try:
            done = subprocess.run(
                command,
                cwd=scratch,
                env=environment,
                capture_output=True,
                text=True,
                timeout=_TIMEOUT_SECONDS,
            )
        except subprocess.TimeoutExpired as error:
            raise ExportError(
                f"the export does not answer within {_TIMEOUT_SECONDS} seconds"
            ) from error
        if done.returncode:
            raise ExportError(f"the export does not answer in a clean process: {_reason(done)}")
        with np.load(answered) as found:
            return dict(found)


def _reason(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    raised = [line for line in lines if re.match(r"[\w.]+(Error|Exception)\b", line)]
    if raised:
        return raised[-1]
    return lines[-1].strip() if lines else f"it ends with status {done.returncode}"


def _compare(
    answers: dict[str, np.ndarray],
    probes: dict[str, np.ndarray],
    direct: np.ndarray,
    image: np.ndarray,
    allowed: float,
) -> float:
    floats = answers["floats"]
    if floats.shape != direct.shape or not np.isfinite(floats).all():
        raise ExportError(
            f"the export returns {floats.shape}, finite: {bool(np.isfinite(floats).all())}; "
            f"expected finite values of shape {direct.shape}"
        )
    difference = float(np.abs(floats - direct).max())
    if not difference <= allowed:
        raise ExportError(
            f"the export differs from the generator by {difference:g}; expected <= {allowed:g}"
        )
    for signature, key, expected in (
        ("serving_default", "pixels", probes["pixels"].shape),
        ("serving_default", "odd", probes["odd"].shape),
        ("encoded", "png", image.shape),
    ):
        if answers[key].shape != expected:
            raise ExportError(
                f"signature {signature!r} returns shape {answers[key].shape}; expected {expected}"
            )
    pixels = answers["pixels"][0].astype(int)
    if np.abs(answers["png"].astype(int) - pixels).max() > 1:
        raise ExportError("signatures 'encoded' and 'serving_default' differ on the same image")
    if direct.shape[1:] == image.shape:
        # Half a level for rounding, and what the floats may differ by.
        levels = np.abs((direct[0] + 1.0) * 127.5 - pixels).max()
        if levels > 0.51 + 127.5 * allowed:
            raise ExportError(
                f"signature 'serving_default' differs from the generator by {levels:.1f} levels"
            )
    return difference
