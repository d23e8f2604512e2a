"""Nested lists of JSON into arrays, as TensorFlow Serving's util/json_tensor.cc does it."""

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2

from dagan_tf.service.server.status import RequestError, invalid

# A string in base64 is an object with this key.
BASE64_KEY = "b64"
_JSON_TYPES = {type(None): "Null", dict: "Object", list: "Array", str: "String"}
# numpy before 2 has no more dimensions; no signature here has more than 4.
_MOST_DIMENSIONS = 32
# Largest integers that float32 and float64 hold together with all below them.
_LOSSLESS = {np.dtype(np.float32): 2**24 - 1, np.dtype(np.float64): 2**53 - 1}
_LONGEST_SHOWN = 300


def _is_base64(value: Any) -> bool:
    return isinstance(value, dict) and len(value) == 1 and isinstance(value.get(BASE64_KEY), str)


def is_named(value: Any) -> bool:
    """An object of inputs by name, not one that stands for bytes."""
    return isinstance(value, dict) and not _is_base64(value)


def to_array(value: Any, info: meta_graph_pb2.TensorInfo) -> np.ndarray:
    """The array that nested lists stand for, of the dtype the signature asks for."""
    shape: list[int] = []
    inner = value
    while isinstance(inner, list):
        shape.append(len(inner))
        if not inner:
            break
        inner = inner[0]
    if len(shape) > _MOST_DIMENSIONS:
        raise invalid(f"lists are {len(shape)} deep; expected at most {_MOST_DIMENSIONS}")
    leaves: list[Any] = []
    _collect(value, 0, shape, leaves)
    dtype = tf.dtypes.as_dtype(info.dtype)
    kinds = set(map(type, leaves))
    if dtype == tf.string:
        array = np.empty(len(leaves), object)
        array[:] = [_to_bytes(leaf) for leaf in leaves]
    elif dtype == tf.bool:
        _check_kinds(leaves, kinds, {bool}, dtype)
        array = np.array(leaves, bool)
    elif dtype.is_floating:
        _check_kinds(leaves, kinds, {int, float}, dtype)
        array = _to_floats(leaves, kinds, dtype)
    elif dtype.is_integer:
        _check_kinds(leaves, kinds, {int}, dtype)
        for leaf in leaves:
            if not dtype.min <= leaf <= dtype.max:
                raise _wrong_type(leaf, dtype)
        array = np.array(leaves, dtype.as_numpy_dtype)
    else:
        raise RequestError(
            grpc.StatusCode.UNIMPLEMENTED,
            f"Conversion of JSON Value: {shown(value)} to type: {_type_name(dtype)}",
        )
    return array.reshape(shape)


def _collect(value: Any, level: int, shape: Sequence[int], leaves: list[Any]) -> None:
    if not isinstance(value, list):
        if level != len(shape):
            raise invalid(
                f"JSON Value: {shown(value)} found at incorrect level: {level + 1} in the JSON "
                f"DOM. Expected at level: {len(shape)}"
            )
        leaves.append(value)
        return
    if level >= len(shape):
        raise invalid(f"Encountered list at unexpected level: {level} expected < {len(shape)}")
    if len(value) != shape[level]:
        raise invalid(
            f"Encountered list at unexpected size: {len(value)} at level: {level} "
            f"expected size: {shape[level]}"
        )
    if level == len(shape) - 1 and list not in set(map(type, value)):
        leaves.extend(value)  # Most numbers come this way, at C's speed.
        return
    for part in value:
        _collect(part, level + 1, shape, leaves)


def _check_kinds(
    leaves: Sequence[Any], kinds: set[type], expected: set[type], dtype: tf.DType
) -> None:
    if not kinds <= expected:
        raise _wrong_type(next(leaf for leaf in leaves if type(leaf) not in expected), dtype)


def _to_floats(leaves: Sequence[Any], kinds: set[type], dtype: tf.DType) -> np.ndarray:
    numpy_dtype = np.dtype(dtype.as_numpy_dtype)
    largest = _LOSSLESS.get(numpy_dtype, 2**8)
    if int in kinds:
        for leaf in leaves:
            # RapidJSON reads an integer beyond 64 bits as a double, which may be inexact.
            if type(leaf) is int and largest < abs(leaf) and -(2**63) <= leaf < 2**64:
                raise _lossy(leaf, dtype)
    try:
        array = np.array(leaves, np.float64)
    except OverflowError as error:
        raise invalid("JSON Parse error: Number too big to be stored in double.") from error
    too_large = np.isfinite(array) & (np.abs(array) > float(dtype.max))
    if too_large.any():
        raise _lossy(leaves[int(np.argmax(too_large))], dtype)
    return array.astype(numpy_dtype)


def _to_bytes(leaf: Any) -> bytes:
    if isinstance(leaf, str):
        return leaf.encode()
    if not isinstance(leaf, dict):
        raise _wrong_type(leaf, tf.string)
    if not _is_base64(leaf):
        raise invalid(f"JSON Value: {shown(leaf)} not formatted correctly for base64 data")
    # absl::Base64Unescape passes over white space and takes texts without padding.
    text = "".join(leaf[BASE64_KEY].split())
    if "=" not in text:
        text += "=" * (-len(text) % 4)
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid("Unable to base64 decode") from error


def _wrong_type(leaf: Any, dtype: tf.DType) -> RequestError:
    kind = str(leaf) if isinstance(leaf, bool) else _JSON_TYPES.get(type(leaf), "Number")
    return invalid(
        f"JSON Value: {shown(leaf)} Type: {kind} is not of expected type: {_type_name(dtype)}"
    )


def _lossy(leaf: Any, dtype: tf.DType) -> RequestError:
    return invalid(
        f"Cannot convert JSON value: {shown(leaf)} to {_type_name(dtype)} "
        "without loss of precision."
    )


def _type_name(dtype: tf.DType) -> str:
    """DataTypeString of tensorflow/core/framework/types.cc."""
    return {"float32": "float", "float64": "double", "float16": "half"}.get(dtype.name, dtype.name)


def shown(value: Any) -> str:
    """A JSON value in a message, shortened."""
    text = json.dumps(value)
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "..."
