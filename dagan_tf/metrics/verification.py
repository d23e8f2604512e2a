"""1:1 measures at a threshold: TAR at FAR, accuracy by folds.

All take `scores` (N,), larger = more alike, and `same` (N,) bool, True = two images or templates
of one person (*genuine*), False = of two (*impostor*).

The rule for ties, the same everywhere: a pair is accepted when its score is at or above the
threshold, equal scores are accepted or refused together, and the FAR reached is never above the
FAR asked for. TAR at FAR is the largest TAR that this allows, which is the highest point of
scikit-learn's `roc_curve(drop_intermediate=False)` with `fpr <= far`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dagan_tf.errors import DaganError
from dagan_tf.metrics.roc import checked, separated

# Scores that are looked at to guess where the threshold lies; the guess is then verified.
_SAMPLE = 200_000


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold and what it does.

    Attributes:
        asked: The false accept rate asked for.
        far: The share of impostors at or above the threshold, at most `asked`.
        threshold: Accept where score >= threshold; the lowest that keeps to `asked`.
        tar: Share of genuine pairs at or above the threshold.
        impostors: Number of impostor scores.
        genuine: Number of genuine scores.
    """

    asked: float
    far: float
    threshold: float
    tar: float
    impostors: int
    genuine: int


@dataclass(frozen=True, eq=False)
class FoldAccuracy:
    """Outcome of `accuracy_by_folds`.

    Attributes:
        folds: (F,) the folds' numbers.
        accuracies: (F,) accuracy on each fold, its threshold chosen on all others.
        thresholds: (F,) those thresholds.
    """

    folds: np.ndarray
    accuracies: np.ndarray
    thresholds: np.ndarray

    @property
    def mean(self) -> float:
        """Mean over folds."""
        return float(self.accuracies.mean())

    @property
    def std(self) -> float:
        """Population standard deviation over folds."""
        return float(self.accuracies.std())


def tar_at_far(
    scores: np.ndarray, same: np.ndarray, far: float, *, least_errors: int = 1
) -> OperatingPoint:
    """True accept rate at a false accept rate; see `operating_points`."""
    return operating_points(scores, same, [far], least_errors=least_errors)[0]


def operating_points(
    scores: np.ndarray, same: np.ndarray, fars: Sequence[float], *, least_errors: int = 1
) -> tuple[OperatingPoint, ...]:
    """TAR at each of several FARs, by selection instead of sorting: linear in the scores.

    Args:
        scores: (N,) larger = more alike.
        same: (N,) bool.
        fars: False accept rates in (0, 1].
        least_errors: How many impostors a FAR has to stand for, or it is refused: 1 is the least
            that means anything; 30 is what is usually asked of a trustworthy figure (Doddington's
            rule of 30).

    Returns:
        One point a FAR, in the order given.

    Raises:
        DaganError: NaN scores, a set without genuine or impostor pairs, or a FAR that the
            number of impostors can't resolve.
    """
    scores, same = checked(scores, same)
    genuine = scores[same]
    impostors = len(scores) - len(genuine)
    allowed = [allowed_errors(far, impostors, least_errors=least_errors) for far in fars]
    highest = _highest_refused(scores, ~same, impostors, allowed)
    points = []
    for far, refused in zip(fars, highest, strict=True):
        above = scores.dtype.type(np.inf)
        threshold = float(np.nextafter(refused, above)) if refused > -np.inf else -np.inf
        # Counted, not taken from `allowed`: with ties the FAR reached is below the one allowed.
        accepted = int(np.count_nonzero((scores > refused) & ~same))
        tar = np.count_nonzero(genuine > refused) / len(genuine)
        points.append(
            OperatingPoint(far, accepted / impostors, threshold, tar, impostors, len(genuine))
        )
    return tuple(points)


def accuracy_by_folds(scores: np.ndarray, same: np.ndarray, folds: np.ndarray) -> FoldAccuracy:
    """LFW's and CFP's accuracy: each fold judged with a threshold chosen on the others.

    Among the thresholds between scores of the other folds that are the most accurate there, the
    middle one is taken (the lower of two), half-way between its neighbouring scores.

    Args:
        scores: (N,) larger = more alike.
        same: (N,) bool.
        folds: (N,) int, the fold of each pair; at least two folds.

    Returns:
        Accuracy and threshold a fold.

    Raises:
        DaganError: Shapes differ, NaN scores, or a fold whose others lack genuine or impostors.
    """
    scores, same = checked(scores, same)
    folds = np.asarray(folds)
    if folds.shape != scores.shape:
        raise DaganError(f"folds has shape {folds.shape}; expected {scores.shape}, one a score")
    numbers = np.unique(folds)
    if len(numbers) < 2:
        raise DaganError(f"accuracy by folds got {len(numbers)} fold; expected at least 2")
    accuracies, thresholds = [], []
    for number in numbers:
        held = folds == number
        threshold = best_threshold(scores[~held], same[~held])
        accuracies.append(np.mean((scores[held] >= threshold) == same[held]))
        thresholds.append(threshold)
    return FoldAccuracy(numbers, np.array(accuracies), np.array(thresholds))


def best_threshold(scores: np.ndarray, same: np.ndarray) -> float:
    """The most accurate threshold, chosen as `accuracy_by_folds` says; arguments likewise."""
    genuine, impostor = (np.sort(part) for part in separated(scores, same))
    values = np.unique(np.concatenate([genuine, impostor])).astype(np.float64)
    middles = values[:-1] + (values[1:] - values[:-1]) / 2
    # Rounding can put the middle of two neighbouring floats onto the lower one.
    middles = np.where(middles > values[:-1], middles, values[1:])
    candidates = np.concatenate([[values[0]], middles, [np.nextafter(values[-1], np.inf)]])
    right = np.searchsorted(impostor, candidates, side="left") + (
        len(genuine) - np.searchsorted(genuine, candidates, side="left")
    )
    best = np.flatnonzero(right == right.max())
    return float(candidates[best[(len(best) - 1) // 2]])


def allowed_errors(rate: float, count: int, *, least_errors: int = 1, name: str = "FAR") -> int:
    """The largest number of errors among `count` trials whose share is at most `rate`.

    Args:
        rate: In (0, 1].
        count: Number of impostors or of non-mated searches.
        least_errors: The least result that is not refused.
        name: What the rate is called in the error.

    Raises:
        DaganError: The rate is out of range or too low for so few trials.
    """
    if not 0.0 < rate <= 1.0:
        raise DaganError(f"{name} is {rate}; expected a share in (0, 1]")
    errors = int(rate * count)
    # The product may be rounded to either side of a whole number; the quotient decides.
    errors += (errors + 1) / count <= rate
    errors -= errors / count > rate
    if errors < least_errors:
        needed = int(np.ceil(least_errors / rate))
        raise DaganError(
            f"{name} {rate:g} can't be resolved by {count} trials; expected at least {needed}"
        )
    return errors


def highest_refused(values: np.ndarray, errors: int) -> float:
    """The value that an accepted one has to exceed so that at most `errors` are accepted.

    Args:
        values: (N,) impostor scores.
        errors: How many of them may be accepted; N or more accepts all.

    Returns:
        The (errors + 1)-th highest value; -inf where there is none.
    """
    if errors >= len(values):
        return -np.inf
    place = len(values) - 1 - errors
    return float(np.partition(values, place)[place])


def _highest_refused(
    scores: np.ndarray, impostor: np.ndarray, count: int, errors: Sequence[int]
) -> list[np.floating]:
    """`highest_refused` of scores[impostor] for several numbers of errors, without copying all.

    A guess from a sample leaves out nearly all scores that are too low to matter; only where
    the guess turns out too high are all impostors looked at.
    """
    most = max(errors) + 1
    pool = None
    step = len(scores) // _SAMPLE
    if step > 1 and most < count:
        sample = scores[::step][impostor[::step]]
        share = len(sample) * most / count
        kept = int(share + 6 * np.sqrt(share) + 10)
        if kept < len(sample):
            pivot = np.partition(sample, len(sample) - kept)[len(sample) - kept]
            pool = scores[(scores >= pivot) & impostor]
    if pool is None or len(pool) < most:
        pool = scores[impostor]
    places = {len(pool) - 1 - number for number in errors if number < count}
    if places:
        pool = np.partition(pool, sorted(places))
    low = scores.dtype.type(-np.inf)
    return [pool[len(pool) - 1 - number] if number < count else low for number in errors]
