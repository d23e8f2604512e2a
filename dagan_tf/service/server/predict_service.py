"""TensorFlow Serving's PredictionService over models loaded in this process.

Messages and status codes are those of tensorflow_model_server, so that a client cannot tell the
difference: predict_util.cc, get_model_metadata_impl.cc.
"""

import threading
import time
from collections.abc import Mapping
from typing import Any

import grpc
import numpy as np
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    inference_pb2,
    model_pb2,
    predict_pb2,
    regression_pb2,
)

from dagan_tf.service.server.batching import Batcher
from dagan_tf.service.server.endpoint import Endpoint
from dagan_tf.service.server.metrics import ServerMetrics
from dagan_tf.service.server.registry import ModelRegistry
from dagan_tf.service.server.served_model import Call, ServedModel
from dagan_tf.service.server.status import RequestError, invalid

SERVICE = "tensorflow.serving.PredictionService"
_SIGNATURE_DEF = "signature_def"


class PredictionService:
    """Predict and GetModelMetadata; the methods for tf.Example answer UNIMPLEMENTED."""

    def __init__(
        self, registry: ModelRegistry, metrics: ServerMetrics, batcher: Batcher | None = None
    ) -> None:
        """Keeps the models.

        Args:
            registry: The models.
            metrics: Where the time of each run is recorded.
            batcher: Puts requests together; None runs each by itself.
        """
        self._registry = registry
        self._metrics = metrics
        self._batcher = batcher

    def handler(self, endpoint: Endpoint) -> grpc.GenericRpcHandler:
        """The service for `grpc.Server.add_generic_rpc_handlers`."""
        return endpoint.service(
            SERVICE,
            {
                "Predict": (predict_pb2.PredictRequest, self.predict),
                "GetModelMetadata": (
                    get_model_metadata_pb2.GetModelMetadataRequest,
                    self.get_model_metadata,
                ),
                "Classify": (classification_pb2.ClassificationRequest, _not_here),
                "Regress": (regression_pb2.RegressionRequest, _not_here),
                "MultiInference": (inference_pb2.MultiInferenceRequest, _not_here),
            },
        )

    def predict(
        self, request: predict_pb2.PredictRequest, context: grpc.ServicerContext
    ) -> predict_pb2.PredictResponse:
        """Runs a signature of a model."""
        with self._registry.use(model_spec(request)) as model:
            call = model.parse(request)
            return model.answer(call, self._run(model, call, context))

    def get_model_metadata(
        self, request: get_model_metadata_pb2.GetModelMetadataRequest, _: grpc.ServicerContext
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        """Returns the signatures of a model."""
        spec = model_spec(request)
        if not request.metadata_field:
            raise invalid("GetModelMetadataRequest must specify at least one metadata_field")
        for name in request.metadata_field:
            if name != _SIGNATURE_DEF:
                raise invalid(f"Metadata field {name} is not supported")
        signatures = get_model_metadata_pb2.SignatureDefMap()
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        with self._registry.use(spec) as model:
            for name, signature_def in model.signature_defs.items():
                signatures.signature_def[name].CopyFrom(signature_def)
            response.model_spec.name = model.name
            response.model_spec.version.value = model.version
        response.metadata[_SIGNATURE_DEF].Pack(signatures)
        return response

    def _run(
        self, model: ServedModel, call: Call, context: grpc.ServicerContext
    ) -> dict[str, np.ndarray]:
        def run(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
            started = time.perf_counter()
            outputs = model.run(call.signature, inputs)
            self._metrics.ran(model.name, time.perf_counter() - started)
            return outputs

        if self._batcher is None:
            return run(call.inputs)
        left = context.time_remaining()
        # Without a deadline gRPC says 292 years, more than a thread can wait.
        has_deadline = left is not None and left < threading.TIMEOUT_MAX
        ticket = self._batcher.submit(
            (model.name, model.version, call.signature),
            call.inputs,
            run,
            deadline=time.monotonic() + left if has_deadline else None,
            here=True,
        )
        if not context.add_callback(ticket.cancel):
            ticket.cancel()  # It ended before we could ask to be told.
        return ticket.result()


def model_spec(request: Any) -> model_pb2.ModelSpec:
    """The ModelSpec of a request.

    Raises:
        RequestError: It has none.
    """
    if not request.HasField("model_spec"):
        raise invalid("Missing ModelSpec")
    return request.model_spec


def _not_here(*_: object) -> Any:
    raise RequestError(
        grpc.StatusCode.UNIMPLEMENTED,
        "this server answers Predict and GetModelMetadata; for tf.Example use TensorFlow Serving",
    )
