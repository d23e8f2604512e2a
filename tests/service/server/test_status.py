"""A refusal's message: one line, no longer than TensorFlow Serving's."""

import grpc
import pytest

from dagan_tf.service.server.status import CODES, RequestError, failed_precondition, invalid


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("x" * 1024, "x" * 1024),
        ("x" * 1025, "x" * 1024 + "...TRUNCATED"),
        # Bytes are counted, and a letter is not cut in two.
        ("\xe9" * 512, "\xe9" * 512),
        ("x" + "\xe9" * 512, "x" + "\xe9" * 511 + "...TRUNCATED"),
        ("two\nlines,\r\n  one", "two lines, one"),
    ],
)
def test_messages_are_one_line_of_at_most_1024_bytes(message, expected):
    assert invalid(message).message == expected
    assert str(invalid(message)) == expected


def test_codes_are_tensorflow_s_numbers():
    assert RequestError(CODES[5], "").code is grpc.StatusCode.NOT_FOUND
    assert failed_precondition("").code.value[0] == 9
