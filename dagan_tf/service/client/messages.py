"""Images into PredictRequests and answers back into images.

Only fields that TensorFlow Serving knows are used. Images travel as uint8, in the request in
`tensor_content`, one byte a pixel and channel.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import get_model_status_pb2, predict_pb2

from dagan_tf.service.channel import MESSAGE_OVERHEAD_BYTES
from dagan_tf.service.client.options import ClientOptions, ServiceError, TooLargeError

# TensorFlow Serving answers in `int_val`, a varint a value: two bytes from 128 on
# (predict_util.cc, PredictResponseTensorSerializationOption::kAsProtoField, is its default).
_ANSWER_BYTES_A_VALUE = 2


def split_images(images: np.ndarray, options: ClientOptions) -> list[np.ndarray]:
    """Cuts a batch so that each part, and the answer to it, fits into a message.

    Args:
        images: uint8 (N, H, W, 3).
        options: Of the client.

    Raises:
        TooLargeError: One image is too large for a message.
    """
    if len(images) == 0:
        return []
    room = _room(options)
    if images[0].nbytes > room:
        raise _too_large(f"one image of {images[0].nbytes} bytes", room)
    fitting = max(room // (_ANSWER_BYTES_A_VALUE * images[0].nbytes), 1)
    size = min(options.batch_size, fitting)
    return [images[start : start + size] for start in range(0, len(images), size)]


def split_files(files: Sequence[bytes], options: ClientOptions) -> list[list[bytes]]:
    """Groups encoded images, in order, so that each group fits into a message.

    Raises:
        TooLargeError: One file is too large for a message.
    """
    room = _room(options)
    parts: list[list[bytes]] = []
    bytes_of_part = 0
    for data in files:
        if len(data) > room:
            raise _too_large(f"one file of {len(data)} bytes", room)
        full = not parts or len(parts[-1]) == options.batch_size
        if full or bytes_of_part + len(data) > room:
            parts.append([])
            bytes_of_part = 0
        parts[-1].append(data)
        bytes_of_part += len(data)
    return parts


def images_request(
    images: np.ndarray, model_name: str, version: int | None
) -> predict_pb2.PredictRequest:
    """Asks signature `serving_default`."""
    request = _request("serving_default", model_name, version)
    request.inputs["images"].CopyFrom(tf.make_tensor_proto(images))
    return request


def files_request(
    files: Sequence[bytes], model_name: str, version: int | None
) -> predict_pb2.PredictRequest:
    """Asks signature `encoded`."""
    request = _request("encoded", model_name, version)
    request.inputs["image_bytes"].CopyFrom(
        tf.make_tensor_proto(list(files), dtype=tf.string, shape=[len(files)])
    )
    return request


def read_images(response: Any, images: np.ndarray, address: str) -> np.ndarray:
    """The answer to `images_request`.

    Raises:
        ServiceError: It is not uint8 of the shape that was sent.
    """
    refined = _output(response, "refined", address)
    if refined.dtype != np.uint8 or refined.shape != images.shape:
        raise ServiceError(
            f"{address}: 'refined' is {refined.dtype} {refined.shape}; "
            f"expected uint8 {images.shape}"
        )
    return refined


def read_files(response: Any, files: Sequence[bytes], address: str) -> list[bytes]:
    """The answer to `files_request`.

    Raises:
        ServiceError: It is not as many strings as were sent.
    """
    refined = _output(response, "refined_bytes", address)
    if refined.dtype != np.object_ or refined.shape != (len(files),):
        raise ServiceError(
            f"{address}: 'refined_bytes' is {refined.dtype} {refined.shape}; "
            f"expected strings ({len(files)},)"
        )
    return list(refined)


def status_request(model_name: str) -> get_model_status_pb2.GetModelStatusRequest:
    """Asks for the versions of a model."""
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = model_name
    return request


def highest_available(response: Any, model_name: str, address: str) -> int:
    """The answer to `status_request`.

    Raises:
        ServiceError: No version is available.
    """
    available = [
        status.version
        for status in response.model_version_status
        if status.state == get_model_status_pb2.ModelVersionStatus.AVAILABLE
    ]
    if not available:
        raise ServiceError(f"{address}: no version of {model_name!r} is available")
    return max(available)


def _request(signature: str, model_name: str, version: int | None) -> predict_pb2.PredictRequest:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model_name
    request.model_spec.signature_name = signature
    if version is not None:
        request.model_spec.version.value = version
    return request


def _output(response: Any, name: str, address: str) -> np.ndarray:
    if name not in response.outputs:
        raise ServiceError(
            f"{address}: the answer holds {sorted(response.outputs)}; expected {name!r}"
        )
    return tf.make_ndarray(response.outputs[name])


def _room(options: ClientOptions) -> int:
    return options.max_message_bytes - MESSAGE_OVERHEAD_BYTES


def _too_large(what: str, room: int) -> TooLargeError:
    return TooLargeError(
        f"{what} is more than a message may hold ({room}); raise max_message_bytes on both sides"
    )
