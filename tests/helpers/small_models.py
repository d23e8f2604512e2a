"""SavedModels made in a fraction of a second, and requests to them."""

import shutil
from pathlib import Path

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from dagan_tf.service.channel import message_options


class Adder(tf.Module):
    """`refined` = `images` + `number`: each version can be told from its answer."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = tf.Variable(number, dtype=tf.uint8)

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3), tf.uint8, "images")])
    def add(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        white = tf.constant(255, tf.uint8)
        tf.debugging.assert_none_equal(images, white, message="white is refused")
        return {"refined": images + self.number}


def save_adder(folder: Path, number: int) -> Path:
    """Writes the SavedModel and shows it under its name only when it is whole."""
    draft = folder.parent / f".{folder.name}"
    module = Adder(number)
    tf.saved_model.save(module, str(draft), signatures={"serving_default": module.add})
    draft.rename(folder)
    return folder


def copy_version(source: Path, target: Path) -> Path:
    """Copies a version, shown only when it is whole."""
    draft = target.parent / f".{target.name}"
    shutil.copytree(source, draft)
    draft.rename(target)
    return target


def request(
    images: np.ndarray | None = None, *, name: str = "dagan", signature: str = "", **inputs: object
) -> predict_pb2.PredictRequest:
    """A PredictRequest for the highest version."""
    message = predict_pb2.PredictRequest()
    message.model_spec.name = name
    message.model_spec.signature_name = signature
    if images is not None:
        inputs["images"] = images
    for key, value in inputs.items():
        message.inputs[key].CopyFrom(tf.make_tensor_proto(value))
    return message


def zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape or (1, 2, 2, 3), np.uint8)


class Caller:
    """Sends requests to one server with the stock stubs."""

    def __init__(self, address: str, credentials: grpc.ChannelCredentials | None = None) -> None:
        options = message_options(64 * 2**20)
        self.channel = (
            grpc.insecure_channel(address, options)
            if credentials is None
            else grpc.secure_channel(address, credentials, options)
        )
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(self.channel)

    def __enter__(self) -> "Caller":
        return self

    def __exit__(self, *_: object) -> None:
        self.channel.close()

    def predict(
        self, message: predict_pb2.PredictRequest, timeout: float | None = 30
    ) -> predict_pb2.PredictResponse:
        return self._stub.Predict(message, timeout=timeout)

    def future(self, message: predict_pb2.PredictRequest, timeout: float = 30) -> grpc.Future:
        return self._stub.Predict.future(message, timeout=timeout)

    def number(self, **spec: object) -> int:
        """What the version that answers adds."""
        message = request(zeros())
        for field, value in spec.items():
            if field == "version":
                message.model_spec.version.value = value
            elif field == "label":
                message.model_spec.version_label = value
            else:
                setattr(message.model_spec, field, value)
        return int(tf.make_ndarray(self.predict(message).outputs["refined"]).max())
