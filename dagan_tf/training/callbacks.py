"""What happens beside the steps: metrics, status line, sample grids, checkpoints, stopping."""

import json
import math
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TextIO

import keras
import numpy as np
import tensorflow as tf

from dagan_tf.errors import DaganError
from dagan_tf.faces.photo_io import write_png
from dagan_tf.training.tensorboard import EventWriter

METRICS_NAME = "metrics.jsonl"
SAMPLES_NAME = "samples"


class DivergedError(DaganError):
    """Training produced a value that is not finite."""


class StepCallback(keras.callbacks.Callback):
    """Base of the callbacks below: counts optimiser steps, also across resumes."""

    def __init__(self, start_step: int) -> None:
        super().__init__()
        self.step = start_step

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self.step += 1
        self.after_step()

    def after_step(self) -> None:
        """Called once a step, `self.step` steps being done."""


class MetricsLog(StepCallback):
    """Appends a line to `metrics.jsonl`, TensorBoard and the console every `every` steps.

    A line has the means since the line before, `step`, `images` (of each domain, seen since the
    training's beginning), `images_per_second` and the learning rates.

    Raises from `fit`: DivergedError when a metric is not finite.
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
        max_seconds: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        console: TextIO | None = None,
    ) -> None:
        super().__init__(start_step)
        self._path = model_dir / METRICS_NAME
        self._total = total_steps
        self._batch_size = batch_size
        self._every = every
        self._writer = writer
        self._max_seconds = max_seconds
        self._clock = clock
        self._console = console
        self._forget_after(start_step)

    def on_train_begin(self, logs: dict | None = None) -> None:
        self._began = self._marked = self._clock()
        self._marked_step = self.step

    def after_step(self) -> None:
        if self.step % self._every and self.step != self._total:
            return
        now = self._clock()
        rate = (self.step - self._marked_step) / max(now - self._marked, 1e-9)
        self._marked, self._marked_step = now, self.step
        values = current_metrics(self.model, self.step)
        for metric in self.model.metrics:
            metric.reset_state()
        for name in ("generator", "discriminator"):
            optimizer = getattr(self.model, f"{name}_optimizer")
            values[f"{name}_learning_rate"] = float(tf.convert_to_tensor(optimizer.learning_rate))
        line = {
            "step": self.step,
            "images": self.step * self._batch_size,
            "images_per_second": round(rate * self._batch_size, 2),
            **{name: float(f"{value:.6g}") for name, value in values.items()},
        }
        with self._path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")
        if self._writer:
            speed = {"images_per_second": rate * self._batch_size}
            self._writer.scalars(values | speed, self.step)
        if self._console:
            print(self._status(values, rate, now), file=self._console, flush=True)

    def _status(self, values: dict[str, float], rate: float, now: float) -> str:
        left = (self._total - self.step) / rate
        if self._max_seconds:
            left = min(left, max(self._max_seconds - (now - self._began), 0.0))
        minutes, seconds = divmod(round(left), 60)
        return (
            f"step {self.step}/{self._total}  {rate * self._batch_size:.1f} images/s"
            f"  G {values['generator_loss']:.4f}  D {values['discriminator_loss']:.4f}"
            f"  L_con {values['convergence']:.4f}  k {values['balance']:.3f}"
            f"  moved {values['refinement']:.4f}  left {minutes}:{seconds:02d}"
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
        temporary = self._path.with_suffix(".tmp")
        temporary.write_text("".join(kept), encoding="utf-8")
        os.replace(temporary, self._path)


class SampleGrid(StepCallback):
    """Writes `samples/step_000000.png` of the same images, from step 0 on.

    Rows: simulated, refined (by the averaged weights, those exported), the discriminator's
    reconstruction of the refined, real, its reconstruction of the real; without the
    reconstructions in the forms that have no auto-encoder.
    """

    def __init__(
        self,
        model_dir: Path,
        batch: dict[str, tf.Tensor],
        *,
        start_step: int,
        every: int,
        generator: keras.Model,
        writer: EventWriter | None = None,
    ) -> None:
        """Args: generator: a spare twin of the trained one, to take the averaged weights."""
        super().__init__(start_step)
        self._folder = model_dir / SAMPLES_NAME
        self._folder.mkdir(parents=True, exist_ok=True)
        self._batch = batch
        self._every = every
        self._generator = generator
        self._writer = writer
        self._drawn = -1

    def on_train_begin(self, logs: dict | None = None) -> None:
        if self.step == 0:
            self.draw()

    def after_step(self) -> None:
        if self.step % self._every == 0:
            self.draw()

    def on_train_end(self, logs: dict | None = None) -> None:
        if self._drawn != self.step:
            self.draw()

    def draw(self) -> None:
        """Draws the grid as the networks are now."""
        self._drawn = self.step
        self.model.copy_averages_to(self._generator)
        refined = self._generator(self._batch["simulated"], training=False)
        rows = [self._batch["simulated"], refined, self._batch["real"]]
        if self.model.reconstructs:
            rows.insert(2, self.model.discriminator(refined)[0])
            rows.append(self.model.discriminator(self._batch["real"])[0])
        grid = image_grid([np.asarray(row) for row in rows])
        write_png(self._folder / f"step_{self.step:06d}.png", grid)
        if self._writer:
            self._writer.image("samples", grid, self.step)


class Checkpoints(StepCallback):
    """Saves every `every` steps and at the end, never a state whose metrics are not finite."""

    def __init__(self, manager: tf.train.CheckpointManager, *, start_step: int, every: int) -> None:
        super().__init__(start_step)
        self._manager = manager
        self._every = every
        self._saved = start_step

    def after_step(self) -> None:
        if self.step % self._every == 0:
            self.save()

    def on_train_end(self, logs: dict | None = None) -> None:
        if self._saved != self.step:
            self.save()

    def save(self) -> None:
        """Saves now."""
        current_metrics(self.model, self.step)
        self._manager.save(checkpoint_number=self.step)
        self._saved = self.step


class StopTraining(StepCallback):
    """Ends `fit` after the running step on Ctrl-C, SIGTERM or when the time is up.

    Attributes:
        reason: `finished`, `interrupted` or `time`.
    """

    def __init__(
        self,
        *,
        start_step: int,
        max_seconds: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(start_step)
        self.reason = "finished"
        self._max_seconds = max_seconds
        self._clock = clock
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
        self._began = self._clock()

    def after_step(self) -> None:
        if self.reason == "interrupted":
            self.model.stop_training = True
        elif self._max_seconds and self._clock() - self._began >= self._max_seconds:
            self.reason = "time"
            self.model.stop_training = True

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.reason == "interrupted":
            raise KeyboardInterrupt  # Asked twice: leave at once.
        self.reason = "interrupted"
        print("stopping after this step, once more to leave at once", file=sys.stderr, flush=True)


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
                " Start afresh with lower learning rates"
            )
    return values


def image_grid(rows: list[np.ndarray]) -> np.ndarray:
    """Puts rows of images under one another.

    Args:
        rows: float (N_i, S, S, 3) in [-1, 1] (clipped); shorter rows are filled with grey.

    Returns:
        uint8 (len(rows)·S, max N·S, 3).
    """
    size = rows[0].shape[1]
    grid = np.full((len(rows) * size, max(map(len, rows)) * size, 3), 128, np.uint8)
    for r, row in enumerate(rows):
        pixels = np.rint((np.clip(row, -1.0, 1.0) + 1.0) * 127.5).astype(np.uint8)
        for c, image in enumerate(pixels):
            grid[r * size : (r + 1) * size, c * size : (c + 1) * size] = image
    return grid
