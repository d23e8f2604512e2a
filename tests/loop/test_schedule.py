"""Halving with a floor."""

import pytest

from dagan_tf.loop.schedule import HalvingSchedule


@pytest.mark.parametrize(
    ("step", "rate"), [(0, 8.0), (9, 8.0), (10, 4.0), (25, 2.0), (30, 1.5), (1000, 1.5)]
)
def test_halves_down_to_the_floor(step, rate):
    assert float(HalvingSchedule(8.0, 10, 1.5)(step)) == rate


def test_constant_without_decay_and_never_raised_to_the_floor():
    assert float(HalvingSchedule(8.0, 0, 1.5)(10_000)) == 8.0
    assert float(HalvingSchedule(1.0, 10, 1.5)(10_000)) == 1.0


def test_config_round_trip():
    schedule = HalvingSchedule(8.0, 10, 1.5)
    assert float(HalvingSchedule.from_config(schedule.get_config())(10)) == 4.0
