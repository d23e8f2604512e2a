"""The server over loopback, called with TensorFlow Serving's own stubs and with our client."""

import threading
from concurrent import futures
from pathlib import Path

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from dagan_tf.export.refiner import Refiner, RefinerError
from dagan_tf.export.versions import ModelNotFoundError, resolve_version
from dagan_tf.service.channel import message_options
from dagan_tf.service.client.client import RefinerClient, RetryPolicy, ServiceError
from dagan_tf.service.server.served_model import ServedModel
from dagan_tf.service.server.server import ServerError, start_server
from tests.helpers.tiny_export import IMAGE_SIZE, export_tiny


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    base = tmp_path_factory.mktemp("base")
    export_tiny(base)
    (base / "1").rename(base / "7")
    return base


@pytest.fixture(scope="module")
def server(base):
    running = start_server(base, port=0, max_message_bytes=64 * 2**20)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def channel(server):
    with grpc.insecure_channel(server.address, options=message_options(64 * 2**20)) as channel:
        yield channel


@pytest.fixture(scope="module")
def predict(channel):
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    return lambda request: stub.Predict(request, timeout=60)


def _images(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)


def _request(signature="", name="dagan", version=None, **inputs) -> predict_pb2.PredictRequest:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = name
    request.model_spec.signature_name = signature
    if version is not None:
        request.model_spec.version.value = version
    for key, value in inputs.items():
        request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
    return request


def _answers(base, images: np.ndarray) -> np.ndarray:
    """The exported model's own, at the images' size: a `Refiner` refines at the training's size."""
    model = tf.saved_model.load(str(resolve_version(base)))
    refined = model.signatures["serving_default"](images=tf.constant(images))["refined"]
    return refined.numpy()


def test_all_signatures_with_stock_stubs(base, predict):
    images = _images(2, IMAGE_SIZE, IMAGE_SIZE, 3)
    expected = Refiner.load(base)(images)

    response = predict(_request(images=images))
    assert response.model_spec.name == "dagan"
    assert response.model_spec.version.value == 7
    assert response.model_spec.signature_name == "serving_default"
    assert len(response.outputs["refined"].int_val) == expected.size  # As TF Serving's default.
    np.testing.assert_array_equal(tf.make_ndarray(response.outputs["refined"]), expected)

    floats = (images / 127.5 - 1.0).astype(np.float32)
    response = predict(_request("float", images=floats))
    refined = tf.make_ndarray(response.outputs["refined"])
    assert np.abs((refined + 1) * 127.5 - expected).max() < 0.51

    encoded = [tf.io.encode_png(image).numpy() for image in images]
    response = predict(_request("encoded", version=7, image_bytes=np.array(encoded, object)))
    decoded = [
        tf.io.decode_png(data).numpy()
        for data in tf.make_ndarray(response.outputs["refined_bytes"])
    ]
    np.testing.assert_array_equal(decoded, expected)


GOOD = _images(1, 4, 4, 3)


def test_metadata_shows_the_signatures(channel):
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    request = get_model_metadata_pb2.GetModelMetadataRequest()
    request.model_spec.name = "dagan"
    with pytest.raises(grpc.RpcError, match="at least one metadata_field"):
        stub.GetModelMetadata(request, timeout=10)
    request.metadata_field.append("signature_def")
    response = stub.GetModelMetadata(request, timeout=10)
    assert response.model_spec.version.value == 7
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    assert {"serving_default", "float", "encoded"} <= set(signatures.signature_def)
    info = signatures.signature_def["serving_default"].inputs["images"]
    assert info.dtype == tf.uint8.as_datatype_enum
    request.metadata_field.append("other")
    with pytest.raises(grpc.RpcError, match="other is not supported"):
        stub.GetModelMetadata(request, timeout=10)


def test_status(channel):
    stub = model_service_pb2_grpc.ModelServiceStub(channel)
    request = get_model_status_pb2.GetModelStatusRequest()
    with pytest.raises(grpc.RpcError, match="Missing ModelSpec"):
        stub.GetModelStatus(request, timeout=10)
    request.model_spec.name = "dagan"
    (status,) = stub.GetModelStatus(request, timeout=10).model_version_status
    assert (status.version, status.state, status.status.error_code) == (7, 30, 0)
    request.model_spec.version.value = 6
    with pytest.raises(grpc.RpcError, match="version 6 of model dagan") as caught:
        stub.GetModelStatus(request, timeout=10)
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND


def test_client_gives_what_the_refiner_gives(base, server):
    images = _images(5, 20, 30, 3)
    with RefinerClient(server.address, batch_size=2) as client:
        np.testing.assert_array_equal(client.refine(images), _answers(base, images))
        assert client.refine(images[0]).shape == (20, 30, 3)
        assert client.refine(images[:0]).shape == (0, 20, 30, 3)
        with pytest.raises(RefinerError, match="float64"):
            client.refine(images / 255)
        assert client.pin_version() == 7
        assert client.label == "served model dagan version 7"


def test_more_than_4_mib_in_one_message(base, server):
    images = _images(8, 480, 480, 3)
    assert images.nbytes > 4 * 2**20
    with RefinerClient(server.address) as client:
        np.testing.assert_array_equal(client.refine(images), _answers(base, images))


def test_batches_are_split_under_the_message_limit(base, server):
    images = _images(6, 200, 200, 3)
    limit = 3 * 200 * 200 * 3  # Two images and what frames them.
    with RefinerClient(server.address, max_message_bytes=limit) as client:
        np.testing.assert_array_equal(client.refine(images), _answers(base, images))
        with pytest.raises(ServiceError, match="more than a message may hold"):
            client.refine(_images(1, 400, 400, 3))


def test_client_errors_are_one_line(server):
    with (
        RefinerClient(server.address, "other") as client,
        pytest.raises(ServiceError, match="NOT_FOUND") as caught,
    ):
        client.refine(GOOD)
    assert caught.value.code == grpc.StatusCode.NOT_FOUND
    with (
        RefinerClient("127.0.0.1:1", timeout_seconds=0.3) as client,
        pytest.raises(ServiceError, match=r"127\.0\.0\.1:1: (UNAVAILABLE|DEADLINE_EXCEEDED)"),
    ):
        client.refine(GOOD)


def test_client_asks_again_when_the_server_was_not_ready(base):
    asked = []

    class Flaky(prediction_service_pb2_grpc.PredictionServiceServicer):
        def Predict(self, request, context):
            asked.append(1)
            if len(asked) < 3:
                context.abort(grpc.StatusCode.UNAVAILABLE, "loading")
            response = predict_pb2.PredictResponse()
            response.outputs["refined"].CopyFrom(request.inputs["images"])
            return response

    server = grpc.server(futures.ThreadPoolExecutor(1))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Flaky(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    images = _images(4, 300, 300, 3)  # More than gRPC keeps for a repetition by default.
    with RefinerClient(f"127.0.0.1:{port}") as client:
        np.testing.assert_array_equal(client.refine(images), images)
    assert len(asked) == 3
    server.stop(None).wait()


def test_server_that_cannot_start(base, server, tmp_path):
    with pytest.raises(ServerError, match="is the port taken"):
        start_server(base, port=server.port)
    with pytest.raises(ModelNotFoundError, match=r"serving\.export"):
        start_server(tmp_path, port=0)
    (tmp_path / "1").mkdir()
    (tmp_path / "1/saved_model.pb").write_bytes(b"no protobuf")
    with pytest.raises(ServerError, match="not a readable SavedModel"):
        start_server(tmp_path, port=0)


def test_stop_lets_requests_under_way_end(base, monkeypatch):
    under_way, work = threading.Event(), ServedModel.run

    def run(*arguments):
        under_way.set()
        return work(*arguments)

    running = start_server(base, port=0)
    images = _images(8, 640, 640, 3)
    once = RetryPolicy(attempts=1)
    with (
        RefinerClient(running.address, retry=once) as client,
        futures.ThreadPoolExecutor(1) as pool,
    ):
        client.refine(images)  # Connected and traced.
        monkeypatch.setattr(ServedModel, "run", run)
        answer = pool.submit(client.refine, images)
        assert under_way.wait(60)  # It has been sent, and is not answered.
        assert not answer.done()
        running.stop(grace_seconds=30)
        assert answer.result().shape == images.shape
        with pytest.raises(ServiceError):
            client.refine(GOOD)
