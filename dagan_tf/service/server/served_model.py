"""One loaded SavedModel version that answers PredictRequests as TensorFlow Serving does.

Codes and messages: tensorflow_serving/servables/tensorflow/predict_util.cc and
tensorflow/cc/saved_model/util.cc; docs/serving-errors.md lists them.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass

import grpc
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import predict_pb2

from dagan_tf.export.locations import Location
from dagan_tf.export.signatures import read_signature_defs
from dagan_tf.service.server.limits import Limits
from dagan_tf.service.server.status import CODES, RequestError, failed_precondition, invalid
from dagan_tf.service.server.tensors import InputReader, write_tensor

DEFAULT_SIGNATURE = "serving_default"


@dataclass(frozen=True)
class Call:
    """A request that fits its signature.

    Attributes:
        signature: Name of the signature.
        inputs: Its inputs by name.
        outputs: Names of the outputs that are asked for.
    """

    signature: str
    inputs: dict[str, np.ndarray]
    outputs: list[str]


class ServedModel:
    """One version of one model.

    Attributes:
        name: The name requests ask for.
        version: Its number.
        folder: Where it was loaded from.
        signature_defs: Signature name to SignatureDef, as in the SavedModel.
    """

    def __init__(
        self, folder: Location, *, name: str, version: int, limits: Limits | None = None
    ) -> None:
        """Loads a SavedModel.

        Args:
            folder: The version's folder.
            name: See class.
            version: See class.
            limits: What one request may cost.
        """
        self.name = name
        self.version = version
        self.folder = folder
        self.signature_defs = read_signature_defs(folder)
        limits = limits or Limits()
        self._readers = {
            signature: [InputReader(key, info, limits) for key, info in definition.inputs.items()]
            for signature, definition in self.signature_defs.items()
        }
        # The signatures hold no reference to the variables: they live as long as the model does.
        self._model = tf.saved_model.load(os.fspath(folder))
        self._functions = dict(self._model.signatures)

    def parse(self, request: predict_pb2.PredictRequest) -> Call:
        """Checks a request against its signature and reads its tensors.

        Raises:
            RequestError: The request does not fit the signature or is beyond a limit.
        """
        signature = request.model_spec.signature_name or DEFAULT_SIGNATURE
        if signature not in self._functions:
            # Not INVALID_ARGUMENT: TensorFlow Serving calls this a failed precondition.
            raise failed_precondition(f'Serving signature key "{signature}" not found.')
        definition = self.signature_defs[signature]
        _check_input_names(definition, request)
        inputs = {
            reader.name: reader.read(request.inputs[reader.name])
            for reader in self._readers[signature]
        }
        return Call(signature, inputs, _wanted_outputs(definition, request))

    def run(self, signature: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Runs a signature.

        Returns:
            All its outputs.

        Raises:
            RequestError: The graph refuses its input; the code is TensorFlow's own.
        """
        try:
            outputs = self._functions[signature](
                **{name: tf.constant(value) for name, value in inputs.items()}
            )
            return {name: value.numpy() for name, value in outputs.items()}
        except tf.errors.OpError as error:
            code = CODES.get(error.error_code, grpc.StatusCode.INVALID_ARGUMENT)
            # Eager TensorFlow tells first where the graph was made, a session does not.
            message = str(error.message).split("<stack traces unavailable>")[-1]
            raise RequestError(code, message) from error

    def answer(
        self, call: Call, outputs: Mapping[str, np.ndarray], *, content: bool = False
    ) -> predict_pb2.PredictResponse:
        """Puts what a call has asked for into a response; `content`: see `write_tensor`."""
        response = predict_pb2.PredictResponse()
        response.model_spec.name = self.name
        response.model_spec.version.value = self.version
        response.model_spec.signature_name = call.signature
        for name in call.outputs:
            write_tensor(outputs[name], response.outputs[name], content=content)
        return response

    def predict(self, request: predict_pb2.PredictRequest) -> predict_pb2.PredictResponse:
        """Parses, runs and answers a request by itself.

        Raises:
            RequestError: See `parse` and `run`.
        """
        call = self.parse(request)
        return self.answer(call, self.run(call.signature, call.inputs))


def _check_input_names(
    definition: meta_graph_pb2.SignatureDef, request: predict_pb2.PredictRequest
) -> None:
    sent, expected = set(request.inputs), set(definition.inputs)
    if len(sent) != len(expected):
        raise invalid(
            f"input size does not match signature: {len(sent)}!={len(expected)} "
            f"len({_names(sent)}) != len({_names(expected)}). "
            f"Sent extra: {_names(sent - expected)}. "
            f"Missing but required: {_names(expected - sent)}."
        )
    for alias in sorted(expected - sent):
        raise invalid(
            f"Signature input alias: {alias}(feed name: {definition.inputs[alias].name}) not found "
            "in request and no default value provided. Inputs expected to be in the request "
            f"{_names(sent)}, or default input alias set: "
        )


def _wanted_outputs(
    definition: meta_graph_pb2.SignatureDef, request: predict_pb2.PredictRequest
) -> list[str]:
    wanted: list[str] = []
    for alias in request.output_filter:
        if alias not in definition.outputs:
            raise invalid(
                f"output tensor alias not found in signature: {alias} "
                f"Outputs expected to be in the set {_names(set(definition.outputs))}."
            )
        if alias in wanted:
            raise invalid(f"duplicate output tensor alias: {alias}")
        wanted.append(alias)
    return wanted or sorted(definition.outputs)


def _names(names: set[str]) -> str:
    return "{" + ",".join(sorted(names)) + "}"
