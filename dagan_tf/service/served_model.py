"""One loaded SavedModel version that answers PredictRequests as TensorFlow Serving does."""

import os
from collections.abc import Sequence
from pathlib import Path

import grpc
import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2
from tensorflow_serving.apis import predict_pb2

from dagan_tf.service.channel import MAX_MESSAGE_BYTES
from dagan_tf.versions import SAVED_MODEL_FILE

DEFAULT_SIGNATURE = "serving_default"

_STATUS_CODES = {code.value[0]: code for code in grpc.StatusCode}
_LONGEST_MESSAGE = 2000


class RequestError(Exception):
    """A request that is answered with an error status.

    Attributes:
        code: The gRPC status code TensorFlow Serving answers the same request with.
        message: One line for the caller.
    """

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def invalid(message: str) -> RequestError:
    """A RequestError for a request that is wrong in itself."""
    return RequestError(grpc.StatusCode.INVALID_ARGUMENT, message)


class ServedModel:
    """One version of one model.

    Attributes:
        name: The name requests ask for.
        version: Its number.
        signature_defs: Signature name to SignatureDef, as in the SavedModel.
    """

    def __init__(
        self,
        folder: Path,
        *,
        name: str,
        version: int,
        max_tensor_bytes: int = MAX_MESSAGE_BYTES,
    ) -> None:
        """Loads a SavedModel.

        Args:
            folder: The version's folder.
            name: See class.
            version: See class.
            max_tensor_bytes: Refuse tensors that declare more, whatever the message holds.
        """
        self.name = name
        self.version = version
        self.signature_defs = _read_signature_defs(folder)
        self._max_tensor_bytes = max_tensor_bytes
        # The signatures hold no reference to the variables: they live as long as the model does.
        self._model = tf.saved_model.load(os.fspath(folder))

    def predict(self, request: predict_pb2.PredictRequest) -> predict_pb2.PredictResponse:
        """Runs one signature.

        Raises:
            RequestError: The request does not fit the signature, or the graph refuses its input.
        """
        signature_name = request.model_spec.signature_name or DEFAULT_SIGNATURE
        if signature_name not in self.signature_defs:
            # Not INVALID_ARGUMENT: TensorFlow Serving calls this a failed precondition.
            raise RequestError(
                grpc.StatusCode.FAILED_PRECONDITION,
                f'Serving signature key "{signature_name}" not found.',
            )
        signature_def = self.signature_defs[signature_name]
        names = _wanted_outputs(signature_def, request.output_filter)
        inputs = self._read_inputs(signature_def, request)
        try:
            outputs = self._model.signatures[signature_name](**inputs)
        except tf.errors.OpError as error:
            code = _STATUS_CODES.get(error.error_code, grpc.StatusCode.UNKNOWN)
            raise RequestError(code, str(error.message)[:_LONGEST_MESSAGE]) from error
        response = predict_pb2.PredictResponse()
        response.model_spec.name = self.name
        response.model_spec.version.value = self.version
        response.model_spec.signature_name = signature_name
        for name in names:
            response.outputs[name].CopyFrom(tf.make_tensor_proto(outputs[name].numpy()))
        return response

    def _read_inputs(
        self, signature_def: meta_graph_pb2.SignatureDef, request: predict_pb2.PredictRequest
    ) -> dict[str, tf.Tensor]:
        sent, expected = set(request.inputs), set(signature_def.inputs)
        if sent != expected:
            raise invalid(
                f"inputs do not match signature. Sent extra: {_names(sent - expected)}. "
                f"Missing but required: {_names(expected - sent)}."
            )
        return {
            name: self._read_tensor(name, signature_def.inputs[name], request.inputs[name])
            for name in expected
        }

    def _read_tensor(
        self, name: str, info: meta_graph_pb2.TensorInfo, proto: tensor_pb2.TensorProto
    ) -> tf.Tensor:
        if proto.dtype != info.dtype:
            raise invalid(
                f"input {name!r} has dtype {_dtype_name(proto.dtype)}; "
                f"expected {_dtype_name(info.dtype)}"
            )
        shape = tuple(dimension.size for dimension in proto.tensor_shape.dim)
        if proto.tensor_shape.unknown_rank or any(size < 0 for size in shape):
            raise invalid(f"input {name!r} has no fully known shape: {shape}")
        expected = tf.TensorShape(info.tensor_shape)
        if not expected.is_compatible_with(shape):
            raise invalid(f"input {name!r} has shape {shape}; expected {expected}")
        # One value may stand for a whole tensor of the declared shape: without this check a
        # message of a few bytes would take all memory.
        dtype = tf.dtypes.as_dtype(info.dtype)
        declared = int(np.prod(shape, dtype=object)) * max(dtype.size or 1, 1)
        if declared > self._max_tensor_bytes:
            raise invalid(
                f"input {name!r} of shape {shape} takes {declared} bytes; "
                f"expected at most {self._max_tensor_bytes}"
            )
        try:
            return tf.constant(tf.make_ndarray(proto), dtype=dtype, shape=shape)
        except (ValueError, TypeError, IndexError) as error:
            raise invalid(f"input {name!r} is no tensor of shape {shape}: {error}") from error


def _read_signature_defs(folder: Path) -> dict[str, meta_graph_pb2.SignatureDef]:
    saved_model = saved_model_pb2.SavedModel.FromString((folder / SAVED_MODEL_FILE).read_bytes())
    for graph in saved_model.meta_graphs:
        if "serve" in graph.meta_info_def.tags:
            return dict(graph.signature_def)
    raise ValueError(f"{folder}: no graph tagged 'serve'")


def _wanted_outputs(
    signature_def: meta_graph_pb2.SignatureDef, output_filter: Sequence[str]
) -> list[str]:
    for name in output_filter:
        if name not in signature_def.outputs:
            raise invalid(
                f"output tensor alias not found in signature: {name} "
                f"Outputs expected to be in the set {_names(set(signature_def.outputs))}."
            )
    if len(set(output_filter)) != len(output_filter):
        raise invalid(f"duplicate output tensor alias in {list(output_filter)}")
    return list(output_filter) or sorted(signature_def.outputs)


def _names(names: set[str]) -> str:
    return "{" + ",".join(sorted(names)) + "}"


def _dtype_name(number: int) -> str:
    try:
        return str(tf.dtypes.as_dtype(number).name)
    except TypeError:
        return f"number {number}"
