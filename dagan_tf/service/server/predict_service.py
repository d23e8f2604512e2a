"""TensorFlow Serving's PredictionService over models loaded in this process.

Messages and status codes are those of tensorflow_model_server, so that a client cannot tell the
difference: predict_util.cc, get_model_metadata_impl.cc.
"""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, Protocol

import grpc
import numpy as np
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    inference_pb2,
    model_pb2,
    predict_pb2,
    regression_pb2,
)

from dagan_tf.service.channel import TENSOR_CONTENT
from dagan_tf.service.server.batching import Batcher
from dagan_tf.service.server.endpoint import Endpoint
from dagan_tf.service.server.metrics import ServerMetrics
from dagan_tf.service.server.registry import ModelRegistry
from dagan_tf.service.server.served_model import DEFAULT_SIGNATURE, Call, ServedModel
from dagan_tf.service.server.status import RequestError, invalid

SERVICE = "tensorflow.serving.PredictionService"
_SIGNATURE_DEF = "signature_def"


class RequestContext(Protocol):
    """What of gRPC's context, or REST's, a run needs."""

    def time_remaining(self) -> float | None:
        """Seconds until nobody waits for the answer any more; None for never."""

    def add_callback(self, callback: Callable[[], None]) -> bool:
        """Asks to be told when the client has gone; False when it has."""


class PredictionService:
    """Predict and GetModelMetadata; the methods for tf.Example refuse signatures that take none."""

    def __init__(
        self,
        registry: ModelRegistry,
        metrics: ServerMetrics,
        batcher: Batcher | None = None,
        *,
        tensor_content: bool = False,
    ) -> None:
        """Keeps the models.

        Args:
            registry: The models.
            metrics: Where the time of each run is recorded.
            batcher: Puts requests together; None runs each by itself.
            tensor_content: Write answers' numbers as bytes also for clients that do not ask for it.
        """
        self._registry = registry
        self._metrics = metrics
        self._batcher = batcher
        self._tensor_content = tensor_content

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
                "Classify": (classification_pb2.ClassificationRequest, self.classify),
                "Regress": (regression_pb2.RegressionRequest, self.regress),
                "MultiInference": (inference_pb2.MultiInferenceRequest, _not_here),
            },
        )

    def predict(
        self, request: predict_pb2.PredictRequest, context: grpc.ServicerContext
    ) -> predict_pb2.PredictResponse:
        """Runs a signature of a model."""
        model, call, outputs = self._predict(request, context)
        asked = TENSOR_CONTENT in (context.invocation_metadata() or ())
        return model.answer(call, outputs, content=asked or self._tensor_content)

    def predict_arrays(
        self, request: predict_pb2.PredictRequest, context: RequestContext
    ) -> tuple[model_pb2.ModelSpec, dict[str, np.ndarray]]:
        """As `predict`: which version and signature has answered, and the outputs asked for."""
        model, call, outputs = self._predict(request, context)
        spec = model_pb2.ModelSpec(name=model.name, signature_name=call.signature)
        spec.version.value = model.version
        return spec, {name: outputs[name] for name in call.outputs}

    def inputs_of(self, spec: model_pb2.ModelSpec) -> dict[str, meta_graph_pb2.TensorInfo]:
        """The inputs of the signature a ModelSpec names.

        Raises:
            RequestError: No such model or signature; the latter is INVALID_ARGUMENT here, as in
                http_rest_api_handler.cc `GetInfoMap`.
        """
        name = spec.signature_name or DEFAULT_SIGNATURE
        with self._registry.use(spec) as model:
            definition = model.signature_defs.get(name)
        if definition is None:
            raise invalid(f'Serving signature name: "{name}" not found in signature def')
        return dict(definition.inputs)

    def classify(self, request: Any, _: Any) -> Any:
        """Refuses, as classifier.cc does a signature that is not of classification."""
        self._refuse_examples(request, "classification", "tensorflow/serving/classify")

    def regress(self, request: Any, _: Any) -> Any:
        """Refuses, as regressor.cc does a signature that is not of regression."""
        self._refuse_examples(request, "regression", "tensorflow/serving/regress")

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

    def _refuse_examples(self, request: Any, kind: str, method: str) -> NoReturn:
        spec = model_spec(request)
        name = spec.signature_name or DEFAULT_SIGNATURE
        with self._registry.use(spec) as model:
            definition = model.signature_defs.get(name)
        if definition is None:
            raise invalid(f"No signature was found with the name: {name}")
        if definition.method_name != method:
            raise invalid(
                f"Expected {kind} signature method_name to be {method}. "
                f"Was: {definition.method_name}"
            )
        _not_here()

    def _predict(
        self, request: predict_pb2.PredictRequest, context: RequestContext
    ) -> tuple[ServedModel, Call, dict[str, np.ndarray]]:
        with self._registry.use(model_spec(request)) as model:
            call = model.parse(request)
            return model, call, self._run(model, call, context)

    def _run(
        self, model: ServedModel, call: Call, context: RequestContext
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
        if left is None or left >= threading.TIMEOUT_MAX:
            deadline = None
        else:
            deadline = time.monotonic() + left
        ticket = self._batcher.submit(
            (model.name, model.version, call.signature),
            call.inputs,
            run,
            deadline=deadline,
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


def _not_here(*_: object) -> NoReturn:
    raise RequestError(
        grpc.StatusCode.UNIMPLEMENTED,
        "this server answers Predict and GetModelMetadata; for tf.Example use TensorFlow Serving",
    )
