"""How a request is refused: a gRPC status code and one line, as TensorFlow Serving gives them."""

import grpc

# gRPC's codes by their numbers, which are TensorFlow's, too.
CODES = {code.value[0]: code for code in grpc.StatusCode}

# TensorFlow Serving's own limit (grpc_status_util.cc). gRPC sends the line as a header,
# percent-encoded (up to three bytes a byte); headers of more than 8 KiB in all are refused by the
# receiver, and the refusal would hide the reason.
_LONGEST_MESSAGE_BYTES = 1024


class RequestError(Exception):
    """A request that is answered with an error status.

    Attributes:
        code: The gRPC status code TensorFlow Serving answers the same request with.
        message: One line for the caller, shortened to what fits into a header.
    """

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        """Brings the message to one line.

        Args:
            code: gRPC status code.
            message: any text; it is brought to one line and shortened.
        """
        message = " ".join(message.split())
        encoded = message.encode("utf-8", "replace")
        if len(encoded) > _LONGEST_MESSAGE_BYTES:
            message = encoded[:_LONGEST_MESSAGE_BYTES].decode("utf-8", "ignore") + "...TRUNCATED"
        super().__init__(message)
        self.code = code
        self.message = message


def invalid(message: str) -> RequestError:
    """A RequestError for a request that is wrong in itself."""
    return RequestError(grpc.StatusCode.INVALID_ARGUMENT, message)


def exhausted(message: str) -> RequestError:
    """A RequestError for a request beyond one of this server's limits."""
    return RequestError(grpc.StatusCode.RESOURCE_EXHAUSTED, message)


def failed_precondition(message: str) -> RequestError:
    """A RequestError for a request that the server's present state does not allow."""
    return RequestError(grpc.StatusCode.FAILED_PRECONDITION, message)
