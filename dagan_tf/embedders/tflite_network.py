"""A TFLite file as a Keras model that can be trained: constants of the graph become weights.

Read with the interpreter alone: its list of operations and its tensors. Strides and padding follow
from shapes; what the list does not tell, such as an activation fused into an operation, would show
in the outputs, which are compared before the model is handed out. Norms were folded into kernels
when the file was made, so that nothing depends on a batch's statistics.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from dagan_tf.core.keras_compat import dtype_policy
from dagan_tf.errors import DaganError

# Largest difference of an output, as a share of the outputs' root mean square, that is rounding.
_TOLERANCE = 1e-3


@dataclass(frozen=True)
class _Operation:
    """One operation: its kind and the numbers of its tensors."""

    kind: str
    inputs: tuple[int, ...]
    output: int


def open_tflite(path: str | os.PathLike[str], **options: Any) -> tf.lite.Interpreter:
    """An interpreter, its tensors allocated.

    Args:
        path: the file.
        **options: of `tf.lite.Interpreter`.

    Raises:
        DaganError: no such file, or not a TFLite file.
    """
    if not Path(path).is_file():
        raise DaganError(f"{path}: no such file; expected a network as .tflite")
    with warnings.catch_warnings():
        # TensorFlow 2.20 would rather have it from a package of its own.
        warnings.filterwarnings("ignore", ".*tf.lite.Interpreter is deprecated", UserWarning)
        try:
            interpreter = tf.lite.Interpreter(str(path), num_threads=1, **options)
            interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise DaganError(f"{path}: not a TFLite file ({error})") from None
    return interpreter


def read_tflite(path: str | os.PathLike[str], *, input_scale: float = 1.0) -> keras.Model:
    """Builds the network with the file's weights, all of them trainable.

    Args:
        path: a file of convolutions, depthwise convolutions, dense layers, sums and (parametric)
            rectifiers, float32, with one input (B, H, W, C) and one output (B, D).
        input_scale: the model's inputs are multiplied by it first.

    Returns:
        From float32 (N, H, W, C) to (N, D), computed as the global dtype policy says.

    Raises:
        DaganError: not such a file, or one with something that is not understood.
    """
    interpreter = open_tflite(
        path,
        experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )
    # In lower precision a right network differs as well: it is compared in this one.
    with dtype_policy("float32"):
        model = _Builder(path, interpreter).build(input_scale)
    _check_equal(path, interpreter, model, input_scale)
    if keras.mixed_precision.global_policy().name == "float32":
        return model
    return _Builder(path, interpreter).build(input_scale)


class _Builder:
    """Goes back from the output, a Keras layer for each operation or for a few together."""

    def __init__(self, path: str | os.PathLike[str], interpreter: tf.lite.Interpreter) -> None:
        self._path = path
        self._interpreter = interpreter
        self._shapes = {
            tensor["index"]: tuple(int(side) for side in tensor["shape"])
            for tensor in interpreter.get_tensor_details()
        }
        # By the tensor that it makes.
        self._makers = {
            int(op["outputs"][0]): _Operation(
                op["op_name"], tuple(map(int, op["inputs"])), int(op["outputs"][0])
            )
            for op in interpreter._get_ops_details()
        }
        (self._input,) = (one["index"] for one in interpreter.get_input_details())
        (self._output,) = (one["index"] for one in interpreter.get_output_details())
        self._values: dict[int, Any] = {}
        self._weights: list[tuple[keras.layers.Layer, list[np.ndarray]]] = []

    def build(self, input_scale: float) -> keras.Model:
        """The model, its weights set."""
        image = keras.Input(self._shapes[self._input][1:])
        self._values[self._input] = (
            keras.layers.Rescaling(input_scale)(image) if input_scale != 1.0 else image
        )
        outputs = self._value(self._output)
        if len(outputs.shape) != 2:
            outputs = keras.layers.Flatten()(outputs)
        model = keras.Model(image, outputs, name=re.sub(r"\W", "_", Path(self._path).stem))
        for layer, weights in self._weights:
            layer.set_weights(weights)
        return model

    def _value(self, index: int) -> Any:
        """What Keras makes of a tensor."""
        if index not in self._values:
            operation = self._makers[index]
            rectified = self._parametric_rectifier(operation)
            if rectified is not None:
                self._values[index] = self._rectified(*rectified)
            else:
                self._values[index] = self._layer(operation)
        return self._values[index]

    def _is_constant(self, index: int) -> bool:
        return index >= 0 and index not in self._makers and index != self._input

    def _constant(self, index: int) -> np.ndarray:
        values = np.array(self._interpreter.get_tensor(index))
        if values.dtype not in (np.float32, np.int32):
            raise DaganError(
                f"{self._path}: a tensor of {values.dtype}; expected float32, not quantised"
            )
        return values

    def _parametric_rectifier(self, total: _Operation) -> tuple[int, np.ndarray] | None:
        """Source and slopes if this adds up relu(x) + c (x - |x|), as TensorFlow 1 wrote it.

        For x < 0 that is 2 c x.
        """
        relu, product = (self._maker(total, "ADD", kind) for kind in ("RELU", "MUL"))
        difference = self._maker(product, "MUL", "SUB")
        absolute = self._maker(difference, "SUB", "ABS")
        if relu is None or product is None or difference is None or absolute is None:
            return None
        (source,) = relu.inputs
        factors = [index for index in product.inputs if self._is_constant(index)]
        fits = (
            absolute.inputs == (source,)
            and difference.inputs == (source, absolute.output)
            and len(factors) == 1
        )
        return (source, 2.0 * self._constant(factors[0])) if fits else None

    def _maker(self, reader: _Operation | None, reads: str, kind: str) -> _Operation | None:
        """The operation of a kind that makes one of the inputs of `reader`, which is a `reads`."""
        if reader is None or reader.kind != reads:
            return None
        makers = (self._makers.get(index) for index in reader.inputs)
        return next((maker for maker in makers if maker and maker.kind == kind), None)

    def _rectified(self, source: int, slopes: np.ndarray) -> Any:
        layer = keras.layers.PReLU(shared_axes=[1, 2])
        result = layer(self._value(source))
        self._weights.append((layer, [slopes.reshape(1, 1, -1)]))
        return result

    def _layer(self, operation: _Operation) -> Any:
        kind, inputs = operation.kind, operation.inputs
        if kind == "ADD" and not any(map(self._is_constant, inputs)):
            return keras.layers.Add()([self._value(index) for index in inputs])
        if kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            return self._convolution(operation)
        if kind == "FULLY_CONNECTED":
            kernel = self._constant(inputs[1]).T
            layer = keras.layers.Dense(kernel.shape[1], use_bias=self._biased(inputs))
            return self._with_weights(layer, kernel, inputs)
        if kind == "PRELU":
            return self._rectified(inputs[0], self._constant(inputs[1]))
        if kind == "RELU":
            return keras.layers.ReLU()(self._value(inputs[0]))
        if kind == "RESHAPE":
            shape = self._shapes[operation.output][1:]
            return keras.layers.Reshape(shape)(self._value(inputs[0]))
        if kind == "MEAN":
            kept = len(self._shapes[operation.output]) == 4
            return keras.layers.GlobalAveragePooling2D(keepdims=kept)(self._value(inputs[0]))
        if kind == "L2_NORMALIZATION":
            return keras.layers.UnitNormalization(axis=-1)(self._value(inputs[0]))
        raise DaganError(f"{self._path}: has an operation {kind}, which is not read here")

    def _convolution(self, operation: _Operation) -> Any:
        kernel = self._constant(operation.inputs[1])
        before = self._shapes[operation.inputs[0]][1:3]
        after = self._shapes[operation.output][1:3]
        stride, padding = _stride(before, after, kernel.shape[1:3])
        depthwise = operation.kind == "DEPTHWISE_CONV_2D"
        layer: keras.layers.Layer
        biased = self._biased(operation.inputs)
        if depthwise:
            channels = self._shapes[operation.inputs[0]][3]
            multiplier = kernel.shape[3] // channels
            kernel = kernel[0].reshape(*kernel.shape[1:3], channels, multiplier)
            layer = keras.layers.DepthwiseConv2D(
                kernel.shape[:2], stride, padding, depth_multiplier=multiplier, use_bias=biased
            )
        else:
            kernel = kernel.transpose(1, 2, 3, 0)
            layer = keras.layers.Conv2D(
                kernel.shape[3], kernel.shape[:2], stride, padding, use_bias=biased
            )
        return self._with_weights(layer, kernel, operation.inputs)

    @staticmethod
    def _biased(inputs: Sequence[int]) -> bool:
        return len(inputs) > 2 and inputs[2] >= 0

    def _with_weights(
        self, layer: keras.layers.Layer, kernel: np.ndarray, inputs: Sequence[int]
    ) -> Any:
        bias = [self._constant(inputs[2])] if self._biased(inputs) else []
        result = layer(self._value(inputs[0]))
        self._weights.append((layer, [kernel, *bias]))
        return result


def _stride(
    before: tuple[int, ...], after: tuple[int, ...], kernel: tuple[int, ...]
) -> tuple[int, str]:
    """The smallest stride, and the padding, that turn `before` into `after`."""
    for stride in range(1, max(before) + 1):
        for padding, sides in (
            ("same", tuple(-(-side // stride) for side in before)),
            ("valid", tuple((s - k) // stride + 1 for s, k in zip(before, kernel, strict=True))),
        ):
            if sides == tuple(after):
                return stride, padding
    raise DaganError(f"a convolution makes {after} of {before}; expected a stride that does")


def _check_equal(
    path: str | os.PathLike[str],
    interpreter: tf.lite.Interpreter,
    model: keras.Model,
    input_scale: float,
) -> None:
    """Refuses a model that does not compute what the file does."""
    taken, given = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    batch = np.random.default_rng(0).uniform(-1, 1, taken["shape"]).astype(np.float32)
    interpreter.set_tensor(taken["index"], batch)
    interpreter.invoke()
    wanted = np.array(interpreter.get_tensor(given["index"]))
    found = np.asarray(model(batch / np.float32(input_scale), training=False))
    error = float(np.abs(found - wanted).max() / max(float(np.sqrt((wanted**2).mean())), 1e-12))
    if not error <= _TOLERANCE:
        raise DaganError(
            f"{path}: rebuilt, its outputs differ by {error:.2g} of their size; expected an"
            " operation without fused activation, which is not read here"
        )
