"""Plateau by hand: smoothing, improvement, halving, warm-up."""

import numpy as np
import pytest
import tensorflow as tf

from dagan_tf.core.progress import Progress
from dagan_tf.loop.schedule import FallingSchedule


def feed(progress, values, counting=1.0):
    for value in values:
        progress.update(tf.constant(value), tf.constant(counting))


def read(variable):
    return float(tf.convert_to_tensor(variable))


def test_smoothing_begins_with_the_first_value():
    progress = Progress()
    feed(progress, [2.0])
    assert read(progress.smoothed) == 2.0
    feed(progress, [1.0])
    assert read(progress.smoothed) == pytest.approx(0.99 * 2 + 0.01)
    assert read(progress.steps) == 2


def test_warmup_counts_steps_only():
    progress = Progress(plateau_steps=2)
    feed(progress, [5.0] * 9, counting=0.0)
    assert (read(progress.steps), read(progress.smoothed), read(progress.rate_scale)) == (9, 0, 1)
    feed(progress, [5.0])
    assert read(progress.smoothed) == 5.0
    assert read(progress.best_step) == 10


def test_rates_halve_on_a_plateau_only_and_down_to_the_floor():
    progress = Progress(plateau_steps=3)
    schedule = FallingSchedule(0.8, 0, 0.3, progress.rate_scale)
    feed(progress, [1.0, 1.0, 1.0])
    np.testing.assert_allclose(schedule(0), 0.8)
    feed(progress, [1.0])  # three steps after the best
    np.testing.assert_allclose(schedule(0), 0.4)
    feed(progress, [0.5, 0.5, 0.5, 0.5])  # 0.5 % better each step
    np.testing.assert_allclose(schedule(0), 0.4)
    feed(progress, [2.0] * 3)
    np.testing.assert_allclose(schedule(0), 0.3)  # 0.2 without the floor
    assert read(progress.rate_scale) == 0.25
