"""A PredictionService that fails as it is told and remembers what it was asked."""

import threading
import time
from collections.abc import Callable
from concurrent import futures

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc


class FaultyServer(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Answers images inverted and files reversed, after the failures it was made for.

    Attributes:
        requests: All that came.
        most_at_once: Largest number of requests under way at once.
        address: HOST:PORT.
    """

    def __init__(
        self,
        failures: list[grpc.StatusCode] | None = None,
        *,
        delay: Callable[[int], float] = lambda number: 0.0,
        as_int_val: bool = False,
        answer: Callable[[np.ndarray], np.ndarray] | None = None,
        output: str = "refined",
    ) -> None:
        self.requests: list[predict_pb2.PredictRequest] = []
        self.times: list[float] = []
        self.most_at_once = self._now = 0
        self._failures = list(failures or [])
        self._delay = delay
        self._as_int_val = as_int_val
        self._answer = answer or (lambda images: 255 - images)
        self._output = output
        self._lock = threading.Lock()
        # No message options: gRPC's default, 4 MiB, holds for what comes in.
        self._server = grpc.server(futures.ThreadPoolExecutor(8))
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(self, self._server)
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"

    def __enter__(self) -> "FaultyServer":
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(None).wait()

    def Predict(self, request, context):
        with self._lock:
            number = len(self.requests)
            self.requests.append(request)
            self.times.append(time.monotonic())
            failure = self._failures.pop(0) if self._failures else None
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        try:
            time.sleep(self._delay(number))
        finally:
            with self._lock:
                self._now -= 1
        if failure is not None:
            context.abort(failure, "as told")
        response = predict_pb2.PredictResponse()
        if "image_bytes" in request.inputs:
            files = tf.make_ndarray(request.inputs["image_bytes"])
            reversed_files = [data[::-1] for data in files]
            response.outputs["refined_bytes"].CopyFrom(tf.make_tensor_proto(reversed_files))
            return response
        images = self._answer(tf.make_ndarray(request.inputs["images"]))
        proto = tf.make_tensor_proto(images)
        if self._as_int_val:  # How TensorFlow Serving answers by default.
            proto.ClearField("tensor_content")
            proto.int_val.extend(images.ravel().tolist())
        response.outputs[self._output].CopyFrom(proto)
        return response
