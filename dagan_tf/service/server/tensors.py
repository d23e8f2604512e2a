"""TensorProto to array and back, checked against what a signature expects."""

import math

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2
from tensorflow.core.protobuf import meta_graph_pb2

from dagan_tf.service.server.limits import Limits
from dagan_tf.service.server.status import invalid

# An input of strings named so holds encoded images; TensorFlow Serving's REST interface, too,
# tells binary data from text by this ending.
_ENCODED_SUFFIX = "_bytes"

# Of TensorProto, tensorflow/core/framework/tensor.proto.
_FIELDS = {
    tf.float32: "float_val",
    tf.float64: "double_val",
    tf.float16: "half_val",
    tf.bfloat16: "half_val",
    tf.bool: "bool_val",
    tf.int8: "int_val",
    tf.uint8: "int_val",
    tf.int16: "int_val",
    tf.uint16: "int_val",
    tf.int32: "int_val",
    tf.int64: "int64_val",
    tf.uint32: "uint32_val",
    tf.uint64: "uint64_val",
}


class InputReader:
    """Reads one input of a signature.

    Attributes:
        name: The input's name.
    """

    def __init__(self, name: str, info: meta_graph_pb2.TensorInfo, limits: Limits) -> None:
        """Reads what the signature says of the input.

        Args:
            name: the input's name.
            info: its dtype and shape, from the SavedModel.
            limits: what one request may cost.
        """
        self.name = name
        self._number = info.dtype
        self._dtype = tf.dtypes.as_dtype(info.dtype)
        self._numpy_dtype = np.dtype(self._dtype.as_numpy_dtype)
        self._shape = tf.TensorShape(info.tensor_shape)
        self._limits = limits
        self._is_string = self._dtype == tf.string
        self._is_encoded = self._is_string and name.endswith(_ENCODED_SUFFIX)

    def read(self, proto: tensor_pb2.TensorProto) -> np.ndarray:
        """The array a tensor stands for.

        Returns:
            Read-only array of the signature's dtype; `object` for strings.

        Raises:
            RequestError: Wrong dtype or shape, contents that do not fit them, or too much.
        """
        if proto.dtype != self._number:
            raise invalid(
                f"input {self.name!r} has dtype {_dtype_name(proto.dtype)}; "
                f"expected {self._dtype.name}"
            )
        shape = tuple(dimension.size for dimension in proto.tensor_shape.dim)
        if proto.tensor_shape.unknown_rank or any(size < 0 for size in shape):
            raise invalid(f"tensor parsing error: {self.name}: no fully known shape, but {shape}")
        if not self._fits(shape):
            raise invalid(f"input {self.name!r} has shape {shape}; expected {self._shape}")
        # One value may stand for a whole tensor of the declared shape: without this check a
        # message of a few bytes would take all memory.
        self._limits.check_tensor(self.name, shape, max(self._dtype.size or 1, 1))
        array = self._contents(proto, shape)
        if self._is_encoded:
            self._limits.check_encoded(self.name, list(array.flat))
        return array

    def _fits(self, shape: tuple[int, ...]) -> bool:
        expected = self._shape
        if expected.rank is None:
            return True
        return len(shape) == expected.rank and all(
            wanted in (None, size) for wanted, size in zip(expected, shape, strict=True)
        )

    def _contents(self, proto: tensor_pb2.TensorProto, shape: tuple[int, ...]) -> np.ndarray:
        if self._is_string:
            return self._strings(proto, shape)
        content = proto.tensor_content
        if content and len(content) != math.prod(shape) * self._numpy_dtype.itemsize:
            raise invalid(
                f"tensor parsing error: {self.name}: {len(content)} bytes are no "
                f"{self._dtype.name} of shape {shape}"
            )
        try:
            if content:
                return np.frombuffer(content, self._numpy_dtype).reshape(shape)
            array = tf.make_ndarray(proto)
            if array.shape != shape:
                raise ValueError(f"it holds shape {array.shape}")
            return np.asarray(array)
        except (ValueError, TypeError, IndexError, OverflowError) as error:
            raise invalid(
                f"tensor parsing error: {self.name}: no {self._dtype.name} of shape {shape} "
                f"({error})"
            ) from error

    def _strings(self, proto: tensor_pb2.TensorProto, shape: tuple[int, ...]) -> np.ndarray:
        """As Tensor::FromProto: the last value stands for all that are missing, none for empty."""
        values, size = list(proto.string_val), math.prod(shape)
        if proto.tensor_content or len(values) > size:
            raise invalid(
                f"tensor parsing error: {self.name}: {len(values)} values in string_val, "
                f"{len(proto.tensor_content)} bytes in tensor_content; expected {size} values"
            )
        array = np.empty(size, object)
        array[:] = values + [values[-1] if values else b""] * (size - len(values))
        try:
            return array.reshape(shape)
        except ValueError as error:  # More dimensions than numpy has.
            raise invalid(f"tensor parsing error: {self.name}: {error}") from error


def write_tensor(array: np.ndarray, proto: tensor_pb2.TensorProto, *, content: bool) -> None:
    """Fills a TensorProto.

    Args:
        array: Of numbers, or of dtype object, bytes.
        proto: Filled.
        content: Numbers as one run of bytes in `tensor_content`; else one by one in the field of
            their type, as TensorFlow Serving does by default (`Tensor::AsProtoField`). Strings are
            written one by one in any case.
    """
    dtype = tf.string if array.dtype == object else tf.dtypes.as_dtype(array.dtype)
    proto.dtype = dtype.as_datatype_enum
    for size in array.shape:
        proto.tensor_shape.dim.add().size = size
    if dtype == tf.string:
        proto.string_val.extend(array.ravel().tolist())
    elif content or dtype not in _FIELDS:
        proto.tensor_content = array.tobytes()
    else:
        flat = array.ravel()
        if dtype in (tf.float16, tf.bfloat16):  # Their bits, as integers.
            flat = flat.view(np.uint16)
        getattr(proto, _FIELDS[dtype]).extend(flat.tolist())


def _dtype_name(number: int) -> str:
    try:
        return str(tf.dtypes.as_dtype(number).name)
    except TypeError:
        return f"number {number}"
