"""Scores a recogniser by a protocol: features of faces in, figures over splits out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field

import numpy as np

from dagan_tf.errors import DaganError
from dagan_tf.metrics.bootstrap import bootstrap_pairs
from dagan_tf.metrics.identification import Searches, cmc, open_set, search
from dagan_tf.metrics.roc import auc, equal_error_rate
from dagan_tf.metrics.spread import Spread, over_splits
from dagan_tf.metrics.verification import accuracy_by_folds, tar_at_far
from dagan_tf.protocols.features import Dropped, FaceFeatures, without_missing
from dagan_tf.protocols.protocol import Pairs, Protocol, Search, Split, Templates
from dagan_tf.scoring.templates.methods import score_pairs

# Resampling more pairs than that takes hours.
_MOST_BOOTSTRAPPED = 1_000_000


@dataclass(frozen=True)
class Settings:
    """What is measured.

    Attributes:
        fars: Of TAR at FAR.
        fpirs: Of TPIR and FNIR.
        ranks: Of the CMC.
        bootstrap: Rounds of the bootstrap over people, for protocols of one split; 0 = none.
        seed: Of the bootstrap and of methods that are trained.
    """

    fars: tuple[float, ...] = (0.1, 0.01, 0.001)
    fpirs: tuple[float, ...] = (0.1, 0.01)
    ranks: tuple[int, ...] = (1, 5, 10)
    bootstrap: int = 0
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Part:
    """The scores of one kind of comparison in one split.

    Attributes:
        name: "pairs", or the search's name.
        split: The split's name.
        templates: Those that `pairs` names.
        pairs: What was compared.
        scores: (N,) float32.
        searches: Of a search; None for pairs.
    """

    name: str
    split: str
    templates: Templates
    pairs: Pairs
    scores: np.ndarray
    searches: Searches | None


@dataclass(frozen=True, eq=False)
class SystemScores:
    """All of one system.

    Attributes:
        name: Such as "b-1".
        method: Of `templates.methods`.
        parts: Of all splits.
        figures: From a part's name and a measure's to the values, one a split.
        refused: From a part's name and a measure's to why it is not given.
        intervals: From a part's name and a measure's to a 95 % interval over people.
        dropped: What was left out, by split; only where something was.
    """

    name: str
    method: str
    parts: tuple[Part, ...]
    figures: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    refused: dict[str, dict[str, str]] = field(default_factory=dict)
    intervals: dict[str, dict[str, tuple[float, float]]] = field(default_factory=dict)
    dropped: dict[str, Dropped] = field(default_factory=dict)

    def spread(self, part: str, measure: str) -> Spread | None:
        """Mean and population deviation over splits; None where a split lacks the measure."""
        values = self.figures[part].get(measure)
        return over_splits(values) if values and measure not in self.refused[part] else None

    def as_json(self) -> dict[str, object]:
        """Plain values, for scores.json."""
        return {
            "method": self.method,
            "figures": {
                part: {
                    name: {**asdict(over_splits(values)), "values": values}
                    for name, values in measures.items()
                    if name not in self.refused[part]
                }
                for part, measures in self.figures.items()
            },
            "refused": {part: found for part, found in self.refused.items() if found},
            "intervals": self.intervals,
            "skipped": {split: asdict(count) for split, count in self.dropped.items()},
        }


def score_system(
    name: str,
    protocol: Protocol,
    faces: FaceFeatures,
    method: str = "mean",
    settings: Settings = Settings(),
    *,
    advance: Callable[[int], object] = lambda pairs: None,
) -> SystemScores:
    """Scores all comparisons of all splits.

    Args:
        name: The system's name.
        protocol: What is compared.
        faces: Features of the protocol's faces.
        method: Template method.
        settings: What is measured.
        advance: Called with the number of pairs scored.

    Returns:
        Scores and figures. A rate that a split's impostors can't resolve is refused, with the
        reason; comparisons without features are left out and counted.

    Raises:
        DaganError: Nothing is left to compare in a split, or as the method.
    """
    parts: list[Part] = []
    dropped: dict[str, Dropped] = {}
    for whole in protocol.splits:
        split, gone = without_missing(whole, faces.present)
        if any(asdict(gone).values()):
            dropped[split.name] = gone
        parts += _score_split(split, faces, method, settings.seed, advance)
    scores = SystemScores(name, method, tuple(parts), dropped=dropped)
    for part in parts:
        figures = scores.figures.setdefault(part.name, {})
        refused = scores.refused.setdefault(part.name, {})
        for measure, work in _measures(part, settings):
            try:
                figures.setdefault(measure, []).append(work())
            except DaganError as error:
                refused.setdefault(measure, f"split {part.split}: {error}")
    if settings.bootstrap and len(protocol.splits) == 1:
        for part in parts:
            scores.intervals[part.name] = _intervals(part, scores, settings)
    return scores


def pair_count(protocol: Protocol) -> int:
    """Number of pairs that `score_system` scores."""
    return sum(
        sum(len(one.gallery) * len(one.probes) for one in split.searches)
        if split.searches
        else len(split.pairs or ())
        for split in protocol.splits
    )


def _score_split(
    split: Split, faces: FaceFeatures, method: str, seed: int, advance: Callable[[int], object]
) -> list[Part]:
    """Parts of one split; a search's pairs are all of its probes with all of its gallery."""
    named: list[tuple[str, Pairs | None, Search | None]] = [
        (one.name, one.pairs(split.templates), one) for one in split.searches
    ] or [("pairs", split.pairs, None)]
    first = np.concatenate([pairs.first for _, pairs, _ in named if pairs is not None])
    second = np.concatenate([pairs.second for _, pairs, _ in named if pairs is not None])
    scores = score_pairs(
        method, faces.features, split, first, second, yaw=faces.yaw, seed=seed, advance=advance
    )
    parts, start = [], 0
    for name, pairs, one in named:
        if pairs is None or not len(pairs):
            raise DaganError(f"split {split.name}: nothing to compare in {name!r}")
        own = scores[start : start + len(pairs)]
        start += len(pairs)
        found = None
        if one is not None:
            subjects = split.templates.subjects
            table = own.reshape(len(one.probes), len(one.gallery))
            found = search(table, subjects[one.probes], subjects[one.gallery])
        parts.append(Part(name, split.name, split.templates, pairs, own, found))
    return parts


def _measures(part: Part, settings: Settings) -> list[tuple[str, Callable[[], float]]]:
    scores, same, fold = part.scores, part.pairs.same, part.pairs.fold
    found = part.searches
    listed: list[tuple[str, Callable[[], float]]] = []
    for far in settings.fars:
        listed.append((f"TAR@FAR={far:g}", lambda far=far: tar_at_far(scores, same, far).tar))  # type: ignore[misc]
    listed.append(("EER", lambda: equal_error_rate(scores, same)))
    listed.append(("AUC", lambda: auc(scores, same)))
    if found is None and len(np.unique(fold)) > 1:
        listed.append(("accuracy", lambda: accuracy_by_folds(scores, same, fold).mean))
        listed.append(("accuracy, std of folds", lambda: accuracy_by_folds(scores, same, fold).std))
    if found is not None:
        for rank in settings.ranks:
            listed.append((f"rank-{rank}", lambda rank=rank: float(cmc(found, (rank,))[0])))  # type: ignore[misc]
        if not found.mated.all():  # an open set
            for fpir in settings.fpirs:
                for convention in ("any_rank", "rank1"):
                    listed.append(
                        (
                            f"FNIR@FPIR={fpir:g}, {convention.replace('_', ' ')}",
                            lambda fpir=fpir, kind=convention: float(  # type: ignore[misc]
                                getattr(open_set(found, fpir), f"fnir_{kind}")
                            ),
                        )
                    )
    return listed


def _intervals(
    part: Part, scores: SystemScores, settings: Settings
) -> dict[str, tuple[float, float]]:
    subjects, pairs = part.templates.subjects, part.pairs
    if not subjects.all() or len(pairs) > _MOST_BOOTSTRAPPED:
        return {}
    named: list[tuple[str, Callable[[np.ndarray, np.ndarray], float]]] = [
        ("EER", equal_error_rate),
        ("AUC", auc),
    ]
    for far in settings.fars:
        if f"TAR@FAR={far:g}" not in scores.refused[part.name]:
            # A resample with too few impostors for the FAR counts, at no false accept.
            named.append(
                (
                    f"TAR@FAR={far:g}",
                    lambda s, g, far=far: tar_at_far(s, g, far, least_errors=0).tar,  # type: ignore[misc]
                )
            )
    found = {}
    for name, measure in named:
        try:
            found[name] = bootstrap_pairs(
                measure,
                part.scores,
                pairs.same,
                subjects[pairs.first],
                subjects[pairs.second],
                rounds=settings.bootstrap,
                seed=settings.seed,
            )
        except DaganError as error:
            scores.refused[part.name][f"interval of {name}"] = str(error)
    return found
