"""Ends a server without failing a request that a client may repeat.

gRPC's own `Server.stop` answers CANCELLED to requests that have reached the process but not yet a
thread; clients must not repeat those. So requests are first turned away with UNAVAILABLE, and the
server stops when none has come for a while.
"""

import time
from collections.abc import Callable
from typing import Any

import grpc

# gRPC clients with a retry policy come back after this time and not before (gRFC A6, pushback).
_COME_BACK_MILLISECONDS = 2000
_QUIET_SECONDS = 0.25


class Gate(grpc.ServerInterceptor):
    """Lets requests in until it is closed; asked at the moment of their arrival."""

    def __init__(self, services: tuple[str, ...]) -> None:
        """Keeps the names.

        Args:
            services: Full names of the services behind the gate; others, like the health check,
                are always let in.
        """
        self._prefixes = tuple(f"/{name}/" for name in services)
        self._closed = False
        self._last_arrival = 0.0
        self._refusal = grpc.unary_unary_rpc_method_handler(_refuse)

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Any],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Called by gRPC for each request."""
        if self._closed and handler_call_details.method.startswith(self._prefixes):
            self._last_arrival = time.monotonic()
            return self._refusal
        return continuation(handler_call_details)

    def close(self, most_seconds: float) -> None:
        """Turns away what comes from now on, and returns when nothing has come for a while.

        Args:
            most_seconds: Return after this time even if requests keep coming.
        """
        self._closed = True
        closed = self._last_arrival = time.monotonic()
        while (now := time.monotonic()) - closed < most_seconds:
            if now - self._last_arrival >= _QUIET_SECONDS:
                return
            time.sleep(0.02)


def _refuse(_: bytes, context: grpc.ServicerContext) -> bytes:
    context.set_trailing_metadata((("grpc-retry-pushback-ms", str(_COME_BACK_MILLISECONDS)),))
    context.abort(grpc.StatusCode.UNAVAILABLE, "the server is shutting down")
    raise AssertionError("context.abort always raises")
