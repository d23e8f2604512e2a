"""How sure a figure is: over splits, and by resampling people."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from dagan_tf.errors import DaganError


@dataclass(frozen=True)
class Spread:
    """Mean and population standard deviation over splits, as papers on IJB-A print them."""

    mean: float
    std: float
    count: int

    def __str__(self) -> str:
        return f"{self.mean:.3f} ± {self.std:.3f}" if self.count > 1 else f"{self.mean:.4f}"


def over_splits(values: Sequence[float]) -> Spread:
    """Mean and population standard deviation (ddof 0); refuses NaN and an empty list."""
    array = np.asarray(values, dtype=np.float64)
    if not len(array) or not np.isfinite(array).all():
        raise DaganError(f"values over splits are {array.tolist()}; expected finite numbers")
    return Spread(float(array.mean()), float(array.std()), len(array))


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
    people, place = np.unique(np.concatenate([first, second]), return_inverse=True)
    if len(people) < 2:
        raise DaganError(f"bootstrap over {len(people)} person; expected at least 2")
    one, two = place[: len(scores)], place[len(scores) :]
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(rounds):
        draws = np.bincount(rng.integers(len(people), size=len(people)), minlength=len(people))
        repeats = np.where(same, draws[one], draws[one] * draws[two])
        rows = np.repeat(np.arange(len(scores)), repeats)
        genuine = int(np.count_nonzero(same[rows]))
        if 0 < genuine < len(rows):
            values.append(measure(scores[rows], same[rows]))
    if len(values) < rounds / 2:
        raise DaganError(f"only {len(values)} of {rounds} resamples hold both kinds of pairs")
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(values, [tail, 1.0 - tail])
    return float(low), float(high)
