"""TensorFlow Serving's REST interface: the same methods as gRPC's, in JSON over HTTP.

Paths, texts and codes: tensorflow_serving/model_servers/http_rest_api_handler.cc,
http_rest_api_util.cc and http_server.cc (`ToHTTPStatusCode`).
"""

import gzip
import json
import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import grpc
from google.protobuf import json_format
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    predict_pb2,
    regression_pb2,
)

from dagan_tf.service.server.endpoint import Endpoint, Facts
from dagan_tf.service.server.json_answers import write_outputs
from dagan_tf.service.server.json_requests import (
    check_examples,
    fill_inputs,
    parse_object,
    signature_name,
)
from dagan_tf.service.server.metrics import CONTENT_TYPE
from dagan_tf.service.server.model_service import ModelService
from dagan_tf.service.server.predict_service import PredictionService
from dagan_tf.service.server.rest_body import Context, TooLargeError, read_body
from dagan_tf.service.server.status import RequestError, exhausted, invalid

_Code = grpc.StatusCode

_API = re.compile(r"/v1/.*", re.IGNORECASE | re.DOTALL)
_WHICH = r"(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
_PREDICT = re.compile(
    rf"/v1/models/(?P<name>[^/:]+){_WHICH}:(?P<method>classify|regress|predict)",
    re.IGNORECASE | re.ASCII,
)
_STATUS = re.compile(
    rf"/v1/models(?:/(?P<name>[^/:]+))?{_WHICH}(?:/(?P<part>metadata))?", re.IGNORECASE | re.ASCII
)
# `ToHTTPStatusCode`; what is not here is 500.
_HTTP = {
    _Code.CANCELLED: 499,
    _Code.INVALID_ARGUMENT: 400,
    _Code.FAILED_PRECONDITION: 400,
    _Code.OUT_OF_RANGE: 400,
    _Code.UNAUTHENTICATED: 401,
    _Code.PERMISSION_DENIED: 403,
    _Code.NOT_FOUND: 404,
    _Code.ALREADY_EXISTS: 409,
    _Code.ABORTED: 409,
    _Code.RESOURCE_EXHAUSTED: 429,
    _Code.UNIMPLEMENTED: 501,
    _Code.UNAVAILABLE: 503,
    _Code.DEADLINE_EXCEEDED: 504,
}
_REASONS = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    413: "Request Entity Too Large",
    429: "Too Many Requests",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}
# Bodies of so many are parsed one at a time: a value takes up to 32 bytes meanwhile.
_MANY_VALUES = 2**20
# Smaller answers gain nothing by being packed.
_LEAST_PACKED = 1024


@dataclass(frozen=True)
class RestOptions:
    """The limits of the interface.

    Attributes:
        timeout_seconds: For a request, from its arrival on; 0 for no limit.
        max_body_bytes: Largest body, unpacked.
        max_values: Most values a body may hold: each takes many times its text's bytes.
        metrics_path: Path of the metrics page; None for none.
    """

    timeout_seconds: float
    max_body_bytes: int
    max_values: int
    metrics_path: str | None = None


class RestApi:
    """The WSGI application. `close` turns requests away from then on."""

    def __init__(
        self,
        predictions: PredictionService,
        models: ModelService,
        endpoint: Endpoint,
        options: RestOptions,
        metrics_page: Callable[[], str],
    ) -> None:
        """Keeps what answers.

        Args:
            predictions: The service that gRPC calls, too.
            models: The same.
            endpoint: Records every request.
            options: The limits of the interface.
            metrics_page: Makes the page of the metrics anew.
        """
        self._predictions = predictions
        self._models = models
        self._endpoint = endpoint
        self._options = options
        self._metrics_page = metrics_page
        self._closed = False
        self._large = threading.Lock()

    def close(self) -> None:
        """Answers 503 from now on."""
        self._closed = True

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Answers one request."""
        path = environ.get("REQUEST_URI") or environ["PATH_INFO"]
        code, kind, body = self._answer(environ["REQUEST_METHOD"], path, environ)
        headers = [("Content-Type", kind)]
        if code == 503:
            headers.append(("Retry-After", "2"))
        if len(body) >= _LEAST_PACKED and _takes_gzip(environ.get("HTTP_ACCEPT_ENCODING", "")):
            body = gzip.compress(body, compresslevel=1)
            headers.append(("Content-Encoding", "gzip"))
        headers.append(("Content-Length", str(len(body))))
        start_response(f"{code} {_REASONS.get(code, 'Error')}", headers)
        return [body]

    def _answer(self, verb: str, path: str, environ: dict[str, Any]) -> tuple[int, str, bytes]:
        if path.partition("?")[0] == self._options.metrics_path:
            return 200, CONTENT_TYPE, self._metrics_page().encode()
        if not _API.fullmatch(path):
            return 404, "text/plain", b"Not Found\n"
        facts = Facts("", "REST", _peer(environ))
        context = Context(self._options.timeout_seconds)
        try:
            text = self._endpoint.run(
                facts, lambda: self._dispatch(verb, path, environ, facts, context)
            )
            return 200, "application/json", text.encode()
        except RequestError as error:
            code = _HTTP.get(error.code, 500)
            if isinstance(error.__cause__, TooLargeError):
                code = 413
            return code, "application/json", _error_text(error.message).encode()

    def _dispatch(
        self,
        verb: str,
        path: str,
        environ: dict[str, Any],
        facts: Facts,
        context: Context,
    ) -> str:
        if self._closed:
            raise RequestError(_Code.UNAVAILABLE, "the server is shutting down")
        match = {"POST": _PREDICT, "GET": _STATUS}.get(verb, _PREDICT).fullmatch(path)
        if match is None or verb not in ("POST", "GET"):
            raise invalid(f"Malformed request: {verb} {path}")
        facts.asked = spec = _model_spec(match)
        if verb == "GET":
            if not spec.name:
                raise invalid("Missing model name in request.")
            if match["part"]:
                facts.api = "GetModelMetadata"
                return self._metadata(spec)
            facts.api = "GetModelStatus"
            return self._status(spec)
        facts.api = match["method"].capitalize()
        body = read_body(environ, context, self._options.max_body_bytes)
        facts.request_bytes = len(body)
        document = self._parsed(body)
        try:
            return self._answer_document(document, spec, facts, context)
        except RecursionError as error:  # What can just be parsed may be too deep to be told of.
            raise invalid("JSON Parse error: nested too deeply") from error

    def _answer_document(
        self,
        document: dict[str, Any],
        spec: model_pb2.ModelSpec,
        facts: Facts,
        context: Context,
    ) -> str:
        spec.signature_name = signature_name(document)
        if facts.api == "Predict":
            return self._predict(document, spec, facts, context)
        check_examples(document)
        if facts.api == "Classify":
            self._predictions.classify(
                classification_pb2.ClassificationRequest(model_spec=spec), context
            )
        else:
            self._predictions.regress(regression_pb2.RegressionRequest(model_spec=spec), context)
        raise AssertionError("both always refuse")

    def _predict(
        self,
        document: dict[str, Any],
        spec: model_pb2.ModelSpec,
        facts: Facts,
        context: Context,
    ) -> str:
        request = predict_pb2.PredictRequest(model_spec=spec)
        inputs = self._predictions.inputs_of(spec)
        rows = fill_inputs(document, inputs, request)
        document.clear()  # Far larger than the tensors it stands for.
        context.check()
        facts.answered, outputs = self._predictions.predict_arrays(request, context)
        return write_outputs(outputs, rows=rows)

    def _status(self, spec: model_pb2.ModelSpec) -> str:
        request = get_model_status_pb2.GetModelStatusRequest(model_spec=spec)
        return _message_text(self._models.get_model_status(request, None))

    def _metadata(self, spec: model_pb2.ModelSpec) -> str:
        request = get_model_metadata_pb2.GetModelMetadataRequest(
            model_spec=spec, metadata_field=["signature_def"]
        )
        response = self._predictions.get_model_metadata(request, None)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        response.metadata["signature_def"].Unpack(signatures)
        return (
            f'{{\n"model_spec":{_message_text(response.model_spec)},\n'
            f'"metadata": {{"signature_def": {_message_text(signatures)}}}\n}}\n'
        )

    def _parsed(self, body: bytes) -> dict[str, Any]:
        values = body.count(b",") + 1
        if values > self._options.max_values:
            raise exhausted(
                f"the body holds {values} values; expected at most {self._options.max_values}"
            )
        if values < _MANY_VALUES:
            return parse_object(body)
        with self._large:
            return parse_object(body)


def _takes_gzip(accepted: str) -> bool:
    """Whether an Accept-Encoding header names gzip, without the weight 0."""
    for part in accepted.lower().split(","):
        name, *parameters = (text.strip() for text in part.split(";"))
        if name in ("gzip", "x-gzip"):
            return not any(re.fullmatch(r"q\s*=\s*0(\.0*)?", text) for text in parameters)
    return False


def _model_spec(match: "re.Match[str]") -> model_pb2.ModelSpec:
    spec = model_pb2.ModelSpec(name=unquote(match["name"] or "", errors="replace"))
    if match["version"]:
        number = int(match["version"][:30])
        if number >= 2**63:
            raise invalid(f"Failed to convert version: {match['version']} to numeric.")
        spec.version.value = number
    elif match["label"]:
        spec.version_label = unquote(match["label"], errors="replace")
    return spec


def _message_text(message: Any) -> str:
    """MessageToJsonString with `always_print_primitive_fields`, names as in the .proto file."""
    options: dict[str, Any] = {"preserving_proto_field_name": True, "indent": 1}
    try:
        return json_format.MessageToJson(
            message, always_print_fields_with_no_presence=True, **options
        )
    except TypeError:  # protobuf before 5.
        return json_format.MessageToJson(message, including_default_value_fields=True, **options)


def _error_text(message: str) -> str:
    return f'{{\n    "error": {json.dumps(message)}\n}}'


def _peer(environ: dict[str, Any]) -> str:
    address, port = environ.get("REMOTE_ADDR", ""), environ.get("REMOTE_PORT", "")
    return f"ipv6:[{address}]:{port}" if ":" in address else f"ipv4:{address}:{port}"
