"""The check an export must pass before anyone can see it."""

import contextlib
import json
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from dagan_tf.core.pixels import LEVELS_A_UNIT, signed_levels, to_signed
from dagan_tf.export import probe, session
from dagan_tf.export.locations import Location, fetched
from dagan_tf.export.module import ExportError, ExportModule
from dagan_tf.export.signatures import read_signature_defs
from dagan_tf.export.warmup import warmup_image

# On [-1, 1]. Reloading may reorder float32 sums; bfloat16 keeps 8 bits of each number.
TOLERANCES = {"float32": 1e-3, "bfloat16": 0.1}

# Beside the SavedModel; `export` writes it.
FACTS_FILE = "export.json"

_TIMEOUT_SECONDS = 600

# What Python and TensorFlow write last before they abort themselves.
_FATAL = re.compile(r"F\d{4} |Fatal Python error|terminate called|.*\bF (external/|tensorflow/)")
_TRACEBACK = "Traceback (most recent call last):"
_RAISED = re.compile(r"[A-Za-z_][\w.]*(: |$)")


def bless(
    folder: Path,
    module: ExportModule,
    trained: keras.Model,
    *,
    precision: str = "float32",
    clean_process: bool = True,
) -> dict[str, Any]:
    """Compares what the SavedModel answers in clean processes with the trained generator itself.

    It is loaded twice: by `tf.saved_model.load`, as Python programs do, and by TensorFlow's session
    loader, as TensorFlow Serving does.

    Args:
        folder: The SavedModel.
        module: What was saved into it.
        trained: The generator as it was trained, float32.
        precision: What the export computes in: `float32` or `bfloat16`.
        clean_process: Load it in processes of their own, some seconds of start; else here.

    Returns:
        Facts for `export.json`: where it was loaded, the largest difference on [-1, 1] to the
        generator and between the two loaders, and how much was allowed.

    Raises:
        ExportError: A signature is missing, fails, returns another shape, or differs.
    """
    probes = _probes(module.image_size, module.stride)
    with tf.device("CPU"):  # The clean process has no GPU, and GPUs round otherwise.
        direct = np.clip(trained(tf.constant(probes["floats"]), training=False), -1.0, 1.0)
    allowed = TOLERANCES[precision]
    answers, between = _ask_twice(folder, probes, allowed, clean_process)
    difference = float(np.abs(answers["floats"] - direct).max())
    if not difference <= allowed:
        raise ExportError(
            f"the export differs from the generator by {difference:g}; expected <= {allowed:g}"
        )
    if direct.shape[1:] == probes["pixels"].shape[1:]:
        # Half a level for rounding, and what the floats may differ by.
        levels = np.abs(signed_levels(direct[0]) - answers["pixels"][0]).max()
        if levels > 0.51 + LEVELS_A_UNIT * allowed:
            raise ExportError(
                f"signature 'serving_default' differs from the generator by {levels:g} levels"
            )
    return {
        "blessed": True,
        "process": "clean" if clean_process else "exporting",
        "python": platform.python_version(),
        "max_difference": difference,
        "session_difference": between,
        "allowed_difference": allowed,
    }


def bless_again(folder: Location, *, clean_process: bool = True) -> float:
    """Blesses an export without its generator: do its signatures agree, in both loaders?

    Args:
        folder: Of a version that `serving.export` wrote.
        clean_process: See `bless`.

    Returns:
        The largest difference on [-1, 1] between the two loaders.

    Raises:
        ExportError: It holds no `export.json`, or as `bless`.
        LocationError: The URI cannot be read.
    """
    try:
        facts = json.loads((folder / FACTS_FILE).read_text("utf-8"))
        probes = _probes(int(facts["image_size"]), int(facts["stride"]))
        allowed = TOLERANCES[facts["precision"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ExportError(
            f"{folder / FACTS_FILE}: {type(error).__name__}: {error}; "
            "expected what serving.export writes beside a SavedModel"
        ) from error
    with fetched(folder) as copy:
        return _ask_twice(copy, probes, allowed, clean_process)[1]


def _probes(side: int, stride: int) -> dict[str, np.ndarray]:
    image = warmup_image(side)
    # The generator itself takes no other sides than multiples of its stride.
    fitting = warmup_image(-(-side // stride) * stride)
    batch = np.stack([image, image[:, ::-1]])
    return {
        "pixels": batch,
        # One image wider than high whose sides the stride need not divide.
        "odd": batch[:1, : side // 2 + 1],
        "floats": to_signed(fitting[None]),
        "png": np.frombuffer(tf.io.encode_png(image).numpy(), np.uint8),
    }


def _ask_twice(
    folder: Path, probes: dict[str, np.ndarray], allowed: float, clean_process: bool
) -> tuple[dict[str, np.ndarray], float]:
    """The answers of `tf.saved_model.load`, and how far those of a session are from them."""
    answers = _ask_elsewhere(probe, folder, probes) if clean_process else _ask_here(folder, probes)
    _check_answers(answers, probes)
    tensors = _tensor_names(folder)
    try:
        if clean_process:
            served = _ask_elsewhere(session, folder, probes, json.dumps(tensors))
        else:
            served = session.answers(os.fspath(folder), tensors, probes)
    except (ExportError, session.SessionError) as error:
        reason = str(error).splitlines()[0]
        # What this package wrote under Keras 3 at first; all else of the long message is a guess.
        unnamed = re.search(r"Could not find variable [^.]+", reason)
        if unnamed:
            reason = f"{unnamed[0]}; export the model again"
        raise ExportError(f"TensorFlow Serving could not run the export: {reason}") from None
    return answers, _difference(answers, served, allowed)


def _difference(
    answers: dict[str, np.ndarray], served: dict[str, np.ndarray], allowed: float
) -> float:
    """On [-1, 1]; a level of 255 more is allowed where pixels were rounded."""
    served = {**served, "png": tf.io.decode_png(served["png"].tobytes()).numpy()}
    largest = 0.0
    for name, answer in answers.items():
        found = served[name]
        if found.dtype != answer.dtype or found.shape != answer.shape:
            raise ExportError(
                f"a session answers {found.dtype} {found.shape} to the probe {name!r}; "
                f"tf.saved_model.load {answer.dtype} {answer.shape}"
            )
        floats = found.dtype.kind == "f"
        unit = 1.0 if floats else LEVELS_A_UNIT
        difference = float(np.abs(found.astype(float) - answer).max()) / unit
        if not difference <= allowed + (0.0 if floats else 1.0 / unit):
            raise ExportError(
                f"a session's answers differ from those of tf.saved_model.load by {difference:g} "
                f"(probe {name!r}); expected <= {allowed:g}"
            )
        largest = max(largest, difference)
    return largest


def _tensor_names(folder: Path) -> dict[str, tuple[str, str]]:
    """For each probe the names, in the graph, of its signature's input and output."""
    signatures = read_signature_defs(folder)
    names = {}
    for name, signature in probe.SIGNATURES.items():
        definition = signatures[signature]
        (source,), (target,) = definition.inputs.values(), definition.outputs.values()
        names[name] = (source.name, target.name)
    return names


def _ask_here(folder: Path, probes: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    try:
        return probe.answers(os.fspath(folder), probes)
    except (tf.errors.OpError, KeyError, ValueError, TypeError) as error:
        raise ExportError(f"the export does not answer: {error}") from error


def _ask_elsewhere(
    program: ModuleType, folder: Path, probes: dict[str, np.ndarray], *more: str
) -> dict[str, np.ndarray]:
    # As a text, because the folder of a program is searched for imports before all others.
    text = Path(str(program.__file__)).read_text("utf-8")
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "2"}
    with tempfile.TemporaryDirectory() as scratch:
        asked, answered = Path(scratch, "asked.npz"), Path(scratch, "answered.npz")
        np.savez(asked, **probes)  # type: ignore[arg-type]
        files = (str(folder.resolve()), str(asked), str(answered))
        try:
            done = subprocess.run(
                [sys.executable, "-c", text, *files, *more],
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
    """Why a process failed, in one line; what TensorFlow logs to stderr is no reason."""
    lines = done.stderr.splitlines()
    if done.returncode < 0:
        number = -done.returncode
        with contextlib.suppress(ValueError):
            number = signal.Signals(number)
        name = f" ({number.name})" if isinstance(number, signal.Signals) else ""
        fatal = next((line.strip() for line in lines if _FATAL.match(line)), "")
        return f"the loader was killed by signal {int(number)}{name}" + (fatal and f": {fatal}")
    traceback = next((at for at in range(len(lines))[::-1] if lines[at] == _TRACEBACK), None)
    if traceback is not None:
        # The calls are indented, the error is not.
        for line in lines[traceback + 1 :]:
            if _RAISED.match(line):
                return line.strip()
    return f"the loader ended with status {done.returncode}"


def _check_answers(answers: dict[str, np.ndarray], probes: dict[str, np.ndarray]) -> None:
    """Checks that the answers are whole and that the signatures agree."""
    floats, expected = answers["floats"], probes["floats"].shape
    if floats.shape != expected or not np.isfinite(floats).all():
        raise ExportError(
            f"the export returns {floats.shape}, finite: {bool(np.isfinite(floats).all())}; "
            f"expected finite values of shape {expected}"
        )
    for key in ("pixels", "odd", "png"):
        expected = probes["pixels"].shape[1:] if key == "png" else probes[key].shape
        if answers[key].shape != expected:
            raise ExportError(
                f"signature {probe.SIGNATURES[key]!r} returns shape {answers[key].shape}; "
                f"expected {expected}"
            )
    if np.abs(answers["png"].astype(int) - answers["pixels"][0]).max() > 1:
        raise ExportError("signatures 'encoded' and 'serving_default' differ on the same image")
