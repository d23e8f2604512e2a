"""Intervals that allow for who happens to be under test: a bootstrap over people and splits.

Photos of one person, and splits that test the same people, are not independent draws. So people are
drawn with replacement, a pair counting as often as both of its people were drawn, and splits too;
both systems of a comparison are judged on the same draws.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dagan_tf.metrics.bootstrap import percentiles
from dagan_tf.protocols.protocol import Protocol, Split
from dagan_tf.recognition.comparison import Gain
from dagan_tf.recognition.scores import FARS, Compared, compare
from dagan_tf.recognition.systems import EMBEDDINGS_NAME, Run

DRAWS = 1000
# Draws at once, which bounds the memory; and the most pairs of a comparison.
_AT_ONCE = 50
_MOST_PAIRS = 200_000


@dataclass(frozen=True, eq=False)
class Drawn:
    """Who and what was drawn.

    Attributes:
        people: (B, P) int, how often each person was drawn.
        splits: (B, J) int, the same of splits.
    """

    people: np.ndarray
    splits: np.ndarray


def draw(people: int, splits: int, *, draws: int = DRAWS, seed: int = 0) -> Drawn:
    """Draws people and splits with replacement, `draws` times."""
    rng = np.random.default_rng(seed)
    return Drawn(
        rng.multinomial(people, np.full(people, 1.0 / people), draws),
        rng.multinomial(splits, np.full(splits, 1.0 / splits), draws),
    )


def drawn_tars(
    scores: np.ndarray,
    same: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    counts: np.ndarray,
    far: float,
) -> np.ndarray:
    """TAR at a FAR on each draw of people; the rule for ties is `operating_points`'.

    Args:
        scores: (N,) larger = more alike.
        same: (N,) bool.
        first: (N,) int, one person of each pair, a column of `counts`.
        second: (N,) int, the other one.
        counts: (B, P) how often each person was drawn.
        far: false accept rate in (0, 1].

    Returns:
        (B,) float64; NaN where nobody drawn has a genuine pair, or the impostors cannot tell.
    """
    order = np.flatnonzero(~same)[np.argsort(-scores[~same], kind="stable")]
    impostors = scores[order]
    # The last of each run of equal scores: they are accepted together.
    last = np.flatnonzero(np.append(impostors[1:] != impostors[:-1], True))
    levels = np.append(impostors[last], -np.inf)
    genuine, person = scores[same], first[same]
    found = np.full(len(counts), np.nan)
    for start in range(0, len(counts), _AT_ONCE):
        part = counts[start : start + _AT_ONCE]
        weights = (part[:, first[order]] * part[:, second[order]]).cumsum(axis=1)
        allowed = far * weights[:, -1]
        refused = levels[(weights[:, last] <= allowed[:, None] * (1 + 1e-12)).sum(axis=1)]
        own = part[:, person]
        total = own.sum(axis=1)
        accepted = (own * (genuine > refused[:, None])).sum(axis=1)
        known = (total > 0) & (allowed >= 1.0)
        found[start : start + len(part)][known] = accepted[known] / total[known]
    return found


def with_people(
    gains: Sequence[Gain],
    runs: Sequence[Run],
    protocol: Protocol,
    faces: Sequence[int | None],
    folder: Path,
) -> list[Gain]:
    """Adds the interval over people to the gains in TAR; others are as they were.

    Args:
        gains: of `paired_gain`.
        runs: of `run_systems`.
        protocol: theirs.
        faces: of `faces_of`.
        folder: of all runs, with their embeddings.

    Returns:
        The gains in order, without the interval where a run's embeddings are not there, the
        protocol does not name its people, or a comparison is too large.
    """
    splits = {split.name: split for split in protocol.splits}
    people = sorted({str(name) for split in protocol.splits for name in split.templates.subjects})
    column = {name: place for place, name in enumerate(people)}
    if "" in column or len(people) < 2:
        return list(gains)
    counts = draw(len(people), len(splits))
    known: dict[tuple[str, str, str], np.ndarray | None] = {}

    def tars(system: str, probes: str, measure: str) -> np.ndarray | None:
        """(B, J): each split's mean over seeds."""
        key = system, probes, measure
        if key not in known:
            own = [run for run in runs if run.system == system]
            known[key] = _of_system(
                own, splits, probes, FARS[measure], faces, folder, column, counts
            )
        return known[key]

    found = []
    for gain in gains:
        if gain.measure in FARS:
            better = tars(gain.better, gain.probes, gain.measure)
            base = tars(gain.base, gain.probes, gain.measure)
            if better is not None and base is not None:
                low, high = _interval(better - base, counts.splits)
                gain = replace(gain, people_low=low, people_high=high)
        found.append(gain)
    return found


def _of_system(
    runs: Sequence[Run],
    splits: Mapping[str, Split],
    probes: str,
    far: float,
    faces: Sequence[int | None],
    folder: Path,
    column: Mapping[str, int],
    counts: Drawn,
) -> np.ndarray | None:
    of_split: dict[str, list[np.ndarray]] = {name: [] for name in splits}
    for run in runs:
        file = run.place(folder) / EMBEDDINGS_NAME
        if not file.is_file():
            return None
        split = splits[run.split]
        one = next(c for c in compare(split, faces, np.load(file)) if c.name == probes)
        if len(one.scores) > _MOST_PAIRS:
            return None
        of_split[run.split].append(_tars_of(one, split, column, counts, far))
    return np.stack([np.mean(found, axis=0) for found in of_split.values()], axis=1)


def _tars_of(
    one: Compared, split: Split, column: Mapping[str, int], counts: Drawn, far: float
) -> np.ndarray:
    place = np.array([column[str(name)] for name in split.templates.subjects])
    pairs = one.pairs
    return drawn_tars(
        one.scores, pairs.same, place[pairs.first], place[pairs.second], counts.people, far
    )


def _interval(differences: np.ndarray, splits: np.ndarray) -> tuple[float, float]:
    """95 % of the means over drawn splits; a split in which nobody was drawn counts for nothing."""
    there = np.isfinite(differences)
    weights = splits * there
    total = np.where(there, differences, 0.0) * weights
    means = total.sum(axis=1)[weights.any(axis=1)] / weights.sum(axis=1)[weights.any(axis=1)]
    return percentiles(means)
