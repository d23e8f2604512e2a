"""Requests in JSON, form by form; the texts are those of TensorFlow Serving's source."""

import json

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import predict_pb2

from dagan_tf.service.server.json_requests import fill_inputs, parse_object
from dagan_tf.service.server.status import RequestError


def _inputs(**dtypes: tf.DType) -> dict[str, meta_graph_pb2.TensorInfo]:
    return {
        name: meta_graph_pb2.TensorInfo(dtype=dtype.as_datatype_enum)
        for name, dtype in dtypes.items()
    }


def _fill(document: dict, **dtypes: tf.DType) -> dict[str, np.ndarray]:
    request = predict_pb2.PredictRequest()
    parsed = parse_object(json.dumps(document).encode())
    fill_inputs(parsed, _inputs(**dtypes), request)
    return {name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()}


def _deep(levels: int) -> list:
    value: list = []
    for _ in range(levels - 1):
        value = [value]
    return value


# The two examples of TensorFlow Serving's own page of the REST interface, g3doc/api_rest.md.
_ROWS = [
    {"tag": "foo", "signal": [1, 2, 3, 4, 5], "sensor": [[1, 2], [3, 4]]},
    {"tag": "bar", "signal": [3, 4, 1, 2, 5], "sensor": [[4, 5], [6, 8]]},
]
_COLUMNS = {
    "tag": ["foo", "bar"],
    "signal": [[1, 2, 3, 4, 5], [3, 4, 1, 2, 5]],
    "sensor": [[[1, 2], [3, 4]], [[4, 5], [6, 8]]],
}


@pytest.mark.parametrize("document", [{"instances": _ROWS}, {"inputs": _COLUMNS}])
def test_rows_and_columns_are_the_same_tensors(document):
    found = _fill(document, tag=tf.string, signal=tf.int64, sensor=tf.float32)
    assert found["tag"].tolist() == [b"foo", b"bar"]
    np.testing.assert_array_equal(found["signal"], _COLUMNS["signal"])
    assert found["signal"].dtype == np.int64
    np.testing.assert_array_equal(found["sensor"], _COLUMNS["sensor"])
    assert found["sensor"].dtype == np.float32


def test_one_input_needs_no_name():
    for document in ({"instances": [[1, 2]]}, {"inputs": [[1, 2]]}, {"inputs": {"x": [[1, 2]]}}):
        assert _fill(document, x=tf.uint8)["x"].tolist() == [[1, 2]]
    assert _fill({"inputs": 7}, x=tf.uint8)["x"].shape == ()
    bytes_of = {"b64": "AP8="}
    assert _fill({"instances": [bytes_of, bytes_of]}, x=tf.string)["x"].tolist() == [b"\0\xff"] * 2
    assert _fill({"inputs": bytes_of}, x=tf.string)["x"].item() == b"\0\xff"


def test_surrogates_in_pairs_and_a_byte_order_mark_pass():
    body = b'\xef\xbb\xbf{"inputs": ["\\ud83d\\ude00", "\\\\ud800"]}'
    request = predict_pb2.PredictRequest()
    fill_inputs(parse_object(body), _inputs(x=tf.string), request)
    assert list(request.inputs["x"].string_val) == ["\U0001f600".encode(), b"\\ud800"]


@pytest.mark.parametrize("text", ["AP8=", "AP8", " A\nP8= ", "AP 8"])
def test_base64_may_have_gaps_and_lack_padding(text):
    assert _fill({"inputs": {"b64": text}}, x=tf.string)["x"].item() == b"\0\xff"


def test_integers_beyond_64_bits_are_floats():
    # RapidJSON makes doubles of them; below, an integer must fit without loss.
    assert _fill({"inputs": [10**30, -(10**30)]}, x=tf.float32)["x"].tolist() == [
        np.float32(1e30),
        -np.float32(1e30),
    ]
    with pytest.raises(RequestError, match=r"JSON value: 1000.* to float without loss"):
        _fill({"inputs": [10**40]}, x=tf.float32)


def test_numbers_that_are_none_pass_as_floats():
    document = parse_object(b'{"inputs": [NaN, -Infinity, 1e-3, 2]}')
    request = predict_pb2.PredictRequest()
    fill_inputs(document, _inputs(x=tf.float32), request)
    found = tf.make_ndarray(request.inputs["x"])
    np.testing.assert_array_equal(found, np.array([np.nan, -np.inf, 1e-3, 2], np.float32))


@pytest.mark.parametrize(
    ("document", "dtype", "message"),
    [
        ({}, tf.uint8, "Missing 'inputs' or 'instances' key"),
        ({"inputs": 1, "instances": [1]}, tf.uint8, "expecting only one of 'inputs' or"),
        ({"instances": 1}, tf.uint8, "Excepting 'instances' to be an list/array"),
        ({"instances": []}, tf.uint8, "No values in 'instances' array"),
        (
            {"inputs": [1.5]},
            tf.uint8,
            "JSON Value: 1.5 Type: Number is not of expected type: uin",
        ),
        ({"inputs": [256]}, tf.uint8, "JSON Value: 256 Type: Number is not of expected type"),
        ({"inputs": [True]}, tf.uint8, "JSON Value: true Type: True is not of expected type"),
        (
            {"inputs": [None]},
            tf.float32,
            "JSON Value: null Type: Null is not of expected type: fl",
        ),
        ({"inputs": [1]}, tf.string, "JSON Value: 1 Type: Number is not of expected type: string"),
        ({"inputs": [1e39]}, tf.float32, "JSON value: 1e+39 to float without loss of precision."),
        ({"inputs": [2**24]}, tf.float32, "JSON value: 16777216 to float without loss of preci"),
        ({"inputs": [{"b64": "*"}]}, tf.string, "Unable to base64 decode"),
        ({"inputs": [{"b64": 1}]}, tf.string, 'JSON Value: {"b64": 1} not formatted correctly for'),
        ({"inputs": [[1, 2], [3]]}, tf.uint8, "at unexpected size: 1 at level: 1 expected size: 2"),
        ({"inputs": [[1], 2]}, tf.uint8, "2 found at incorrect level: 2 in the JSON DOM. Expected"),
        ({"inputs": [1, [2]]}, tf.uint8, "Encountered list at unexpected level: 1 expected < 1"),
        ({"inputs": _deep(33)}, tf.uint8, "lists are 33 deep; expected at most 32"),
        ({"inputs": _deep(900)}, tf.uint8, "lists are 900 deep; expected at most 32"),
        ({"inputs": {"y": 1}}, tf.uint8, "Missing named input: x in 'inputs' object."),
        ({"instances": [{"y": 1}]}, tf.uint8, "does not have named input: y"),
        ({"instances": [{}]}, tf.uint8, "{} must only have keys: x"),
        ({"instances": [[1], {"x": 1}]}, tf.uint8, "Expecting value/list but got object at item 1"),
        ({"instances": [{"x": 1}, [1]]}, tf.uint8, "Expecting object but got list at item 1"),
        ({"instances": [[1], [1, 2]]}, tf.uint8, "Expecting tensor size: 1 but got: 2"),
        ({"instances": [[1, 2], [[1, 2]]]}, tf.uint8, "Expecting shape [2] but got: [1,2]"),
        ({"inputs": [{"b64": "A"}]}, tf.string, "Unable to base64 decode"),
        ({"inputs": [{"b64": "AP8=="}]}, tf.string, "Unable to base64 decode"),
        ({"inputs": [2**64 - 1]}, tf.float64, "to double without loss of precision."),
        ({"inputs": [10**400]}, tf.float64, "Number too big to be stored in double."),
    ],
)
def test_what_does_not_fit_is_refused(document, dtype, message):
    with pytest.raises(RequestError) as caught:
        _fill(document, x=dtype)
    assert message in caught.value.message
    assert caught.value.code.name == "INVALID_ARGUMENT"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "JSON Parse error: The document is empty"),
        (b"instances = [1, 2]", "JSON Parse error: Invalid value. at offset: 0"),
        (b"{} {}", "must not be followed by other values. at offset: 3"),
        (b"[1]", "JSON Value: [1] Is not object"),
        (b'{"a": "\xff"}', "Invalid encoding in string. at offset: 7"),
        (b'{"a": "\xed\xa0\x80"}', "Invalid encoding in string. at offset: 7"),
        ('{"a": 1}'.encode("utf-16"), "Invalid encoding in string. at offset: 0"),
        (b'{"a": "\\ud800"}', "The surrogate pair in string is invalid."),
        (b'{"\\uDFFF\\uD800": 1}', "The surrogate pair in string is invalid."),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a": ' + b"9" * 5000 + b"}", "Number too big"),
    ],
)
def test_what_is_no_json_object_is_refused(body, message):
    with pytest.raises(RequestError) as caught:
        parse_object(body)
    assert message in caught.value.message
