"""When a client asks again: if the server was not reached, ever more slowly, until the deadline.

gRPC's own retry policy ends after five attempts, too few for a server that restarts and loads its
model; so it is switched off and this is used in its place, by the blocking and the asyncio client.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc

# A server that turns requests away may say when to come back (gRFC A6).
_PUSHBACK = "grpc-retry-pushback-ms"


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how slowly.

    Attributes:
        attempts: Most times a request is sent.
        initial_seconds: Longest pause after the first failure.
        multiplier: Growth of the pause.
        max_seconds: Longest pause.
    """

    attempts: int = 8
    initial_seconds: float = 0.2
    multiplier: float = 2.0
    max_seconds: float = 5.0

    def pause(self, failures: int, draw: float) -> float:
        """Seconds to wait after this many failures.

        Args:
            failures: From 1 on.
            draw: Of the uniform distribution on [0, 1): clients that failed together do not come
                back together.

        Returns:
            Between half of the longest pause and all of it.
        """
        longest = min(self.max_seconds, self.initial_seconds * self.multiplier ** (failures - 1))
        return longest * (0.5 + 0.5 * draw)


class Attempts:
    """The attempts of one request."""

    def __init__(
        self,
        policy: RetryPolicy,
        timeout_seconds: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        draw: Callable[[], float] = random.random,
    ) -> None:
        """Starts the clock.

        Args:
            policy: How often and how slowly.
            timeout_seconds: For all attempts and pauses together.
            clock: Tells seconds.
            draw: See `RetryPolicy.pause`.
        """
        self._policy = policy
        self._clock = clock
        self._draw = draw
        self._end = clock() + timeout_seconds
        self._failures = 0

    def remaining(self) -> float:
        """Seconds until the deadline."""
        return max(self._end - self._clock(), 0.001)

    def pause_after(self, error: grpc.RpcError) -> float | None:
        """Seconds to wait before the next attempt, None when there is none.

        Args:
            error: What the last attempt ended with.
        """
        self._failures += 1
        if error.code() != grpc.StatusCode.UNAVAILABLE or self._failures >= self._policy.attempts:
            return None
        pause = self._policy.pause(self._failures, self._draw())
        told = _told_pause(error)
        if told is not None:
            if told < 0:  # Not to come back at all.
                return None
            pause = told
        return pause if pause < self._end - self._clock() else None


def _told_pause(error: Any) -> float | None:
    metadata = dict(error.trailing_metadata() or ())
    try:
        return int(metadata[_PUSHBACK]) / 1000
    except KeyError:
        return None
    except ValueError:
        return -1.0  # gRFC A6: an unreadable one means no.
