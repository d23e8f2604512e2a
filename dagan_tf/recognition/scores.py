"""Embeddings of a protocol's faces to the figures of one split, whole and by group of people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from dagan_tf.errors import DaganError
from dagan_tf.metrics.identification import Searches, cmc, search
from dagan_tf.metrics.roc import auc
from dagan_tf.metrics.templates import media_means, pair_scores
from dagan_tf.metrics.verification import accuracy_by_folds, tar_at_far
from dagan_tf.protocols.protocol import Pairs, Search, Split

FARS = {"TAR at FAR .01": 0.01, "TAR at FAR .1": 0.1}
RANK = "rank-1"
MEASURES = (*FARS, RANK)
PAIRS_NAME = "pairs"
# The measure whose threshold judges the groups.
_GROUP_MEASURE = "TAR at FAR .01"
# Of a face without embedding, with everybody: it is missed.
_MISSED = -1.0


@dataclass(frozen=True, eq=False)
class Compared:
    """One kind of comparison of a split, scored.

    Attributes:
        name: of the search, or `pairs`.
        pairs: what was compared.
        scores: (N,) float32; -1 where a template has no face with an embedding.
        searches: those of this name, one after the other in `pairs`; none for pairs.
    """

    name: str
    pairs: Pairs
    scores: np.ndarray
    searches: tuple[Search, ...]


def compare(split: Split, faces: Sequence[int | None], embeddings: np.ndarray) -> list[Compared]:
    """Scores all that a split compares; templates are means over media.

    Args:
        split: the split.
        faces: which of the protocol's faces have an embedding; None = could not be aligned.
        embeddings: (K, D) float32 of length 1, of those that have one, in order.
    """
    known = np.array([face is not None for face in faces])
    features = np.zeros((len(faces), embeddings.shape[1]), np.float32)
    features[known] = embeddings
    templates = split.templates
    use = known[templates.face]
    media, place = np.unique(templates.media[use], return_inverse=True)
    kept, owner = np.unique(templates.media_template[media], return_inverse=True)
    there = np.zeros(len(templates), bool)
    there[kept] = True
    rows = np.zeros((len(templates), embeddings.shape[1]), np.float32)
    rows[kept] = media_means(features, templates.face[use], place, owner)
    by_name: dict[str, list[Search]] = {}
    for one in split.searches:
        by_name.setdefault(one.name, []).append(one)
    named: list[tuple[str, Pairs, tuple[Search, ...]]] = [
        (name, _joined([one.pairs(templates) for one in own]), tuple(own))
        for name, own in by_name.items()
    ]
    if not named and split.pairs is not None:
        named = [(PAIRS_NAME, split.pairs, ())]
    found = []
    for name, pairs, searches in named:
        scores = pair_scores(rows, pairs.first, pairs.second)
        scores[~(there[pairs.first] & there[pairs.second])] = _MISSED
        found.append(Compared(name, pairs, scores, searches))
    return found


def figures_of(split: Split, compared: Sequence[Compared]) -> dict[str, dict[str, float]]:
    """Measures by the name of the comparison.

    Args:
        split: the split.
        compared: of `compare`.

    Returns:
        TAR at the FARs that the impostors can tell apart; rank-1 of a search; area under the ROC of
        pairs, and accuracy where there are folds.
    """
    figures = {}
    for one in compared:
        scores, same, fold = one.scores, one.pairs.same, one.pairs.fold
        own: dict[str, float] = {}
        for measure, far in FARS.items():
            with suppress(DaganError):  # Too few impostors.
                own[measure] = tar_at_far(scores, same, far).tar
        if one.searches:
            own[RANK] = float(cmc(_ranks(split, one), (1,))[0])
        else:
            own["AUC"] = auc(scores, same)
            with suppress(DaganError):  # A single fold, or one without both kinds.
                own["accuracy"] = accuracy_by_folds(scores, same, fold).mean
        figures[one.name] = own
    return figures


def figures_by_group(
    split: Split, compared: Sequence[Compared], groups: Mapping[str, Mapping[str, str]]
) -> dict[str, dict[str, dict[str, float]]]:
    """The same for each group of people, at the threshold that all people together have.

    Args:
        split: the split.
        compared: of `compare`.
        groups: from a person to the group by kind, such as {"001": {"sex": "female"}}.

    Returns:
        By the name of the comparison and the group, "sex: female": number of `people` compared,
        the share of their genuine pairs that is accepted where FAR is .01 among everybody (`TAR`),
        the share of impostor pairs within the group that is accepted there (`FAR within`), and
        `rank-1` in the whole gallery.
    """
    subjects = split.templates.subjects
    found: dict[str, dict[str, dict[str, float]]] = {}
    for one in compared:
        try:
            point = tar_at_far(one.scores, one.pairs.same, FARS[_GROUP_MEASURE])
        except DaganError:
            continue
        accepted = one.scores >= point.threshold
        first, second = subjects[one.pairs.first], subjects[one.pairs.second]
        found[one.name] = {}
        for kind, name in sorted({item for own in groups.values() for item in own.items()}):
            members = sorted(person for person, own in groups.items() if own.get(kind) == name)
            in_first, in_second = np.isin(first, members), np.isin(second, members)
            genuine = one.pairs.same & in_first
            within = ~one.pairs.same & in_first & in_second
            if not genuine.any():
                continue
            figures = {
                "people": float(len(np.unique(first[genuine]))),
                "TAR": float(accepted[genuine].mean()),
            }
            if within.any():
                figures["FAR within"] = float(accepted[within].mean())
            if one.searches:
                figures[RANK] = float(cmc(_ranks(split, one, members), (1,))[0])
            found[one.name][f"{kind}: {name}"] = figures
    return found


def _joined(parts: Sequence[Pairs]) -> Pairs:
    return Pairs(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("first", "second", "same", "fold")
        )
    )


def _ranks(split: Split, one: Compared, members: Sequence[str] | None = None) -> Searches:
    """Of all probes, or of those that show `members`."""
    subjects, found, start = split.templates.subjects, [], 0
    for own in one.searches:
        stop = start + len(own.probes) * len(own.gallery)
        table = one.scores[start:stop].reshape(len(own.probes), len(own.gallery))
        names, start = subjects[own.probes], stop
        if members is not None:
            use = np.isin(names, members)
            table, names = table[use], names[use]
        found.append(search(table, names, subjects[own.gallery]))
    return Searches.joined(found)
