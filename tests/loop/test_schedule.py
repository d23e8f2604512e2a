"""Halving with a floor."""

import pytest

from dagan_tf.loop.schedule import FallingSchedule


@pytest.mark.parametrize(
    ("step", "rate"), [(0, 8.0), (9, 8.0), (10, 4.0), (25, 2.0), (30, 1.5), (1000, 1.5)]
)
def test_halves_down_to_the_floor(step, rate):
    assert float(FallingSchedule(8.0, 10, 1.5)(step)) == rate


def test_constant_without_decay_and_never_raised_to_the_floor():
    assert float(FallingSchedule(8.0, 0, 1.5)(10_000)) == 8.0
    assert float(FallingSchedule(1.0, 10, 1.5)(10_000)) == 1.0


@pytest.mark.parametrize(("step", "rate"), [(0, 8.0), (60, 8.0), (80, 4.0), (95, 1.5), (200, 1.5)])
def test_falls_evenly_over_the_last_steps(step, rate):
    schedule = FallingSchedule(8.0, 0, 1.5, steps=100, linear_steps=40)
    assert float(schedule(step)) == rate
    assert float(FallingSchedule.from_config(schedule.get_config())(step)) == rate


def test_config_round_trip():
    schedule = FallingSchedule(8.0, 10, 1.5)
    assert float(FallingSchedule.from_config(schedule.get_config())(10)) == 4.0
