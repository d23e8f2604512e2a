"""What happens beside the steps: metrics, status line, stopping."""

import json
import math
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TextIO

import keras
import tensorflow as tf

from dagan_tf.core.files import write_text
from dagan_tf.core.keras_compat import learning_rate
from dagan_tf.loop.tensorboard import EventWriter
from dagan_tf.loop.watch import DivergedError, Watch

METRICS_NAME = "metrics.jsonl"


class StepCallback(keras.callbacks.Callback):
    """Base of the callbacks below: counts optimiser steps, also across resumes."""

    def __init__(self, start_step: int) -> None:
        """Starts counting.

        Args:
            start_step: steps done before this run.
        """
        super().__init__()
        self.step = start_step

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Counts the step and calls `after_step`."""
        self.step += 1
        self.after_step()

    def after_step(self) -> None:
        """Called once a step, `self.step` steps being done."""


class MetricsLog(StepCallback):
    """Appends a line to `metrics.jsonl`, TensorBoard and the console every `every` steps.

    A line has the means since the line before, `step`, `images` (of each domain, seen since the
    training's beginning), `images_per_second`, the learning rates, `peak_memory_mb` of the process
    (of the GPU if there is one) and, if there are any, the names of the `alarms`.

    Raises from `fit`: TrainingFailure when a metric is not finite or the watch says so.
    """

    def __init__(
        self,
        model_dir: Path,
        *,
        start_step: int,
        total_steps: int,
        batch_size: int,
        every: int,
        writer: EventWriter | None = None,
        watch: Watch | None = None,
        max_seconds: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        console: TextIO | None = None,
    ) -> None:
        """Opens the log and drops what a killed run wrote after its last checkpoint.

        Args:
            model_dir: of the training; `metrics.jsonl` is written there.
            start_step: steps done before this run.
            total_steps: of the whole training; the last one is always logged.
            batch_size: images of each domain a step.
            every: steps between lines.
            writer: TensorBoard's, if there is one.
            watch: looks for trainings gone wrong.
            max_seconds: when the run ends at the latest, for the time left; 0 = no limit.
            clock: tells seconds.
            console: gets a status line, if there is one.
        """
        super().__init__(start_step)
        self._path = model_dir / METRICS_NAME
        self._total = total_steps
        self._batch_size = batch_size
        self._every = every
        self._writer = writer
        self._watch = watch
        self._max_seconds = max_seconds
        self._clock = clock
        self._console = console
        self._forget_after(start_step)

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Starts the clock."""
        self._marked = self._clock()
        self._began = self._marked
        self._marked_step = self.step

    def after_step(self) -> None:
        """Writes a line if one is due."""
        if self.step % self._every and self.step != self._total:
            return
        now = self._clock()
        rate = (self.step - self._marked_step) / max(now - self._marked, 1e-9)
        self._marked, self._marked_step = now, self.step
        values = current_metrics(self.model, self.step)
        for metric in self.model.metrics:
            metric.reset_state()
        for name, optimizer in self.model.named_optimizers.items():
            values[f"{name}learning_rate"] = learning_rate(optimizer)
        alarms = self._watch.check(self.step, values) if self._watch else []
        line: dict[str, object] = {
            "step": self.step,
            "images": self.step * self._batch_size,
            "images_per_second": round(rate * self._batch_size, 2),
            "peak_memory_mb": round(peak_memory_mb()),
            **{name: float(f"{value:.6g}") for name, value in values.items()},
        }
        if alarms:
            line["alarms"] = [alarm.name for alarm in alarms]
        with self._path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")
        if self._writer:
            speed = {"images_per_second": rate * self._batch_size}
            self._writer.scalars(values | speed, self.step)
        if self._console:
            print(self._status(values, rate, now), file=self._console, flush=True)
            for alarm in alarms:
                if alarm.new:
                    print(f"warning: {alarm.text}", file=self._console, flush=True)
        Watch.act(alarms)

    def _status(self, values: dict[str, float], rate: float, now: float) -> str:
        left = (self._total - self.step) / rate
        if self._max_seconds:
            left = min(left, max(self._max_seconds - (now - self._began), 0.0))
        minutes, seconds = divmod(round(left), 60)
        return (
            f"step {self.step}/{self._total}  {rate * self._batch_size:.1f} images/s"
            f"  {self.model.status(values)}  left {minutes}:{seconds:02d}"
        )

    def _forget_after(self, step: int) -> None:
        # A killed run has logged steps that its last checkpoint does not know; they come again.
        if not self._path.exists():
            return
        kept = []
        for text in self._path.read_text(encoding="utf-8").splitlines():
            try:
                if json.loads(text)["step"] <= step:
                    kept.append(text + "\n")
            except (ValueError, KeyError):
                continue  # a line cut off by the kill
        write_text(self._path, "".join(kept))


class StopTraining(StepCallback):
    """Ends `fit` after the running step on Ctrl-C, SIGTERM or when the time is up.

    Workers agree on it after each step, so that all end at the same one.

    Attributes:
        reason: `finished`, `interrupted` or `time`.
    """

    def __init__(
        self,
        *,
        start_step: int,
        max_seconds: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        agree: Callable[[bool, bool], tuple[bool, ...]] = lambda *flags: flags,
    ) -> None:
        """Sets the limits; signals are heard between `__enter__` and `__exit__`.

        Args:
            start_step: steps done before this run.
            max_seconds: time for the run; 0 = no limit.
            clock: tells seconds.
            agree: turns a worker's flags into those that any worker has.
        """
        super().__init__(start_step)
        self.reason = "finished"
        self._max_seconds = max_seconds
        self._clock = clock
        self._agree = agree
        self._began: float | None = None
        self._handlers: dict[int, object] = {}

    def __enter__(self) -> "StopTraining":
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                self._handlers[number] = signal.signal(number, self._on_signal)
            except ValueError:  # Not the main thread: signals are somebody else's.
                break
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Starts the clock, once a run."""
        if self._began is None:  # Once: a rollback trains on in the same run.
            self._began = self._clock()

    def after_step(self) -> None:
        """Tells the model to stop if a signal came or the time is up."""
        late = (
            self._max_seconds > 0
            and self._began is not None
            and self._clock() - self._began >= self._max_seconds
        )
        interrupted, late = self._agree(self.reason == "interrupted", late)
        if interrupted or late:
            self.reason = "interrupted" if interrupted else "time"
            self.model.stop_training = True

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.reason == "interrupted":
            raise KeyboardInterrupt  # Asked twice: leave at once.
        self.reason = "interrupted"
        print("stopping after this step, once more to leave at once", file=sys.stderr, flush=True)


class Profile(StepCallback):
    """Writes a TensorBoard profile of steps 5 to 14 of the run, past compiling."""

    def __init__(self, folder: Path, start_step: int) -> None:
        """Plans the profile.

        Args:
            folder: of the profile.
            start_step: steps done before this run.
        """
        super().__init__(start_step)
        self._folder = folder
        self._first, self._last = start_step + 5, start_step + 15
        self._running = False

    def after_step(self) -> None:
        """Begins and ends the profile."""
        if self.step == self._first:
            tf.profiler.experimental.start(str(self._folder))
            self._running = True
        elif self.step == self._last:
            self.on_train_end()

    def on_train_end(self, logs: dict | None = None) -> None:
        """Ends the profile of a run that was shorter."""
        if self._running:
            tf.profiler.experimental.stop()
            self._running = False


def current_metrics(model: keras.Model, step: int) -> dict[str, float]:
    """The model's metrics since their last reset.

    Raises:
        DivergedError: one of them is not finite.
    """
    values = {metric.name: float(metric.result()) for metric in model.metrics}
    for name, value in values.items():
        if not math.isfinite(value):
            raise DivergedError(
                f"step {step}: {name} is {value}, training has diverged; no later state was saved."
                " Lower the learning rates"
            )
    return values


def peak_memory_mb() -> float:
    """Most memory held so far, MB: by GPU 0 if there is one, else by this process."""
    if tf.config.list_logical_devices("GPU"):
        return tf.config.experimental.get_memory_info("GPU:0")["peak"] / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)
