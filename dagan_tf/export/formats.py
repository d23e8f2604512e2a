"""The exported refiner for other runtimes: ONNX and LiteRT.

Both files take and give what the signature `serving_default` does, uint8 (N, H, W, 3) with free N,
H and W. They lie in the version's `assets.extra`, where TensorFlow Serving expects files that are
not its own.
"""

import importlib.util
import warnings
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from dagan_tf.export.module import ExportError, ExportModule
from dagan_tf.export.warmup import warmup_image

FORMATS = ("saved_model", "onnx", "litert")
FILES = {"onnx": Path("assets.extra/refiner.onnx"), "litert": Path("assets.extra/refiner.tflite")}

# The oldest set of operators that has all the graph needs.
_OPSET = 17
_Runner = Callable[[np.ndarray], np.ndarray]


def check_formats(formats: Sequence[str]) -> None:
    """Checks that all formats can be written here, before anything is.

    Raises:
        ExportError: An unknown format, or one whose converter is not installed.
    """
    for name in formats:
        if name not in FORMATS:
            raise ExportError(f"format {name!r}; expected some of {', '.join(FORMATS)}")
    if "onnx" in formats and importlib.util.find_spec("tf2onnx") is None:
        raise ExportError("format onnx needs tf2onnx: pip install 'dagan-tf[onnx]'")
    if "litert" in formats and not hasattr(tf, "lite"):
        raise ExportError(f"format litert needs tf.lite; TensorFlow {tf.__version__} has none")


def write_formats(
    folder: Path, module: ExportModule, formats: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Writes the formats beside the SavedModel and compares each with it where it can be run.

    Args:
        folder: A version's folder.
        module: What to convert; float32.
        formats: Some of `FORMATS`; `saved_model` is passed over.

    Returns:
        Format to facts for `export.json`: `file`; `checked_with`, None when no runtime for it is
        installed; `max_difference`, in levels of 0 to 255.

    Raises:
        ExportError: It cannot be converted, or the file answers something else.
    """
    written = {}
    for name in (name for name in FILES if name in formats):
        path = folder / FILES[name]
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            data = _CONVERTERS[name](module)
        except Exception as error:  # Converters raise nearly anything.
            first = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise ExportError(f"cannot be converted to {name}: {first}") from error
        path.write_bytes(data)
        runtime, runner = _RUNTIMES[name](data)
        difference = None if runner is None else _largest_difference(name, runner, module)
        written[name] = {
            "file": FILES[name].as_posix(),
            "checked_with": runtime,
            "max_difference": difference,
        }
    return written


def _to_onnx(module: ExportModule) -> bytes:
    import tf2onnx

    specs = [tf.TensorSpec((None, None, None, 3), tf.uint8, "images")]
    model, _ = tf2onnx.convert.from_function(module.refine_uint8, specs, opset=_OPSET)
    return model.SerializeToString()


def _to_litert(module: ExportModule) -> bytes:
    concrete = module.refine_uint8.get_concrete_function()
    # Without the object that owns the variables, as TensorFlow advises against: with it, or from
    # the SavedModel, 2.21 converts the variables but not their values.
    return tf.lite.TFLiteConverter.from_concrete_functions([concrete]).convert()


def _onnx_runner(data: bytes) -> tuple[str | None, _Runner | None]:
    try:
        import onnxruntime
    except ImportError:
        return None, None
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return f"onnxruntime {onnxruntime.__version__}", lambda x: session.run(None, {name: x})[0]


def _litert_runner(data: bytes) -> tuple[str | None, _Runner | None]:
    try:
        from ai_edge_litert.interpreter import Interpreter

        runtime = f"ai-edge-litert {metadata.version('ai-edge-litert')}"
    except ImportError:
        Interpreter, runtime = tf.lite.Interpreter, f"tf.lite of TensorFlow {tf.__version__}"
    with warnings.catch_warnings():  # tf.lite.Interpreter names its successor at every use.
        warnings.simplefilter("ignore")
        interpreter = Interpreter(model_content=data)
    source = interpreter.get_input_details()[0]["index"]
    target = interpreter.get_output_details()[0]["index"]

    def run(images: np.ndarray) -> np.ndarray:
        interpreter.resize_tensor_input(source, images.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(source, images)
        interpreter.invoke()
        return interpreter.get_tensor(target)

    return runtime, run


def _largest_difference(name: str, run: _Runner, module: ExportModule) -> int:
    side = module.image_size
    image = warmup_image(side)[None]
    largest = 0
    # At the training size, and at sides that the stride need not divide.
    for images in (np.concatenate([image, image[:, ::-1]]), image[:, : side // 2 + 1, 1:]):
        expected = module.refine_uint8(tf.constant(images))["refined"].numpy()
        got = run(images)
        if got.dtype != np.uint8 or got.shape != expected.shape:
            raise ExportError(
                f"the {name} file returns {got.dtype} {got.shape}; expected uint8 {expected.shape}"
            )
        largest = max(largest, int(np.abs(got.astype(int) - expected).max()))
    if largest > 1:  # One level where a sum falls on the other side of a half.
        raise ExportError(f"the {name} file differs from the generator by {largest} levels")
    return largest


_CONVERTERS: dict[str, Callable[[ExportModule], bytes]] = {"onnx": _to_onnx, "litert": _to_litert}
_RUNTIMES: dict[str, Callable[[bytes], tuple[str | None, _Runner | None]]] = {
    "onnx": _onnx_runner,
    "litert": _litert_runner,
}
