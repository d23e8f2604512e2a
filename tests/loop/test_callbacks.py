"""Callbacks with a hand-driven clock, and the picture grid."""

import io
import json
import os
import signal

import keras
import numpy as np
import pytest

from dagan_tf.gan.dagan import DAGAN
from dagan_tf.loop.callbacks import (
    MetricsLog,
    StopTraining,
    current_metrics,
)
from dagan_tf.loop.watch import DivergedError
from dagan_tf.training.samples import image_grid


class Model:
    """Just what the callbacks ask of a DAGAN."""

    def __init__(self, value=0.5):
        names = ("generator_loss", "discriminator_loss", "convergence", "balance", "refinement")
        self.metrics = [keras.metrics.Mean(name=name) for name in names]
        self.named_optimizers = {
            "generator_": keras.optimizers.Adam(0.25),
            "discriminator_": keras.optimizers.Adam(0.125),
        }
        self.stop_training = False
        self.see(value)

    status = staticmethod(DAGAN.status)

    def see(self, value):
        for metric in self.metrics:
            metric.update_state(value)


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def attach(callback, model):
    if hasattr(callback, "_model"):
        callback._model = model  # Keras 3
    else:
        callback.model = model
    return callback


def drive(callback, clock, model, steps):
    for _ in range(steps):
        clock.now += 0.5
        model.see(0.5)
        callback.on_train_batch_end(0)


def lines(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_metric_lines(tmp_path):
    clock, model, console = Clock(), Model(), io.StringIO()
    log = MetricsLog(
        tmp_path, start_step=0, total_steps=25, batch_size=8, every=10, clock=clock, console=console
    )
    attach(log, model).on_train_begin()
    drive(log, clock, model, 25)
    got = lines(tmp_path)
    assert [line["step"] for line in got] == [10, 20, 25]
    assert [line["images"] for line in got] == [80, 160, 200]
    assert {line["images_per_second"] for line in got} == {16.0}
    assert got[0]["generator_loss"] == 0.5
    assert (got[0]["generator_learning_rate"], got[0]["discriminator_learning_rate"]) == (
        0.25,
        0.125,
    )
    status = console.getvalue().splitlines()
    assert status[0].startswith("step 10/25  16.0 images/s  G 0.5000  D 0.5000")
    assert status[0].endswith("left 0:08")  # 15 steps of half a second, rounded
    assert status[-1].endswith("left 0:00")


def test_time_left_heeds_the_time_limit(tmp_path):
    clock, model, console = Clock(), Model(), io.StringIO()
    log = MetricsLog(
        tmp_path, start_step=0, total_steps=1000, batch_size=8, every=10,
        clock=clock, console=console, max_seconds=12,
    )  # fmt: skip
    attach(log, model).on_train_begin()
    drive(log, clock, model, 10)
    assert console.getvalue().strip().endswith("left 0:07")


def test_lines_past_the_checkpoint_are_dropped_on_resume(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 10}\n{"step": 20}\n{"step": 30}\n{"step": 3')
    MetricsLog(tmp_path, start_step=20, total_steps=40, batch_size=1, every=10)
    assert path.read_text() == '{"step": 10}\n{"step": 20}\n'


def test_a_value_that_is_not_finite_stops():
    model = Model()
    model.metrics[1].update_state(float("nan"))
    with pytest.raises(DivergedError, match="step 7: discriminator_loss is nan"):
        current_metrics(model, 7)


def test_stop_after_the_time():
    clock, model = Clock(), Model()
    stop = attach(StopTraining(start_step=5, max_seconds=1.5, clock=clock), model)
    stop.on_train_begin()
    drive(stop, clock, model, 2)
    assert not model.stop_training
    drive(stop, clock, model, 1)
    assert model.stop_training
    assert (stop.reason, stop.step) == ("time", 8)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_after_the_step_and_twice_at_once(number, capsys):
    before = signal.getsignal(number)
    model = Model()
    with StopTraining(start_step=0) as stop:
        attach(stop, model).on_train_begin()
        os.kill(os.getpid(), number)
        assert not model.stop_training
        stop.on_train_batch_end(0)
        assert model.stop_training
        assert stop.reason == "interrupted"
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
    assert signal.getsignal(number) == before
    assert "once more" in capsys.readouterr().err


def test_image_grid():
    rows = [np.full((2, 4, 4, 3), 1.0), np.full((1, 4, 4, 3), -3.0)]
    grid = image_grid(rows)
    assert grid.shape == (8, 8, 3)
    assert grid.dtype == np.uint8
    assert (grid[:4] == 255).all()
    assert (grid[4:, :4] == 0).all()
    assert (grid[4:, 4:] == 128).all()
