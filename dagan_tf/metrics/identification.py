"""1:N measures: CMC of the closed set, TPIR and FNIR at FPIR of the open set.

A *search* compares a probe with every gallery subject. It is *mated* when the probe's subject is
in the gallery. A gallery subject with several templates counts with its highest score. A tie
between the mate and another subject is a miss: the rank counts every other subject that scores
at least as high, so a network that gives everybody the same features finds nobody.

At a false positive rate two conventions are in use, and both are given by name:

- *any rank* (NIST's surveillance figure, FNIR(N, N, T)): a mated search succeeds when the mate
  is at or above the threshold, whoever else is;
- *rank 1* (the common one in papers on IJB-A): the mate must also come first.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dagan_tf.errors import DaganError
from dagan_tf.metrics.verification import allowed_errors, highest_refused

_ROWS = 1024


@dataclass(frozen=True, eq=False)
class Searches:
    """What all measures need of P searches; made by `search`, joined by `joined`.

    Attributes:
        mate: (P,) float64, score of the probe's own subject; NaN where it isn't in the gallery.
        rank: (P,) int, 1 + number of other subjects at or above the mate; 0 where there is none.
        best_other: (P,) float64, highest score of any other subject; -inf where there is none.
    """

    mate: np.ndarray
    rank: np.ndarray
    best_other: np.ndarray

    @property
    def mated(self) -> np.ndarray:
        """(P,) bool: the probe's subject is in the gallery."""
        return self.rank > 0

    @classmethod
    def joined(cls, parts: Sequence["Searches"]) -> "Searches":
        """Puts searches that were made chunk by chunk together, in order."""
        return cls(
            *(
                np.concatenate([getattr(part, name) for part in parts])
                for name in ("mate", "rank", "best_other")
            )
        )


@dataclass(frozen=True)
class OpenSetPoint:
    """A threshold of the open-set search and what it does.

    Attributes:
        asked: The false positive identification rate asked for.
        fpir: Share of non-mated searches that return anybody, at most `asked`.
        threshold: Return a subject where its score >= threshold; the lowest that keeps to `asked`.
        tpir_any_rank: Share of mated searches with the mate at or above the threshold.
        tpir_rank1: The same, and the mate is the first.
        mated: Number of mated searches.
        non_mated: Number of non-mated searches.
    """

    asked: float
    fpir: float
    threshold: float
    tpir_any_rank: float
    tpir_rank1: float
    mated: int
    non_mated: int

    @property
    def fnir_any_rank(self) -> float:
        """1 - `tpir_any_rank`."""
        return 1.0 - self.tpir_any_rank

    @property
    def fnir_rank1(self) -> float:
        """1 - `tpir_rank1`."""
        return 1.0 - self.tpir_rank1


def search(
    scores: np.ndarray,
    probe_subjects: Sequence[str] | np.ndarray,
    gallery_subjects: Sequence[str] | np.ndarray,
) -> Searches:
    """Ranks the gallery for every probe.

    Args:
        scores: (P, G) larger = more alike.
        probe_subjects: (P,) subjects.
        gallery_subjects: (G,) subjects.

    Returns:
        The searches, in the order of the probes.

    Raises:
        DaganError: Shapes that do not fit, an empty side, or NaN scores.
    """
    scores = np.asarray(scores)
    probe_subjects, gallery_subjects = np.asarray(probe_subjects), np.asarray(gallery_subjects)
    expected = (len(probe_subjects), len(gallery_subjects))
    if scores.shape != expected or not scores.size:
        raise DaganError(f"scores has shape {scores.shape}; expected {expected}, none of them 0")
    subjects, column = np.unique(gallery_subjects, return_inverse=True)
    order = np.argsort(column, kind="stable")
    starts = np.searchsorted(column[order], np.arange(len(subjects)))
    own = np.minimum(np.searchsorted(subjects, probe_subjects), len(subjects) - 1)
    mated = subjects[own] == probe_subjects
    parts = []
    for start in range(0, len(scores), _ROWS):
        rows = slice(start, start + _ROWS)
        chunk = scores[rows].astype(np.float64)
        if np.isnan(chunk.min()):
            row, place = np.argwhere(np.isnan(chunk))[0]
            raise DaganError(f"score of probe {start + row}, gallery {place} is NaN")
        if len(subjects) < len(column):
            chunk = np.maximum.reduceat(chunk[:, order], starts, axis=1)
        else:
            chunk = chunk[:, order]
        parts.append(_ranked(chunk, own[rows], mated[rows]))
    return Searches.joined(parts)


def cmc(searches: Searches, ranks: Sequence[int] = (1, 5, 10)) -> np.ndarray:
    """Share of mated searches with the mate at each rank or before: (len(ranks),) float64.

    The closed-set identification rate; searches without a mate do not count.
    """
    found = searches.rank[searches.mated]
    if not len(found):
        raise DaganError("no search is mated; expected probes whose subject is in the gallery")
    return np.array([np.mean(found <= rank) for rank in ranks])


def open_set(searches: Searches, fpir: float, *, least_errors: int = 1) -> OpenSetPoint:
    """TPIR and FNIR at a false positive identification rate, under both conventions.

    Args:
        searches: Mated and non-mated searches.
        fpir: Share of non-mated searches that may return somebody, in (0, 1].
        least_errors: As `verification.operating_points`.

    Returns:
        The threshold and its rates; ties as in `verification`.

    Raises:
        DaganError: One kind of search is missing, or the FPIR can't be resolved.
    """
    mated = searches.mated
    if mated.all() or not mated.any():
        raise DaganError(
            f"{mated.sum()} mated and {(~mated).sum()} non-mated searches; expected some of both"
        )
    tops = searches.best_other[~mated]
    errors = allowed_errors(fpir, len(tops), least_errors=least_errors, name="FPIR")
    refused = highest_refused(tops, errors)
    found = searches.mate[mated] > refused
    return OpenSetPoint(
        asked=fpir,
        fpir=float(np.mean(tops > refused)),
        threshold=float(np.nextafter(refused, np.inf)) if refused > -np.inf else -np.inf,
        tpir_any_rank=float(found.mean()),
        tpir_rank1=float((found & (searches.rank[mated] == 1)).mean()),
        mated=int(mated.sum()),
        non_mated=len(tops),
    )


def _ranked(scores: np.ndarray, own: np.ndarray, mated: np.ndarray) -> Searches:
    """Searches of (P, S) scores a subject, changed in place; `own` (P,) the mate's column."""
    rows = np.flatnonzero(mated)
    mate = np.full(len(scores), np.nan)
    mate[rows] = scores[rows, own[rows]]
    scores[rows, own[rows]] = np.nan  # a comparison with NaN is false: never its own rival
    rank = np.where(mated, 1 + np.count_nonzero(scores >= mate[:, None], axis=1), 0)
    scores[rows, own[rows]] = -np.inf
    return Searches(mate, rank, scores.max(axis=1))
