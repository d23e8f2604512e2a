"""TensorFlow Serving's PredictionService and ModelService over models loaded in this process.

Names, messages and status codes are those of tensorflow_model_server, so that a client cannot
tell the difference: predict_util.cc, get_model_metadata_impl.cc, get_model_status_impl.cc.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import grpc
from absl import logging
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from dagan_tf.service.served_model import RequestError, ServedModel, invalid

_Request = TypeVar("_Request")
_Response = TypeVar("_Response")
_SIGNATURE_DEF = "signature_def"


class ModelRegistry:
    """The models a server answers for, by name and version."""

    def __init__(self) -> None:
        self._models: dict[str, dict[int, ServedModel]] = {}

    def add(self, model: ServedModel) -> None:
        """Makes a model available."""
        # A new dictionary in one assignment: requests in other threads see the old or the new.
        versions = {**self._models.get(model.name, {}), model.version: model}
        self._models = {**self._models, model.name: versions}

    def find(self, spec: model_pb2.ModelSpec) -> ServedModel:
        """The model a request asks for; its highest version when the request names none.

        Raises:
            RequestError: No such model, version or label.
        """
        if not spec.name:
            raise invalid("ModelSpec has no name specified.")
        if spec.WhichOneof("version_choice") == "version_label":
            raise invalid(f"Unrecognized servable version label: {spec.version_label}")
        versions = self._models.get(spec.name, {})
        if spec.HasField("version"):
            wanted, request = spec.version.value, f"Specific({spec.name}, {spec.version.value})"
        else:
            wanted, request = max(versions, default=0), f"Latest({spec.name})"
        if wanted not in versions:
            raise RequestError(
                grpc.StatusCode.NOT_FOUND, f"Servable not found for request: {request}"
            )
        return versions[wanted]

    def versions(self, spec: model_pb2.ModelSpec) -> list[int]:
        """Available versions a status request asks for, highest first.

        Raises:
            RequestError: No such model or version.
        """
        versions = sorted(self._models.get(spec.name, {}), reverse=True)
        if not spec.HasField("version"):
            if versions:
                return versions
            message = f"Could not find any versions of model {spec.name}"
        else:
            if spec.version.value in versions:
                return [spec.version.value]
            message = f"Could not find version {spec.version.value} of model {spec.name}"
        raise RequestError(grpc.StatusCode.NOT_FOUND, message)


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Predict and GetModelMetadata; the other methods answer UNIMPLEMENTED."""

    def __init__(self, registry: ModelRegistry) -> None:
        self._registry = registry

    def Predict(
        self, request: predict_pb2.PredictRequest, context: grpc.ServicerContext
    ) -> predict_pb2.PredictResponse:
        """Runs a signature of a model."""
        return _answer(self._predict, request, context)

    def GetModelMetadata(
        self, request: get_model_metadata_pb2.GetModelMetadataRequest, context: grpc.ServicerContext
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        """Returns the signatures of a model."""
        return _answer(self._metadata, request, context)

    def _predict(self, request: predict_pb2.PredictRequest) -> predict_pb2.PredictResponse:
        return self._registry.find(_model_spec(request)).predict(request)

    def _metadata(
        self, request: get_model_metadata_pb2.GetModelMetadataRequest
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        spec = _model_spec(request)
        if not request.metadata_field:
            raise invalid("GetModelMetadataRequest must specify at least one metadata_field")
        for name in request.metadata_field:
            if name != _SIGNATURE_DEF:
                raise invalid(f"Metadata field {name} is not supported")
        model = self._registry.find(spec)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        for name, signature_def in model.signature_defs.items():
            signatures.signature_def[name].CopyFrom(signature_def)
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        response.model_spec.name = model.name
        response.model_spec.version.value = model.version
        response.metadata[_SIGNATURE_DEF].Pack(signatures)
        return response


class ModelService(model_service_pb2_grpc.ModelServiceServicer):
    """GetModelStatus; HandleReloadConfigRequest answers UNIMPLEMENTED."""

    def __init__(self, registry: ModelRegistry) -> None:
        self._registry = registry

    def GetModelStatus(
        self, request: get_model_status_pb2.GetModelStatusRequest, context: grpc.ServicerContext
    ) -> get_model_status_pb2.GetModelStatusResponse:
        """Returns which versions of a model are available."""
        return _answer(self._status, request, context)

    def _status(
        self, request: get_model_status_pb2.GetModelStatusRequest
    ) -> get_model_status_pb2.GetModelStatusResponse:
        response = get_model_status_pb2.GetModelStatusResponse()
        for version in self._registry.versions(_model_spec(request)):
            status = response.model_version_status.add()
            status.version = version
            status.state = get_model_status_pb2.ModelVersionStatus.AVAILABLE
            status.status.SetInParent()  # Error code 0, written out as TensorFlow Serving does.
        return response


def _model_spec(request: Any) -> model_pb2.ModelSpec:
    if not request.HasField("model_spec"):
        raise invalid("Missing ModelSpec")
    return request.model_spec


def _answer(
    method: Callable[[_Request], _Response], request: _Request, context: grpc.ServicerContext
) -> _Response:
    try:
        return method(request)
    except RequestError as error:
        context.abort(error.code, error.message)
    except Exception:
        logging.exception("%s failed", method.__name__)
        context.abort(grpc.StatusCode.INTERNAL, "internal error; the server's log has the details")
    raise AssertionError("context.abort always raises")
