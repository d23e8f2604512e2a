"""Refines images through a PredictionService, TensorFlow Serving's or this package's own."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent import futures
from types import TracebackType
from typing import Any, TypeVar

import grpc
import numpy as np
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

from dagan_tf.export.refiner import check_images
from dagan_tf.service.channel import TENSOR_CONTENT
from dagan_tf.service.client import messages
from dagan_tf.service.client.options import ClientOptions, ServiceError, TlsFiles
from dagan_tf.service.client.retry import Attempts, RetryPolicy

__all__ = ["RefinerClient", "RetryPolicy", "ServiceError", "TlsFiles"]

_Item = TypeVar("_Item")
_Answer = TypeVar("_Answer")


class RefinerClient:
    """`Refiner` over gRPC: the same call, the images as uint8 bytes on the wire.

        with RefinerClient("127.0.0.1:8500") as client:
            images = client.refine(images)

    One client holds one connection; keep it and use it from any number of threads.

    Attributes:
        options: The settings.
        version: Version that is asked for; None for the server's choice.
    """

    def __init__(self, address: str, model_name: str = "dagan", **settings: Any) -> None:
        """Prepares the connection; nothing is sent yet.

        Args:
            address: HOST:PORT of the server.
            model_name: Name the server serves the model under.
            **settings: Other fields of `ClientOptions`.

        Raises:
            ServiceError: A setting is out of range, or a file of `tls` cannot be used.
        """
        self.options = options = ClientOptions(address, model_name, **settings)
        self.version = options.version
        if options.tls is None:
            self._channel = grpc.insecure_channel(address, options.channel_options())
        else:
            self._channel = grpc.secure_channel(
                address, options.tls.credentials(), options.channel_options()
            )
        self._predict = prediction_service_pb2_grpc.PredictionServiceStub(self._channel).Predict
        self._status = model_service_pb2_grpc.ModelServiceStub(self._channel).GetModelStatus
        self._pool = futures.ThreadPoolExecutor(options.concurrency, "refiner-client")
        self._closed = threading.Event()

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
        """Closes the connection; requests under way are given up."""
        self._closed.set()
        self._channel.close()
        self._pool.shutdown(cancel_futures=True)

    @property
    def label(self) -> str:
        """Names the model and version that is asked for."""
        return f"served model {self.options.model_name} version {self.version or 'latest'}"

    def pin_version(self) -> int:
        """Asks for the highest available version from now on, even when a newer one appears.

        Returns:
            That version; the one already asked for when there is one.

        Raises:
            ServiceError: The server cannot be reached or has no such model.
        """
        if self.version is None:
            name = self.options.model_name
            response = self._call(self._status, messages.status_request(name))
            self.version = messages.highest_available(response, name, self.options.address)
        return self.version

    def refine(self, images: np.ndarray) -> np.ndarray:
        """Refines images, in as many requests at once as `concurrency` allows.

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
        parts = list(
            self.in_flight(self.request_images, messages.split_images(images, self.options))
        )
        return np.concatenate(parts) if parts else np.empty_like(images)

    def refine_encoded(self, files: Sequence[bytes]) -> list[bytes]:
        """Refines encoded images of any sizes; the server decodes and encodes.

        Args:
            files: JPEG or PNG.

        Returns:
            PNG of the size the model was trained at, one for each.

        Raises:
            ServiceError: The server cannot be reached, or refuses.
        """
        parts = messages.split_files(files, self.options)
        return [data for part in self.in_flight(self.request_encoded, parts) for data in part]

    def in_flight(
        self, function: Callable[[_Item], _Answer], items: Iterable[_Item]
    ) -> Iterator[_Answer]:
        """Answers in the order of the items, while requests for the next ones are under way.

        Args:
            function: What to do with each; called by `concurrency` threads.
            items: Taken only as fast as the answers are.
        """
        waiting: deque[futures.Future[_Answer]] = deque()
        try:
            for item in items:
                waiting.append(self._pool.submit(function, item))
                # One more than the threads: the next request is ready when one of them is.
                if len(waiting) > self.options.concurrency:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()

    def request_images(self, images: np.ndarray) -> np.ndarray:
        """`refine` of at least one image in the calling thread, one request after the other."""
        answers = []
        for part in messages.split_images(images, self.options):
            request = messages.images_request(part, self.options.model_name, self.version)
            response = self._call(self._predict, request)
            answers.append(messages.read_images(response, part, self.options.address))
        return np.concatenate(answers)

    def request_encoded(self, files: Sequence[bytes]) -> list[bytes]:
        """`refine_encoded` in one request, whatever its size."""
        request = messages.files_request(files, self.options.model_name, self.version)
        return messages.read_files(self._call(self._predict, request), files, self.options.address)

    def _call(self, method: Any, request: Any) -> Any:
        attempts = Attempts(self.options.retry, self.options.timeout_seconds)
        while True:
            try:
                return method(request, timeout=attempts.remaining(), metadata=(TENSOR_CONTENT,))
            except grpc.RpcError as error:
                pause = attempts.pause_after(error)
                if pause is None or self._closed.wait(pause):
                    raise _service_error(error, self.options.address) from error
            except ValueError as error:  # gRPC: the channel was closed meanwhile.
                raise ServiceError(f"{self.options.address}: {error}") from error


def _service_error(error: Any, address: str) -> ServiceError:
    return ServiceError(f"{address}: {error.code().name}: {error.details()}", error.code())
