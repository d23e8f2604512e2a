"""JSON of TensorFlow Serving's REST interface into PredictRequests.

Forms and texts: tensorflow_serving/util/json_tensor.cc; where this is stricter,
docs/serving-errors.md says so.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import predict_pb2

from dagan_tf.service.server.json_tensors import is_named, shown, to_array
from dagan_tf.service.server.status import RequestError, invalid

Inputs = Mapping[str, meta_graph_pb2.TensorInfo]

# What RapidJSON calls the complaints of Python's parser; others have no counterpart.
_COMPLAINTS = {
    "Expecting value": "Invalid value.",
    "Extra data": "The document root must not be followed by other values.",
    "Expecting property name enclosed in double quotes": "Missing a name for object member.",
    "Expecting ':' delimiter": "Missing a colon after a name of object member.",
    "Expecting ',' delimiter": "Missing a comma or ] after an array element.",
}
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


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
        raise invalid(f"JSON Value: {shown(document)} Is not object")
    return document


def signature_name(document: Mapping[str, Any]) -> str:
    """What a request calls its signature, empty when it does not."""
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise invalid(
            f"JSON Value: {shown(document)} not formatted correctly. "
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
            f"JSON Value: {shown(document)} Not formatted correctly expecting only one of "
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
    what = f"JSON Value: {shown(document)}"
    if "examples" not in document:
        raise invalid(
            f"{what} When method is classify, key 'examples' is expected and was not found"
        )
    if not isinstance(document["examples"], list):
        raise invalid(f"{what} Expecting 'examples' value to be an list/array")
    if not document["examples"]:
        raise invalid(f"{what} 'examples' value is an empty array")


def _from_instances(document: Mapping[str, Any], inputs: Inputs) -> dict[str, np.ndarray]:
    instances = document["instances"]
    if not isinstance(instances, list):
        raise invalid(f"JSON Value: {shown(document)} Excepting 'instances' to be an list/array")
    if not instances:
        raise invalid(f"JSON Value: {shown(document)} No values in 'instances' array")
    named = is_named(instances[0])
    if not named and len(inputs) > 1:
        raise invalid(
            "instances is a plain list, but expecting list of objects as multiple "
            "input tensors required as per tensorinfo_map"
        )
    tensors: dict[str, list[np.ndarray]] = {name: [] for name in inputs}
    for index, item in enumerate(instances):
        if is_named(item) != named:
            found, expected = ("list", "object") if named else ("object", "value/list")
            raise invalid(f"Expecting {expected} but got {found} at item {index} of input list")
        parts = item if named else {next(iter(inputs)): item}
        for name, value in parts.items():
            key = f" key: {name}" if named else ""
            where = f"Failed to process element: {index}{key} of 'instances' list. Error: "
            try:
                if name not in inputs:
                    raise invalid(f"JSON object: does not have named input: {name}")
                array = to_array(value, inputs[name])
                if tensors[name]:
                    _check_alike(tensors[name][0], array)
            except RequestError as error:
                raise invalid(f"{where}{error.code.name}: {error.message}") from error
            tensors[name].append(array)
        if set(parts) != set(inputs):
            raise invalid(
                f"Failed to process element: {index} of 'instances' list. JSON object: "
                f"{shown(item)} must only have keys: {','.join(sorted(inputs))}"
            )
    return {name: np.stack(parts) for name, parts in tensors.items()}


def _check_alike(first: np.ndarray, array: np.ndarray) -> None:
    if first.size != array.size:
        raise invalid(f"Expecting tensor size: {first.size} but got: {array.size}")
    if first.shape != array.shape:
        expected, found = _shape_text(first.shape), _shape_text(array.shape)
        raise invalid(f"Expecting shape {expected} but got: {found}")


def _from_inputs(value: Any, inputs: Inputs) -> dict[str, np.ndarray]:
    if not is_named(value):
        if len(inputs) > 1:
            raise invalid(
                "inputs is a plain value/list, but expecting an object as multiple "
                "input tensors required as per tensorinfo_map"
            )
        ((name, info),) = inputs.items()
        return {name: to_array(value, info)}
    for name in inputs:
        if name not in value:
            raise invalid(f"Missing named input: {name} in 'inputs' object.")
    return {name: to_array(value[name], info) for name, info in inputs.items()}


def _shape_text(shape: Sequence[int]) -> str:
    return "[" + ",".join(map(str, shape)) + "]"
