"""Refines images through a PredictionService, TensorFlow Serving's or this package's own."""

import json
from types import TracebackType
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from dagan_tf.errors import DaganError
from dagan_tf.refiner import check_images
from dagan_tf.service.channel import MAX_MESSAGE_BYTES, MESSAGE_OVERHEAD_BYTES, message_options

# A refinement changes nothing on the server, so it is safe to ask again when it was not reached.
_RETRY_POLICY = {
    "methodConfig": [
        {
            "name": [{"service": "tensorflow.serving.PredictionService"}],
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.2s",
                "maxBackoff": "2s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ]
}


class ServiceError(DaganError):
    """The server could not be reached, refused a request, or answered something unexpected.

    Attributes:
        code: gRPC status code, None when the answer itself was at fault.
    """

    def __init__(self, message: str, code: grpc.StatusCode | None = None) -> None:
        super().__init__(message)
        self.code = code


class RefinerClient:
    """`Refiner` over gRPC: the same call, the images as uint8 bytes on the wire.

        with RefinerClient("127.0.0.1:8500") as client:
            images = client.refine(images)

    One client holds one connection; keep it and use it from any number of threads.
    """

    def __init__(
        self,
        address: str,
        model_name: str = "dagan",
        *,
        version: int | None = None,
        batch_size: int = 8,
        timeout_seconds: float = 60.0,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
    ) -> None:
        """Prepares the connection; nothing is sent yet.

        Args:
            address: HOST:PORT of the server.
            model_name: Name the server serves the model under.
            version: Version to ask for; None for the server's choice.
            batch_size: Most images a request.
            timeout_seconds: Deadline of each request, its repetitions included.
            max_message_bytes: Largest message; requests are made smaller where it demands.
        """
        for name, value in (("batch_size", batch_size), ("timeout_seconds", timeout_seconds)):
            if value <= 0:
                raise ServiceError(f"{name} is {value}; expected a positive number")
        self.address = address
        self.model_name = model_name
        self.version = version
        self._batch_size = batch_size
        self._timeout_seconds = timeout_seconds
        self._max_pixel_bytes = max_message_bytes - MESSAGE_OVERHEAD_BYTES
        options = [
            *message_options(max_message_bytes),
            ("grpc.service_config", json.dumps(_RETRY_POLICY)),
            # What exceeds this buffer is not sent again.
            ("grpc.per_rpc_retry_buffer_size", max_message_bytes),
        ]
        self._channel = grpc.insecure_channel(address, options=options)
        self._predict = prediction_service_pb2_grpc.PredictionServiceStub(self._channel).Predict
        self._status = model_service_pb2_grpc.ModelServiceStub(self._channel).GetModelStatus

    def __enter__(self) -> "RefinerClient":
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection."""
        self._channel.close()

    @property
    def label(self) -> str:
        """Names the model and version that is asked for."""
        return f"served model {self.model_name} version {self.version or 'latest'}"

    def pin_version(self) -> int:
        """Asks for the highest available version from now on, even when a newer one appears.

        Returns:
            That version; the one already asked for when there is one.

        Raises:
            ServiceError: The server cannot be reached or has no such model.
        """
        if self.version is None:
            request = get_model_status_pb2.GetModelStatusRequest()
            request.model_spec.name = self.model_name
            response = self._call(self._status, request)
            available = [
                status.version
                for status in response.model_version_status
                if status.state == get_model_status_pb2.ModelVersionStatus.AVAILABLE
            ]
            if not available:
                raise ServiceError(
                    f"{self.address}: no version of {self.model_name!r} is available"
                )
            self.version = max(available)
        return self.version

    def refine(self, images: np.ndarray) -> np.ndarray:
        """Refines images.

        Args:
            images: uint8 (N, H, W, 3) or (H, W, 3), RGB.

        Returns:
            uint8, same shape.

        Raises:
            RefinerError: Another dtype or shape.
            ServiceError: The server cannot be reached, or refuses.
        """
        images = check_images(images)
        if images.ndim == 3:
            return self.refine(images[None])[0]
        refined = np.empty_like(images)
        size = self._images_a_request(images)
        for start in range(0, len(images), size):
            refined[start : start + size] = self._refine_batch(images[start : start + size])
        return refined

    def _images_a_request(self, images: np.ndarray) -> int:
        if len(images) == 0:
            return 1
        fitting = self._max_pixel_bytes // images[0].nbytes
        if fitting < 1:
            raise ServiceError(
                f"one image of {images[0].nbytes} bytes is more than a message may hold "
                f"({self._max_pixel_bytes}); raise max_message_bytes on both sides"
            )
        return min(self._batch_size, fitting)

    def _refine_batch(self, images: np.ndarray) -> np.ndarray:
        request = predict_pb2.PredictRequest()
        request.model_spec.name = self.model_name
        request.model_spec.signature_name = "serving_default"
        if self.version is not None:
            request.model_spec.version.value = self.version
        request.inputs["images"].CopyFrom(tf.make_tensor_proto(images))
        response = self._call(self._predict, request)
        if "refined" not in response.outputs:
            raise ServiceError(
                f"{self.address}: the answer holds {sorted(response.outputs)}; expected 'refined'"
            )
        refined = tf.make_ndarray(response.outputs["refined"])
        if refined.dtype != np.uint8 or refined.shape != images.shape:
            raise ServiceError(
                f"{self.address}: 'refined' is {refined.dtype} {refined.shape}; "
                f"expected uint8 {images.shape}"
            )
        return refined

    def _call(self, method: grpc.UnaryUnaryMultiCallable, request: Any) -> Any:
        try:
            return method(request, timeout=self._timeout_seconds)
        except grpc.RpcError as error:
            code = error.code()
            raise ServiceError(f"{self.address}: {code.name}: {error.details()}", code) from error
