"""Intervals over people: coverage, and people drawn whole."""

import numpy as np
import pytest

from dagan_tf.metrics.resampling import bootstrap_people, jackknife_people, rows_of


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
