"""Bodies in chunks: what is one, what is not, and that a declared size takes no memory."""

import io
import tracemalloc

import pytest

from dagan_tf.service.chunked import ChunkedBody


def _all(body: ChunkedBody, most: int = 2**16) -> bytes:
    return b"".join(iter(lambda: body.read(most), b""))


@pytest.mark.parametrize(
    "text",
    [
        b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
        b"B\r\nhello world\r\n0\r\n\r\n",
        b"000b ; name=value\r\nhello world\r\n0;last\r\n\r\n",
        b"b\nhello world\n0\n\n",
        b"b\r\nhello world\r\n0\r\nTrailer: one\r\nOther: two\r\n\r\n",
    ],
)
@pytest.mark.parametrize("most", [1, 4, 2**16])
def test_a_body_is_read_to_its_end_and_no_further(text, most):
    connection = io.BytesIO(text + b"GET / HTTP/1.1\r\n")
    body = ChunkedBody(connection)
    assert not body.closed
    assert _all(body, most) == b"hello world"
    assert body.closed
    assert body.read(most) == b""
    assert connection.read() == b"GET / HTTP/1.1\r\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"-1\r\nx\r\n", "size of a chunk is b'-1'; expected hexadecimal digits"),
        (b"0x5\r\nhello\r\n", "size of a chunk is b'0x5'"),
        (b"1_0\r\n", "size of a chunk"),
        (b"\r\n", "size of a chunk is b''"),
        (b"1" * 17 + b"\r\n", "size of a chunk"),
        (b"1" * 5000, "no end within 4096 bytes"),
        (b"5\r\nhello there\r\n", "longer than it says"),
        (b"0\r\n" + b"a: b\r\n" * 101, "more than 100 lines"),
    ],
)
def test_what_is_not_in_chunks_is_refused(text, message):
    body = ChunkedBody(io.BytesIO(text))
    with pytest.raises(ValueError, match=message):
        _all(body)
    assert not body.closed


@pytest.mark.parametrize("text", [b"", b"5\r\nhel", b"5\r\nhello", b"0\r\n", b"0\r\na: b\r\n"])
def test_a_body_that_breaks_off(text):
    with pytest.raises(ConnectionResetError):
        _all(ChunkedBody(io.BytesIO(text)))


def test_a_size_takes_no_memory():
    body = ChunkedBody(io.BytesIO(b"ffffffffffffffff\r\n" + b"x" * 100))
    tracemalloc.start()
    assert body.read(2**16) == b"x" * 100
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20
