"""Sizes that images declare, and what a server does with more work than it takes."""

import threading
import time

import cv2
import grpc
import numpy as np
import pytest
from PIL import Image
from tensorflow_serving.apis import predict_pb2

from dagan_tf.service.server.image_header import declared_size
from dagan_tf.service.server.served_model import ServedModel
from dagan_tf.service.server.server import start_server
from tests.helpers.small_models import Caller, request, save_adder, zeros


@pytest.mark.parametrize("extension", ["jpg", "png", "bmp", "gif"])
def test_declared_size_of_real_files(tmp_path, extension):
    path = tmp_path / f"image.{extension}"
    Image.fromarray(np.zeros((31, 57, 3), np.uint8)).save(path)
    assert declared_size(path.read_bytes()) == (57, 31)


@pytest.mark.parametrize("marker", [b"\xe1", b"\xc4"], ids=["exif", "huffman tables"])
def test_declared_size_of_a_progressive_jpeg_with_metadata(marker):
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])
    # Its contents look like a frame, and are none.
    segment = b"\xff" + marker + b"\x00\x0a\xff\xc0\x00\x00\x00\x00\x00\x00"
    assert declared_size(data.tobytes()[:2] + segment + data.tobytes()[2:]) == (30, 20)


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0", b"GIF89a", b"BM", b"RIFF"]
)
def test_damaged_headers_declare_nothing(data):
    assert declared_size(data) is None


@pytest.fixture
def slow_server(tmp_path, monkeypatch):
    """One thread, room for two requests, and a model that waits to be let go."""
    save_adder(tmp_path / "1", 7)
    go, entered = threading.Event(), threading.Event()
    run = ServedModel.run

    def slow(self, *arguments):
        entered.set()
        assert go.wait(20)
        return run(self, *arguments)

    monkeypatch.setattr(ServedModel, "run", slow)
    running = start_server(tmp_path, port=0, grpc_max_threads=1, max_concurrent_requests=2)
    yield running, go, entered
    go.set()
    running.stop()


def test_more_requests_than_there_is_room_for_are_refused(slow_server):
    running, go, entered = slow_server
    with Caller(running.address) as caller:
        taken = [caller.future(request(zeros())) for _ in range(2)]
        assert entered.wait(10)
        time.sleep(0.2)  # The second one has arrived, too.
        with pytest.raises(grpc.RpcError) as caught:
            caller.predict(request(zeros()))
        assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        go.set()
        assert all(isinstance(future.result(), predict_pb2.PredictResponse) for future in taken)


def test_request_given_up_while_it_waited_is_not_run(slow_server, monkeypatch):
    running, go, entered = slow_server
    parsed = []
    parse = ServedModel.parse
    monkeypatch.setattr(
        ServedModel, "parse", lambda self, r: parsed.append(r.output_filter[:]) or parse(self, r)
    )
    with Caller(running.address) as caller:
        first = caller.future(request(zeros()))
        assert entered.wait(10)
        late = request(zeros())
        late.output_filter.append("refined")
        with pytest.raises(grpc.RpcError) as caught:
            caller.predict(late, timeout=0.2)
        assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
        go.set()
        first.result()
        caller.predict(request(zeros()))
    assert ["refined"] not in parsed
