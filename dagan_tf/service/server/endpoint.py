"""What every method of the server shares, by gRPC or REST: status, metrics, access log."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import grpc
from absl import logging
from google.protobuf.message import DecodeError, Message
from tensorflow_serving.apis import model_pb2

from dagan_tf.service.server.access_log import AccessLog
from dagan_tf.service.server.metrics import ServerMetrics
from dagan_tf.service.server.status import RequestError, exhausted, invalid

Method = Callable[[Any, Any], Message]

_Answer = TypeVar("_Answer")

# What a request calls a model that this server does not have is no label value: it would let
# anyone fill the memory of the metrics.
_UNKNOWN_MODEL = "unknown"


@dataclass
class Facts:
    """What is recorded of a request; what is not known at first is filled in by who answers it.

    Attributes:
        api: Name of the method.
        entrypoint: `GRPC` or `REST`.
        peer: Who asks, as gRPC writes it.
        request_bytes: Size.
        asked: The model that is asked for.
        answered: The version and signature that answer.
    """

    api: str
    entrypoint: str
    peer: str
    request_bytes: int = 0
    asked: model_pb2.ModelSpec | None = None
    answered: model_pb2.ModelSpec | None = None


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

    def run(self, facts: Facts, work: Callable[[], _Answer]) -> _Answer:
        """Answers a request and records it.

        Args:
            facts: Of the request; recorded as they are when `work` has ended.
            work: Answers it.

        Raises:
            RequestError: Whatever `work` ended with.
        """
        started = time.perf_counter()
        error: RequestError | None = None
        try:
            return work()
        except RequestError as refusal:
            error = refusal
        except MemoryError:
            error = exhausted("not enough memory for this request")
        except Exception:
            logging.exception("%s failed", facts.api)
            error = RequestError(
                grpc.StatusCode.INTERNAL, "internal error; the server's log has the details"
            )
        finally:
            self._record(facts, error, time.perf_counter() - started)
        raise error

    def _handler(self, api: str, kind: type[Message], method: Method) -> grpc.RpcMethodHandler:
        def answer(data: bytes, context: grpc.ServicerContext) -> Message:
            facts = Facts(api, "GRPC", context.peer(), len(data))

            def work() -> Message:
                request = kind()
                try:
                    # Parsed here and not by gRPC, which answers INTERNAL to bytes that are none.
                    request.ParseFromString(data)
                except DecodeError:
                    raise invalid(f"the request is no {kind.DESCRIPTOR.full_name}") from None
                facts.asked = getattr(request, "model_spec", None)
                response = method(request, context)
                facts.answered = getattr(response, "model_spec", None)
                return response

            try:
                return self.run(facts, work)
            except RequestError as error:
                context.abort(error.code, error.message)
                raise AssertionError("context.abort always raises") from error

        return grpc.unary_unary_rpc_method_handler(
            answer, response_serializer=lambda message: message.SerializeToString()
        )

    def _record(self, facts: Facts, error: RequestError | None, seconds: float) -> None:
        status = error.code.name if error else "OK"
        name = facts.asked.name if facts.asked is not None else ""
        label = name if self._is_model(name) else _UNKNOWN_MODEL
        self._metrics.answered(label, facts.api, facts.entrypoint, status, seconds)
        if self._access_log is not None:
            answered = facts.answered or facts.asked
            self._access_log.write(
                peer=facts.peer,
                entrypoint=facts.entrypoint,
                method=facts.api,
                model=name,
                version=answered.version.value if answered is not None else 0,
                signature=answered.signature_name if answered is not None else "",
                status=status,
                message=error.message if error else "",
                milliseconds=round(seconds * 1e3, 3),
                request_bytes=facts.request_bytes,
            )
