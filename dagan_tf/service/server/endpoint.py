"""What every method of the server shares: parsing, status, metrics, access log."""

import time
from collections.abc import Callable
from typing import Any

import grpc
from absl import logging
from google.protobuf.message import DecodeError, Message

from dagan_tf.service.server.access_log import AccessLog
from dagan_tf.service.server.metrics import ServerMetrics
from dagan_tf.service.server.status import RequestError, exhausted, invalid

Method = Callable[[Any, grpc.ServicerContext], Message]

# What a request calls a model that this server does not have is no label value: it would let
# anyone fill the memory of the metrics.
_UNKNOWN_MODEL = "unknown"


class Endpoint:
    """Wraps methods (request, context) -> response into gRPC handlers."""

    def __init__(
        self,
        metrics: ServerMetrics,
        access_log: AccessLog | None,
        is_model: Callable[[str], bool],
    ) -> None:
        """Keeps where to record.

        Args:
            metrics: Counts every request.
            access_log: Gets a line for every request.
            is_model: Whether a model of this name is there.
        """
        self._metrics = metrics
        self._access_log = access_log
        self._is_model = is_model

    def service(
        self, name: str, methods: dict[str, tuple[type[Message], Method]]
    ) -> grpc.GenericRpcHandler:
        """The handler of a service.

        Args:
            name: Its full name.
            methods: Method name to request class and method. What is absent answers UNIMPLEMENTED.
        """
        return grpc.method_handlers_generic_handler(
            name,
            {api: self._handler(api, kind, method) for api, (kind, method) in methods.items()},
        )

    def _handler(self, api: str, kind: type[Message], method: Method) -> grpc.RpcMethodHandler:
        def answer(data: bytes, context: grpc.ServicerContext) -> Message:
            started = time.perf_counter()
            request = kind()
            response: Message | None = None
            error: RequestError | None = None
            try:
                # Parsed here and not by gRPC, which answers INTERNAL to bytes that are no message.
                request.ParseFromString(data)
                response = method(request, context)
            except RequestError as refusal:
                error = refusal
            except DecodeError:
                error = invalid(f"the request is no {kind.DESCRIPTOR.full_name}")
            except MemoryError:
                error = exhausted("not enough memory for this request")
            except Exception:
                logging.exception("%s failed", api)
                error = RequestError(
                    grpc.StatusCode.INTERNAL, "internal error; the server's log has the details"
                )
            seconds = time.perf_counter() - started
            self._record(api, request, response, error, seconds, context.peer())
            if error is not None:
                context.abort(error.code, error.message)
            assert response is not None
            return response

        return grpc.unary_unary_rpc_method_handler(
            answer, response_serializer=lambda message: message.SerializeToString()
        )

    def _record(
        self,
        api: str,
        request: Any,
        response: Any,
        error: RequestError | None,
        seconds: float,
        peer: str,
    ) -> None:
        status = error.code.name if error else "OK"
        spec = getattr(request, "model_spec", None)
        name = spec.name if spec is not None else ""
        label = name if self._is_model(name) else _UNKNOWN_MODEL
        self._metrics.answered(label, api, status, seconds)
        if self._access_log is not None:
            answered = getattr(response, "model_spec", spec)
            self._access_log.write(
                peer=peer,
                method=api,
                model=name,
                version=answered.version.value if answered is not None else 0,
                signature=answered.signature_name if answered is not None else "",
                status=status,
                message=error.message if error else "",
                milliseconds=round(seconds * 1e3, 3),
                request_bytes=request.ByteSize(),
            )
