"""1:1 measures over all thresholds: ROC, equal error rate, area under the ROC.

Arguments and the rule for ties as in `verification`.
"""

from dataclasses import dataclass

import numpy as np

from dagan_tf.errors import DaganError


@dataclass(frozen=True, eq=False)
class Roc:
    """Receiver operating characteristic, from (0, 0) to (1, 1), one point a distinct score.

    Attributes:
        far: (K,) rising.
        tar: (K,) rising.
        thresholds: (K,) falling, in accept-at-or-above form; the first is +inf.
    """

    far: np.ndarray
    tar: np.ndarray
    thresholds: np.ndarray


def roc(scores: np.ndarray, same: np.ndarray) -> Roc:
    """The whole ROC; arguments as `tar_at_far`. DET: draw `1 - tar` over `far`."""
    genuine, impostor = separated(scores, same)
    genuine, impostor = np.sort(genuine), np.sort(impostor)
    thresholds = np.unique(np.concatenate([genuine, impostor]))[::-1]
    far = 1.0 - np.searchsorted(impostor, thresholds, side="left") / len(impostor)
    tar = 1.0 - np.searchsorted(genuine, thresholds, side="left") / len(genuine)
    return Roc(
        np.concatenate([[0.0], far]),
        np.concatenate([[0.0], tar]),
        np.concatenate([[np.inf], thresholds]),
    )


def equal_error_rate(scores: np.ndarray, same: np.ndarray) -> float:
    """Where the ROC, its points joined by straight lines, meets FAR = 1 - TAR.

    Arguments as `tar_at_far`. A straight piece stands for accepting equal scores at random.
    """
    curve = roc(scores, same)
    excess = curve.far - (1.0 - curve.tar)  # rises strictly from -1 to 1
    after = int(np.searchsorted(excess, 0.0, side="left"))
    before = after - 1
    share = -excess[before] / (excess[after] - excess[before])
    return float(curve.far[before] + share * (curve.far[after] - curve.far[before]))


def auc(scores: np.ndarray, same: np.ndarray) -> float:
    """Area under the ROC; arguments as `tar_at_far`; ties count half."""
    return win_rate(*separated(scores, same))


def win_rate(first: np.ndarray, second: np.ndarray) -> float:
    """Share of pairs (one of `first`, one of `second`) with the first higher; ties count half.

    Args:
        first: (N,) scores.
        second: (M,) scores.

    Returns:
        The area under the ROC that takes `first` for the positives, in [0, 1].
    """
    second = np.sort(second)
    below = np.searchsorted(second, first, side="left")
    not_above = np.searchsorted(second, first, side="right")
    return float((below + not_above).mean() / (2 * len(second)))


def separated(scores: np.ndarray, same: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns genuine (G,) and impostor (I,) scores, checked as `checked`."""
    scores, same = checked(scores, same)
    return scores[same], scores[~same]


def checked(scores: np.ndarray, same: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores as floats and `same` as bool, of one shape, without NaN, with both kinds present.

    Raises:
        DaganError: What is wrong, with the first row that is.
    """
    scores, same = np.asarray(scores), np.asarray(same)
    if scores.dtype.kind != "f":
        scores = scores.astype(np.float64)
    if scores.ndim != 1 or scores.shape != same.shape:
        raise DaganError(f"scores {scores.shape} and same {same.shape}: expected (N,) twice")
    if same.dtype != bool:
        if not np.isin(same, (0, 1)).all():
            raise DaganError("same holds values other than 0 and 1; expected booleans")
        same = same.astype(bool)
    if len(scores) and np.isnan(scores.min()):  # the least value is NaN where any is
        row = int(np.flatnonzero(np.isnan(scores))[0])
        raise DaganError(f"score {row} is NaN; expected numbers, larger = more alike")
    genuine = int(np.count_nonzero(same))
    if not 0 < genuine < len(same):
        raise DaganError(
            f"{genuine} genuine and {len(same) - genuine} impostor pairs; expected some of both"
        )
    return scores, same
