"""How evenly the views of a data set are spread over yaw."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_BIN_WIDTH = 15.0
_FIRST_EDGE, _LAST_EDGE = -97.5, 97.5


@dataclass(frozen=True)
class PoseHistogram:
    """Counts of views by yaw.

    Attributes:
        edges: (B + 1,) float64, degrees, rising.
        counts: (B,) int64; a bin holds lower edge <= yaw < upper edge, the last one both edges.
        outside: Number of views beyond the edges.
        entropy: Shannon entropy of the counts over log(B): 1 when all bins hold the same number,
            0 when one bin holds all or there is none.
    """

    edges: np.ndarray
    counts: np.ndarray
    outside: int
    entropy: float


def pose_histogram(
    yaws: Sequence[float] | np.ndarray, edges: Sequence[float] | np.ndarray | None = None
) -> PoseHistogram:
    """Counts yaws in bins.

    Args:
        yaws: Degrees, finite.
        edges: Rising bin edges in degrees; by default 15-degree bins centred at -90, -75, ..., 90.

    Raises:
        ValueError: A yaw is not finite, or the edges do not rise.
    """
    yaw = np.asarray(yaws, dtype=np.float64).ravel()
    if not np.isfinite(yaw).all():
        raise ValueError("yaws hold values that are not finite")
    if edges is None:
        edges = np.arange(_FIRST_EDGE, _LAST_EDGE + _BIN_WIDTH / 2, _BIN_WIDTH)
    bounds = np.asarray(edges, dtype=np.float64)
    if bounds.ndim != 1 or len(bounds) < 2 or not (np.diff(bounds) > 0).all():
        raise ValueError(f"edges are {bounds.tolist()}; expected two or more rising numbers")
    counts, _ = np.histogram(yaw, bins=bounds)
    return PoseHistogram(bounds, counts, len(yaw) - int(counts.sum()), _entropy(counts))


def _entropy(counts: np.ndarray) -> float:
    total = counts.sum()
    if total == 0 or len(counts) == 1:
        return 0.0
    share = counts[counts > 0] / total
    return max(0.0, float(-(share * np.log(share)).sum() / np.log(len(counts))))
