import pytest

from dagan_tf.evaluation.measure import Measure, as_json, value_of
from dagan_tf.metrics.bootstrap import Interval


@pytest.mark.parametrize(
    ("better", "after", "before", "said"),
    [
        ("higher", 2, 1, True),
        ("higher", 1, 2, False),
        ("lower", 1, 2, True),
        ("lower", 1, 1, None),
        (None, 1, 2, None),
    ],
)
def test_which_is_better(better, after, before, said):
    assert Measure("m", better).is_better(after, before) is said


def test_a_name_is_one_measure_and_plain_in_json():
    row = {Measure("a", "lower"): Interval(1.0, 0.5, 2.0), Measure("b"): None}
    assert row[Measure("a")] == Interval(1.0, 0.5, 2.0)
    assert value_of(row[Measure("a")]) == 1.0
    assert as_json(row) == {"a": {"value": 1.0, "low": 0.5, "high": 2.0}, "b": None}
