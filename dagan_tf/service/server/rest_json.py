"""JSON of TensorFlow Serving's REST interface into PredictRequests, and answers into JSON.

Forms, texts and conversions: tensorflow_serving/util/json_tensor.cc; where this is stricter,
docs/serving-errors.md says so. White space differs.
"""

import base64
import binascii
import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import predict_pb2

from dagan_tf.service.server.status import RequestError, invalid

Inputs = Mapping[str, meta_graph_pb2.TensorInfo]

# A string output whose name ends so is written in base64, as an object with the key `b64`.
_BYTES_SUFFIX = "_bytes"
_BASE64_KEY = "b64"
_JSON_TYPES = {type(None): "Null", dict: "Object", list: "Array", str: "String"}
# What RapidJSON calls the complaints of Python's parser; others have no counterpart.
_COMPLAINTS = {
    "Expecting value": "Invalid value.",
    "Extra data": "The document root must not be followed by other values.",
    "Expecting property name enclosed in double quotes": "Missing a name for object member.",
    "Expecting ':' delimiter": "Missing a colon after a name of object member.",
    "Expecting ',' delimiter": "Missing a comma or ] after an array element.",
}
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
# numpy before 2 has no more dimensions; no signature here has more than 4.
_MOST_DIMENSIONS = 32
# Largest integers that float32 and float64 hold together with all below them.
_LOSSLESS = {np.dtype(np.float32): 2**24 - 1, np.dtype(np.float64): 2**53 - 1}
_LONGEST_SHOWN = 300


def parse_object(body: bytes) -> dict[str, Any]:
    """The JSON object of a request.

    Raises:
        RequestError: INVALID_ARGUMENT, not JSON or not an object.
    """
    if not body:
        raise invalid("JSON Parse error: The document is empty")
    try:
        # Not json.loads' own guess: TensorFlow Serving takes UTF-8 alone, with its mark or without.
        text = body.decode("utf-8-sig")
        document = json.loads(text)
        if _SURROGATE.search(text):
            json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise invalid("JSON Parse error: The surrogate pair in string is invalid.") from error
    except json.JSONDecodeError as error:
        what = _COMPLAINTS.get(error.msg, error.msg)
        raise invalid(f"JSON Parse error: {what} at offset: {error.pos}") from error
    except UnicodeDecodeError as error:
        raise invalid(
            f"JSON Parse error: Invalid encoding in string. at offset: {error.start}"
        ) from error
    except RecursionError as error:
        raise invalid("JSON Parse error: nested too deeply") from error
    except ValueError as error:  # An integer of thousands of digits.
        raise invalid("JSON Parse error: Number too big to be stored in double.") from error
    if not isinstance(document, dict):
        raise invalid(f"JSON Value: {_shown(document)} Is not object")
    return document


def signature_name(document: Mapping[str, Any]) -> str:
    """What a request calls its signature, empty when it does not."""
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise invalid(
            f"JSON Value: {_shown(document)} not formatted correctly. "
            "'signature_name' key must be a string value."
        )
    return name


def fill_inputs(
    document: Mapping[str, Any], inputs: Inputs, request: predict_pb2.PredictRequest
) -> bool:
    """Puts the tensors of a JSON request into a PredictRequest.

    Args:
        document: With `instances` (a row for each image) or `inputs` (a tensor for each name).
        inputs: Of the signature.
        request: Filled.

    Returns:
        Whether the answer is to be in rows, too.

    Raises:
        RequestError: INVALID_ARGUMENT.
    """
    rows, columns = "instances" in document, "inputs" in document
    if rows and columns:
        raise invalid(
            f"JSON Value: {_shown(document)} Not formatted correctly expecting only one of "
            "'inputs' or 'instances' keys to exist "
        )
    if not rows and not columns:
        raise invalid("Missing 'inputs' or 'instances' key")
    if rows:
        tensors = _from_instances(document, inputs)
    else:
        tensors = _from_inputs(document["inputs"], inputs)
    for name, array in tensors.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(array, inputs[name].dtype, array.shape))
    return rows


def check_examples(document: Mapping[str, Any]) -> None:
    """Raises RequestError unless a request to classify or regress brings examples."""
    shown = f"JSON Value: {_shown(document)}"
    if "examples" not in document:
        raise invalid(
            f"{shown} When method is classify, key 'examples' is expected and was not found"
        )
    if not isinstance(document["examples"], list):
        raise invalid(f"{shown} Expecting 'examples' value to be an list/array")
    if not document["examples"]:
        raise invalid(f"{shown} 'examples' value is an empty array")


def write_outputs(outputs: Mapping[str, np.ndarray], *, rows: bool) -> str:
    """JSON of an answer.

    Args:
        outputs: At least one, by name.
        rows: For a request with `instances`.

    Raises:
        RequestError: INVALID_ARGUMENT, outputs that have no common first dimension to make rows of.
    """
    if not rows:
        texts = {name: _array_text(name, array) for name, array in outputs.items()}
        return _object_text("outputs", _together(texts))
    size = 0
    for name, array in outputs.items():
        if array.ndim == 0:
            raise invalid(f"Tensor name: {name} has no shape information ")
        if len(array) < 1:
            raise invalid(f"Tensor name: {name} has invalid batch size: {len(array)}")
        if size not in (0, len(array)):
            raise invalid(
                f"Tensor name: {name} has inconsistent batch size: {len(array)} expecting: {size}"
            )
        size = len(array)
    items = [
        _together({name: _array_text(name, array[row, ...]) for name, array in outputs.items()})
        for row in range(size)
    ]
    return _object_text("predictions", "[" + ", ".join(items) + "]")


def _from_instances(document: Mapping[str, Any], inputs: Inputs) -> dict[str, np.ndarray]:
    instances = document["instances"]
    if not isinstance(instances, list):
        raise invalid(f"JSON Value: {_shown(document)} Excepting 'instances' to be an list/array")
    if not instances:
        raise invalid(f"JSON Value: {_shown(document)} No values in 'instances' array")
    named = _is_named(instances[0])
    if not named and len(inputs) > 1:
        raise invalid(
            "instances is a plain list, but expecting list of objects as multiple "
            "input tensors required as per tensorinfo_map"
        )
    tensors: dict[str, list[np.ndarray]] = {name: [] for name in inputs}
    for index, item in enumerate(instances):
        if _is_named(item) != named:
            found, expected = ("list", "object") if named else ("object", "value/list")
            raise invalid(f"Expecting {expected} but got {found} at item {index} of input list")
        parts = item if named else {next(iter(inputs)): item}
        for name, value in parts.items():
            key = f" key: {name}" if named else ""
            where = f"Failed to process element: {index}{key} of 'instances' list. Error: "
            try:
                if name not in inputs:
                    raise invalid(f"JSON object: does not have named input: {name}")
                array = _array(value, inputs[name])
                if tensors[name]:
                    _check_alike(tensors[name][0], array)
            except RequestError as error:
                raise invalid(f"{where}{error.code.name}: {error.message}") from error
            tensors[name].append(array)
        if set(parts) != set(inputs):
            raise invalid(
                f"Failed to process element: {index} of 'instances' list. JSON object: "
                f"{_shown(item)} must only have keys: {','.join(sorted(inputs))}"
            )
    return {name: np.stack(parts) for name, parts in tensors.items()}


def _check_alike(first: np.ndarray, array: np.ndarray) -> None:
    if first.size != array.size:
        raise invalid(f"Expecting tensor size: {first.size} but got: {array.size}")
    if first.shape != array.shape:
        expected, found = _shape_text(first.shape), _shape_text(array.shape)
        raise invalid(f"Expecting shape {expected} but got: {found}")


def _from_inputs(value: Any, inputs: Inputs) -> dict[str, np.ndarray]:
    if not _is_named(value):
        if len(inputs) > 1:
            raise invalid(
                "inputs is a plain value/list, but expecting an object as multiple "
                "input tensors required as per tensorinfo_map"
            )
        ((name, info),) = inputs.items()
        return {name: _array(value, info)}
    for name in inputs:
        if name not in value:
            raise invalid(f"Missing named input: {name} in 'inputs' object.")
    return {name: _array(value[name], info) for name, info in inputs.items()}


def _is_base64(value: Any) -> bool:
    return isinstance(value, dict) and len(value) == 1 and isinstance(value.get(_BASE64_KEY), str)


def _is_named(value: Any) -> bool:
    """An object of inputs by name, not one that stands for bytes."""
    return isinstance(value, dict) and not _is_base64(value)


def _array(value: Any, info: meta_graph_pb2.TensorInfo) -> np.ndarray:
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
            f"Conversion of JSON Value: {_shown(value)} to type: {_type_name(dtype)}",
        )
    return array.reshape(shape)


def _collect(value: Any, level: int, shape: Sequence[int], leaves: list[Any]) -> None:
    if not isinstance(value, list):
        if level != len(shape):
            raise invalid(
                f"JSON Value: {_shown(value)} found at incorrect level: {level + 1} in the JSON "
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
        raise invalid(f"JSON Value: {_shown(leaf)} not formatted correctly for base64 data")
    # absl::Base64Unescape passes over white space and takes texts without padding.
    text = "".join(leaf[_BASE64_KEY].split())
    if "=" not in text:
        text += "=" * (-len(text) % 4)
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid("Unable to base64 decode") from error


def _wrong_type(leaf: Any, dtype: tf.DType) -> RequestError:
    kind = str(leaf) if isinstance(leaf, bool) else _JSON_TYPES.get(type(leaf), "Number")
    return invalid(
        f"JSON Value: {_shown(leaf)} Type: {kind} is not of expected type: {_type_name(dtype)}"
    )


def _lossy(leaf: Any, dtype: tf.DType) -> RequestError:
    return invalid(
        f"Cannot convert JSON value: {_shown(leaf)} to {_type_name(dtype)} "
        "without loss of precision."
    )


def _type_name(dtype: tf.DType) -> str:
    """DataTypeString of tensorflow/core/framework/types.cc."""
    return {"float32": "float", "float64": "double", "float16": "half"}.get(dtype.name, dtype.name)


def _shape_text(shape: Sequence[int]) -> str:
    return "[" + ",".join(map(str, shape)) + "]"


def _shown(value: Any) -> str:
    """A JSON value in a message, shortened."""
    text = json.dumps(value)
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "..."


def _object_text(key: str, value: str) -> str:
    return f'{{\n    "{key}": {value}\n}}'


def _together(texts: Mapping[str, str]) -> str:
    """One output without its name, several as an object."""
    if len(texts) == 1:
        return next(iter(texts.values()))
    return "{" + ", ".join(f"{json.dumps(name)}: {text}" for name, text in texts.items()) + "}"


def _array_text(name: str, array: np.ndarray) -> str:
    parts = _scalar_texts(name, array.ravel())
    for axis in range(array.ndim - 1, -1, -1):
        size, rows = array.shape[axis], math.prod(array.shape[:axis])
        parts = ["[" + ", ".join(parts[row * size : (row + 1) * size]) + "]" for row in range(rows)]
    return parts[0]


def _scalar_texts(name: str, flat: np.ndarray) -> list[str]:
    if flat.dtype == object:
        if name.endswith(_BYTES_SUFFIX):
            return [f'{{"{_BASE64_KEY}": "{base64.b64encode(text).decode()}"}}' for text in flat]
        return [json.dumps(text.decode("utf-8", "replace")) for text in flat]
    if flat.dtype.kind == "b":
        return ["true" if value else "false" for value in flat.tolist()]
    if flat.dtype.kind in "iu":
        return list(map(str, flat.tolist()))
    return _decimal_texts(flat)


def _decimal_texts(flat: np.ndarray) -> list[str]:
    """WriteDecimal: six digits where they are enough, else all; never without a point."""
    wide = flat.astype(np.float32 if flat.dtype.itemsize <= 4 else np.float64)
    digits = 9 if wide.dtype == np.float32 else 17
    values = wide.tolist()
    texts = [f"{value:.6g}" for value in values]
    exact = np.array(texts, dtype=np.float64).astype(wide.dtype) == wide
    for index in np.flatnonzero(~exact):
        value = values[index]
        if math.isfinite(value):
            texts[index] = f"{value:.{digits}g}"
    names = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
    return [text if "." in text or "e" in text else names.get(text, f"{text}.0") for text in texts]
