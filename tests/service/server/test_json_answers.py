"""Answers in JSON, as TensorFlow Serving's source writes them."""

import json

import numpy as np
import pytest

from dagan_tf.service.server.json_answers import write_outputs
from dagan_tf.service.server.status import RequestError


def test_answers_in_rows_and_columns():
    one = {"refined": np.array([[1, 2], [3, 255]], np.uint8)}
    assert json.loads(write_outputs(one, rows=True)) == {"predictions": [[1, 2], [3, 255]]}
    assert json.loads(write_outputs(one, rows=False)) == {"outputs": [[1, 2], [3, 255]]}
    two = {"a_bytes": np.array([b"\0\xff", b""], object), "b": np.array([True, False])}
    rows = json.loads(write_outputs(two, rows=True))["predictions"]
    assert rows == [{"a_bytes": {"b64": "AP8="}, "b": True}, {"a_bytes": {"b64": ""}, "b": False}]
    columns = json.loads(write_outputs(two, rows=False))["outputs"]
    assert columns == {"a_bytes": [{"b64": "AP8="}, {"b64": ""}], "b": [True, False]}
    text = {"text": np.array([b"\xc3\xa9"], object)}
    assert json.loads(write_outputs(text, rows=False)) == {"outputs": ["\xe9"]}
    assert json.loads(write_outputs({"x": np.zeros((1, 0, 3))}, rows=False)) == {"outputs": [[]]}


def test_decimals_are_written_as_tensorflow_serving_does():
    values = np.array([0.2, 1, 0.1 + 0.2, 1 / 3, 9e6, 3e-5, np.nan, -np.inf, -0.0], np.float32)
    text = write_outputs({"x": values}, rows=False)
    # Six digits where they are enough, nine where not, and always a point or an exponent.
    assert "[0.2, 1.0, 0.3, 0.333333343, 9e+06, 3e-05, NaN, -Infinity, -0.0]" in text
    back = np.array(json.loads(text)["outputs"], np.float32)
    np.testing.assert_array_equal(back, values)


def test_rows_need_a_first_dimension_in_common():
    for outputs, message in (
        ({"x": np.zeros(())}, "has no shape information"),
        ({"x": np.zeros((0, 2))}, "invalid batch size: 0"),
        ({"x": np.zeros(2), "y": np.zeros(3)}, "y has inconsistent batch size: 3 expecting: 2"),
    ):
        with pytest.raises(RequestError, match=message):
            write_outputs(outputs, rows=True)
