"""People who are trained on and people who are tested, held apart by name."""

from __future__ import annotations

import sys
from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from dagan_tf.errors import DaganError
from dagan_tf.protocols.protocol import Pairs, Protocol, Search, Split

_SHOWN = 3


@dataclass(frozen=True)
class Division:
    """How a protocol's people are divided, where it does not do so itself.

    Attributes:
        splits: number of splits; 0 leaves the protocol as it is.
        test_share: share of the people who are tested in a split.
        seed: of the division.
        reserved: people who are never tested.
    """

    splits: int = 0
    test_share: float = 0.2
    seed: int = 0
    reserved: Collection[str] = ()


def hold_apart(
    protocol: Protocol, people: Collection[str], division: Division, *, one_set: bool
) -> Protocol:
    """Gives each split the people that may be trained on in it.

    Args:
        protocol: who is tested.
        people: who could be trained on.
        division: of the tested people, if any.
        one_set: both are of one folder, so that the protocol's own training people, if it names
            some, are those to train on.

    Returns:
        The protocol, with `training_subjects` in each split, a name each.

    Raises:
        DaganError: somebody would be trained on and tested, or nobody is left to train on.
    """
    splits = list(protocol.splits)
    if division.splits:
        if len(splits) > 1:
            raise DaganError(
                f"--divide={division.splits}: {protocol.name} has {len(splits)} splits of its own;"
                " expected 0"
            )
        splits = divide(splits[0], division, protocol.name)
    names = np.array(sorted(people), dtype=np.str_)
    read = []
    for split in splits:
        tested = people_of(split)
        own = set(split.training_subjects.tolist())
        if division.splits:
            allowed = names[~np.isin(names, sorted(tested))]
        elif one_set and own:
            allowed = names[np.isin(names, sorted(own))]
        else:
            allowed = names
        both = sorted(tested & set(allowed.tolist()))
        if both:
            more = ", ..." if len(both) > _SHOWN else ""
            raise DaganError(
                f"{len(both)} people would be trained on and tested in split {split.name} of"
                f" {protocol.name} ({', '.join(both[:_SHOWN])}{more}); expected other people, or"
                " --divide=N, which tests a part of them at a time and trains on the others"
            )
        if not len(allowed):
            raise DaganError(f"{protocol.name}, split {split.name}: nobody is left to train on")
        none = np.zeros(0, np.int64)
        read.append(replace(split, training_faces=none, training_subjects=allowed))
    if not all(people_of(split) for split in splits):
        print(
            f"{protocol.name} does not name the people it tests: see yourself that none of them is"
            " trained on",
            file=sys.stderr,
        )
    return replace(protocol, splits=tuple(read))


def people_of(split: Split) -> set[str]:
    """The people compared in a split, as far as they are named."""
    rows = [np.concatenate([search.gallery, search.probes]) for search in split.searches]
    if split.pairs is not None:
        rows += [split.pairs.first, split.pairs.second]
    named = split.templates.subjects[np.unique(np.concatenate(rows))] if rows else []
    return {str(name) for name in named if name}


def divide(split: Split, division: Division, name: str) -> list[Split]:
    """Several splits of one, each testing a part of the people.

    Folds that share nobody (LFW's, CFP's) are tested as a whole, a window of them a split, so that
    every pair is tested; else people are drawn for each split, and pairs across are left out.

    Args:
        split: the whole.
        division: how.
        name: of the protocol.

    Raises:
        DaganError: too few folds or people, or a part without genuine or impostor pairs.
    """
    subjects = split.templates.subjects
    people = sorted(people_of(split) - set(division.reserved))
    if len(people) < 4 or not 0 < division.test_share < 1:
        raise DaganError(
            f"--divide={division.splits}: {name} has {len(people)} named people, of whom"
            f" {division.test_share:g} shall be tested; expected 4 or more, and a share in (0, 1)"
        )
    folds = None if division.reserved else _folds_of(split)
    if folds is not None and division.splits > len(folds):
        raise DaganError(
            f"--divide={division.splits}: {name} has {len(folds)} folds; expected no more"
        )
    found = []
    for number in range(division.splits):
        if folds is None:
            rng = np.random.default_rng([division.seed, number])
            chosen = rng.permutation(people)[: max(2, round(division.test_share * len(people)))]
        else:
            order = np.random.default_rng([division.seed]).permutation(len(folds))
            width = max(1, round(division.test_share * len(folds)))
            window = np.arange(number, number + width) % len(folds)
            chosen = np.concatenate([folds[one] for one in order[window]])
        part = _restricted(split, np.isin(subjects, chosen), str(number + 1))
        _check_comparable(part, name)
        found.append(part)
    return found


def _folds_of(split: Split) -> list[np.ndarray] | None:
    """The people of each fold; None if there are no folds, or some share a person."""
    pairs, subjects = split.pairs, split.templates.subjects
    if pairs is None or len(np.unique(pairs.fold)) < 2:
        return None
    folds = []
    for fold in np.unique(pairs.fold):
        own = pairs.fold == fold
        folds.append(np.unique(subjects[np.concatenate([pairs.first[own], pairs.second[own]])]))
    together = np.concatenate(folds)
    return folds if len(np.unique(together)) == len(together) else None


def _restricted(split: Split, tested: np.ndarray, name: str) -> Split:
    """What is compared between templates that are tested, (T,) bool."""
    pairs = split.pairs
    if pairs is not None:
        use = tested[pairs.first] & tested[pairs.second]
        pairs = Pairs(pairs.first[use], pairs.second[use], pairs.same[use], pairs.fold[use])
    searches = tuple(
        Search(one.name, one.gallery[tested[one.gallery]], one.probes[tested[one.probes]])
        for one in split.searches
    )
    return replace(split, name=name, pairs=pairs, searches=searches)


def _check_comparable(split: Split, name: str) -> None:
    parts = [one.pairs(split.templates) for one in split.searches]
    if split.pairs is not None and not parts:
        parts = [split.pairs]
    for pairs in parts:
        if pairs.same.all() or not pairs.same.any():
            raise DaganError(
                f"{name}, split {split.name} of --divide: {int(pairs.same.sum())} genuine and"
                f" {int((~pairs.same).sum())} impostor pairs; expected some of both, so a larger"
                " --test_share"
            )
