"""Times of the stages that something goes through, one after the other."""

import time
from collections.abc import Callable
from typing import Any


class Stages:
    """Seconds on the wall and of the processor by stage, in the order of the first run."""

    def __init__(self) -> None:
        self.wall: dict[str, list[float]] = {}
        self.processor: dict[str, list[float]] = {}

    def run(self, name: str, work: Callable[..., Any], *of: Any) -> Any:
        """Times one piece of work and returns what it returns."""
        wall, processor = time.perf_counter(), time.process_time()
        answer = work(*of)
        self.wall.setdefault(name, []).append(time.perf_counter() - wall)
        self.processor.setdefault(name, []).append(time.process_time() - processor)
        return answer
