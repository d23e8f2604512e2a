"""Intervals over people: coverage, and people drawn whole."""

import numpy as np
import pytest

from dagan_tf.errors import DaganError
from dagan_tf.metrics.bootstrap import (
    bootstrap_pairs,
    bootstrap_people,
    jackknife_people,
    percentiles,
    rows_of,
)
from dagan_tf.metrics.roc import auc


def test_rows_of_repeats_whole_people() -> None:
    people = np.array(["a", "b", "a", "c"])
    np.testing.assert_array_equal(rows_of(people, ["a", "c", "a"]), [0, 2, 3, 0, 2])
    assert len(rows_of(people, [])) == 0


def test_jackknife_of_a_mean_is_the_standard_error() -> None:
    rng = np.random.default_rng(0)
    values, people = rng.normal(size=25), np.arange(25).astype(str)
    interval = jackknife_people(lambda kept: values[rows_of(people, kept)].mean(), people)
    error = values.std(ddof=1) / 5
    assert interval.value == pytest.approx(values.mean())
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * error)


@pytest.mark.parametrize("interval_of", [bootstrap_people, jackknife_people])
def test_intervals_know_that_photos_of_a_person_hang_together(interval_of) -> None:
    """Ten copies of a photo are no ten people: the interval must not shrink."""
    rng = np.random.default_rng(1)
    values = rng.normal(size=20)
    copies, people = np.repeat(values, 10), np.repeat(np.arange(20).astype(str), 10)
    interval = interval_of(lambda drawn: copies[rows_of(people, drawn)].mean(), people)
    width = 2 * 1.96 * values.std(ddof=1) / np.sqrt(20)
    assert interval.high - interval.low == pytest.approx(width, rel=0.15)
    assert interval.value == pytest.approx(values.mean())
    assert interval.low < interval.value < interval.high


def test_one_person_has_no_interval() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        bootstrap_people(lambda drawn: 0.0, ["a", "a"])


def test_the_bootstrap_resamples_people():
    rng = np.random.default_rng(0)
    people = np.repeat(np.arange(30), 4)
    first, second = np.triu_indices(120, 1)
    same = people[first] == people[second]
    # Each person has a level of their own: pairs of one person are not independent.
    level = rng.normal(size=30)
    scores = same * (1.0 + level[people[first]]) + 0.3 * rng.normal(size=len(first))
    low, high = bootstrap_pairs(auc, scores, same, people[first], people[second], rounds=200)
    assert low < auc(scores, same) < high
    wrong = [
        auc(scores[rows], same[rows])
        for rows in (rng.integers(len(scores), size=len(scores)) for _ in range(100))
    ]
    assert high - low > 2 * np.ptp(np.quantile(wrong, [0.025, 0.975]))
    assert bootstrap_pairs(auc, scores, same, people[first], people[second], rounds=50) == (
        bootstrap_pairs(auc, scores, same, people[first], people[second], rounds=50)
    )
    with pytest.raises(DaganError, match="1 person"):
        bootstrap_pairs(auc, scores[:2], same[:2], ["a", "a"], ["a", "a"])


def test_a_pair_is_repeated_as_often_as_its_people_are_drawn():
    first, second = np.array(["a", "a", "b", "a"]), np.array(["a", "b", "c", "c"])
    same = first == second
    scores = np.array([1.0, 10.0, 100.0, 1000.0])
    found = []

    def measure(rows, genuine):
        found.append((rows[genuine].sum(), rows[~genuine].sum()))
        return 0.0

    bootstrap_pairs(measure, scores, same, first, second, rounds=200, seed=5)
    rng = np.random.default_rng(5)
    expected = []
    for _ in range(200):
        a, b, c = np.bincount(rng.integers(3, size=3), minlength=3)
        genuine, impostor = a * 1.0, 10.0 * a * b + 100.0 * b * c + 1000.0 * a * c
        if genuine and impostor:
            expected.append((genuine, impostor))
    assert found == expected


def test_percentiles_leave_out_what_is_not_known():
    draws = np.append(np.arange(101.0), np.nan)
    assert percentiles(draws, 0.9) == pytest.approx((5.0, 95.0))
