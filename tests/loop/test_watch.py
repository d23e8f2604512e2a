"""Detectors by hand: when they ring, how often, what they do."""

import pytest

from dagan_tf.config.settings import AlarmConfig, TrainingConfig
from dagan_tf.loop.watch import TrainingFailure, Watch

TRAINING = TrainingConfig(steps=1000, warmup_steps=100)  # watched from step 200 on
GOOD = {"diversity": 0.2, "simulated_diversity": 0.4, "refinement": 0.01}


ALARMS = AlarmConfig()


def check(step=201, settings=ALARMS, **values):
    return Watch(settings, TRAINING).check(step, {**GOOD, **values})


def test_all_is_well():
    assert check() == []


@pytest.mark.parametrize(
    ("values", "name"),
    [({"diversity": 0.119}, "collapse"), ({"refinement": 0.0019}, "identity_map")],
)
def test_each_alarm_rings_once_until_it_stops(values, name):
    watch = Watch(ALARMS, TRAINING)
    assert watch.check(200, {**GOOD, **values}) == []
    rings = [watch.check(step, {**GOOD, **values}) for step in (201, 202)]
    assert [[(alarm.name, alarm.new) for alarm in ring] for ring in rings] == [
        [(name, True)], [(name, False)],
    ]  # fmt: skip
    assert watch.check(203, GOOD) == []
    assert watch.check(204, {**GOOD, **values})[0].new


def test_just_inside_the_limits():
    assert check(diversity=0.1201, refinement=0.0021) == []


def test_actions():
    Watch.act(check(refinement=0.0))
    settings = AlarmConfig(on_collapse="rollback", on_identity_map="stop")
    with pytest.raises(TrainingFailure, match="nothing is refined") as failure:
        Watch.act(check(settings=settings, refinement=0.0))
    assert failure.value.action == "stop"
    with pytest.raises(TrainingFailure, match=r"step 201: .*diversity 0\.0100") as failure:
        Watch.act(check(settings=settings, diversity=0.01))
    assert failure.value.action == "rollback"
