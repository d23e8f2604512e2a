"""`RefinerClient` for programs that run on asyncio."""

import asyncio
from collections.abc import Awaitable, Sequence
from types import TracebackType
from typing import Any, TypeVar

import grpc
import numpy as np
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

from dagan_tf.export.refiner import check_images
from dagan_tf.service.channel import TENSOR_CONTENT
from dagan_tf.service.client import messages
from dagan_tf.service.client.options import ClientOptions, ServiceError
from dagan_tf.service.client.retry import Attempts

_Answer = TypeVar("_Answer")


class AsyncRefinerClient:
    """`RefinerClient` with awaitable calls.

        async with AsyncRefinerClient("127.0.0.1:8500") as client:
            images = await client.refine(images)

    Make and use it inside one event loop.

    Attributes:
        options: The settings.
        version: Version that is asked for; None for the server's choice.
    """

    def __init__(self, address: str, model_name: str = "dagan", **settings: Any) -> None:
        """As `RefinerClient`."""
        self.options = options = ClientOptions(address, model_name, **settings)
        self.version = options.version
        if options.tls is None:
            self._channel = grpc.aio.insecure_channel(address, options.channel_options())
        else:
            self._channel = grpc.aio.secure_channel(
                address, options.tls.credentials(), options.channel_options()
            )
        self._predict = prediction_service_pb2_grpc.PredictionServiceStub(self._channel).Predict
        self._status = model_service_pb2_grpc.ModelServiceStub(self._channel).GetModelStatus
        self._slots = asyncio.Semaphore(options.concurrency)

    async def __aenter__(self) -> "AsyncRefinerClient":
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connection; requests under way are given up."""
        await self._channel.close()

    async def pin_version(self) -> int:
        """As `RefinerClient.pin_version`."""
        if self.version is None:
            name = self.options.model_name
            response = await self._call(self._status, messages.status_request(name))
            self.version = messages.highest_available(response, name, self.options.address)
        return self.version

    async def refine(self, images: np.ndarray) -> np.ndarray:
        """As `RefinerClient.refine`."""
        images = check_images(images)
        if images.ndim == 3:
            return (await self.refine(images[None]))[0]
        parts = messages.split_images(images, self.options)
        refined = await _together([self._refine_part(part) for part in parts])
        return np.concatenate(refined) if refined else np.empty_like(images)

    async def refine_encoded(self, files: Sequence[bytes]) -> list[bytes]:
        """As `RefinerClient.refine_encoded`."""
        parts = messages.split_files(files, self.options)
        refined = await _together([self._refine_files(part) for part in parts])
        return [data for part in refined for data in part]

    async def _refine_part(self, images: np.ndarray) -> np.ndarray:
        request = messages.images_request(images, self.options.model_name, self.version)
        response = await self._call(self._predict, request)
        return messages.read_images(response, images, self.options.address)

    async def _refine_files(self, files: Sequence[bytes]) -> list[bytes]:
        request = messages.files_request(files, self.options.model_name, self.version)
        response = await self._call(self._predict, request)
        return messages.read_files(response, files, self.options.address)

    async def _call(self, method: Any, request: Any) -> Any:
        # Only what is under way has a deadline, not what waits for its turn.
        async with self._slots:
            attempts = Attempts(self.options.retry, self.options.timeout_seconds)
            while True:
                try:
                    return await method(
                        request, timeout=attempts.remaining(), metadata=(TENSOR_CONTENT,)
                    )
                except grpc.aio.AioRpcError as error:
                    pause = attempts.pause_after(error)
                    if pause is None:
                        raise ServiceError(
                            f"{self.options.address}: {error.code().name}: {error.details()}",
                            error.code(),
                        ) from error
                await asyncio.sleep(pause)


async def _together(parts: Sequence[Awaitable[_Answer]]) -> list[_Answer]:
    """Answers in order; at the first failure the others are given up."""
    tasks = [asyncio.ensure_future(part) for part in parts]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
