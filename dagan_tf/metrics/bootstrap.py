"""Confidence intervals over people: photos of one person are not independent draws."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from dagan_tf.errors import DaganError


@dataclass(frozen=True)
class Interval:
    """A value with its confidence interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4g} [{self.low:.4g}, {self.high:.4g}]"


def rows_of(people: Sequence[str] | np.ndarray, drawn: Sequence[str] | np.ndarray) -> np.ndarray:
    """Returns the row numbers of the drawn people, (K,) int; a person drawn twice counts twice.

    Args:
        people: The person of each row.
        drawn: People, possibly repeated.
    """
    people = np.asarray(people)
    rows = [np.flatnonzero(people == person) for person in np.asarray(drawn)]
    return np.concatenate(rows) if rows else np.zeros(0, dtype=int)


def bootstrap_people(
    statistic: Callable[[np.ndarray], float],
    people: Sequence[str] | np.ndarray,
    *,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Percentile bootstrap that draws whole people.

    For means, rates and AUCs. Not for the kernel distance: a person drawn twice makes pairs of
    equal rows, which bias an unbiased estimate; see `jackknife_people`.

    Args:
        statistic: From drawn people (with repeats) to a number; select rows with `rows_of`.
        people: The people; repeats are ignored.
        resamples: Number of draws.
        level: Confidence level.
        seed: Of the draws.

    Returns:
        The statistic of all people and its interval.
    """
    unique = _unique(people)
    draws = _draws(statistic, unique, resamples, seed)
    return Interval(float(statistic(unique)), *percentiles(draws, level))


def bootstrap_pairs(
    measure: Callable[[np.ndarray, np.ndarray], float],
    scores: np.ndarray,
    same: np.ndarray,
    first: Sequence[str] | np.ndarray,
    second: Sequence[str] | np.ndarray,
    *,
    rounds: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[float, float]:
    """Percentile interval of a 1:1 measure, people drawn with replacement.

    Pairs of one person are not independent, so people are resampled, not pairs: a pair is repeated
    as often as the product of its two people's draws (of the one person's draws if it is genuine).

    Args:
        measure: of (N,) scores and (N,) bool same.
        scores: (N,).
        same: (N,) bool.
        first: (N,) people.
        second: (N,) people.
        rounds: resamples.
        seed: of the draws.
        level: of the interval, in (0, 1).

    Returns:
        Lower and upper end.

    Raises:
        DaganError: fewer than two people, or more than half of the resamples lack genuine or
            impostor pairs.
    """
    unique, place = np.unique(np.concatenate([first, second]), return_inverse=True)
    if len(unique) < 2:
        raise DaganError(f"bootstrap over {len(unique)} person; expected at least 2")
    one, two = place[: len(scores)], place[len(scores) :]

    def of_draw(drawn: np.ndarray) -> float:
        times = np.bincount(np.searchsorted(unique, drawn), minlength=len(unique))
        repeats = np.where(same, times[one], times[one] * times[two])
        rows = np.repeat(np.arange(len(scores)), repeats)
        genuine = int(np.count_nonzero(same[rows]))
        return measure(scores[rows], same[rows]) if 0 < genuine < len(rows) else float("nan")

    values = _draws(of_draw, unique, rounds, seed)
    known = int(np.isfinite(values).sum())
    if known < rounds / 2:
        raise DaganError(f"only {known} of {rounds} resamples hold both kinds of pairs")
    return percentiles(values, level)


def percentiles(draws: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """The interval that holds the middle `level` of (B,) draws; NaN ones count for nothing."""
    tail = (1.0 - level) / 2.0
    low, high = np.nanquantile(draws, [tail, 1.0 - tail])
    return float(low), float(high)


def mean_interval(values: np.ndarray, people: Sequence[str] | np.ndarray) -> Interval:
    """`bootstrap_people` of the mean of (N,) values, `people` (N,) saying whose each is."""
    values = np.asarray(values, dtype=float)
    return bootstrap_people(lambda drawn: float(values[rows_of(people, drawn)].mean()), people)


def jackknife_people(
    statistic: Callable[[np.ndarray], float],
    people: Sequence[str] | np.ndarray,
) -> Interval:
    """95 % interval from leaving out one person at a time (normal approximation).

    Args:
        statistic: From kept people to a number; smooth in the data (a kernel distance, a mean).
        people: The people; repeats are ignored.

    Returns:
        The statistic of all people, plus and minus 1.96 jackknife standard errors.
    """
    unique = _unique(people)
    left_out = np.array([statistic(np.delete(unique, i)) for i in range(len(unique))])
    count = len(unique)
    error = np.sqrt((count - 1) / count * ((left_out - left_out.mean()) ** 2).sum())
    value = float(statistic(unique))
    return Interval(value, value - 1.96 * float(error), value + 1.96 * float(error))


def _draws(
    statistic: Callable[[np.ndarray], float], people: np.ndarray, rounds: int, seed: int
) -> np.ndarray:
    """(rounds,) the statistic of people drawn with replacement."""
    generator = np.random.default_rng(seed)
    count = len(people)
    return np.array(
        [statistic(people[generator.integers(count, size=count)]) for _ in range(rounds)]
    )


def _unique(people: Sequence[str] | np.ndarray) -> np.ndarray:
    unique = np.unique(np.asarray(people))
    if len(unique) < 2:
        raise ValueError(f"{len(unique)} people; an interval over people needs at least 2")
    return unique
