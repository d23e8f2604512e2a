"""Frontal gallery, turned probes on the Face Research Lab London Set (DeBruine and Jones 2017).

Ten seeded splits; in each, half of the people are under test and none of them is trained on. Or the
same people are under test in all of them, and each has a draw of the others to be trained on.
"""

import os
from collections.abc import Collection
from pathlib import Path

import numpy as np

from dagan_tf.data.photos import list_photos
from dagan_tf.errors import DaganError
from dagan_tf.protocols.building import FaceTable, TemplateTable
from dagan_tf.protocols.protocol import Pairs, Protocol, Search, Split

# Share of the people not under test whom a split trains on, where those under test are named.
DRAWN = 2.0 / 3.0
PROBES = {"three-quarter": 45.0, "profile": 90.0}
EXPRESSIONS = ("neutral", "smiling")
_GALLERY = "gallery"
# Of either expression's fronts, each held against the other expression's probes.
BOTH = "both"


def read_frll(
    folder: str | os.PathLike[str],
    *,
    splits: int = 10,
    seed: int = 0,
    gallery: str = "neutral",
    reserved: Collection[str] = (),
    test_people: Collection[str] = (),
) -> Protocol:
    """Makes the protocol.

    Args:
        folder: The set, as `list_photos(layout="frll")` reads it.
        splits: Number of splits.
        seed: Of the division of people.
        gallery: Expression of the gallery's frontal photos; probes have the other one, so that
            no probe shares the moment of its gallery photo. `both`: either expression in turn,
            which gives twice as many pairs.
        reserved: People who are never under test, such as those whom a refiner was trained on;
            they are trained on in every split, the others are divided.
        test_people: The only people under test, in every split; `DRAWN` of the others, drawn anew,
            are trained on in each. Not with `reserved`.

    Returns:
        In each split one search and all its pairs for each kind of probe, of `both` two of one
        name: `pairs` joins them, its `fold` is 0 for three-quarter and 1 for profile probes.

    Raises:
        DaganError: There is no frontal photo of some person, or fewer than 4 people.
        DaganError: A person reserved or under test is not there, or both are given.
    """
    root = Path(folder)
    if gallery not in (*EXPRESSIONS, BOTH):
        raise DaganError(f"gallery {gallery!r}: expected neutral, smiling or both")
    galleries = EXPRESSIONS if gallery == BOTH else (gallery,)
    items = [item for item in list_photos(root, "frll") if item.yaw is not None]
    people = sorted({item.identity for item in items})
    for what, named in (("reserved person", reserved), ("person under test", test_people)):
        unknown = set(named) - set(people)
        if unknown:
            raise DaganError(f"{root}: {what} {min(unknown)!r} is not there")
    if reserved and test_people:
        raise DaganError(f"{root}: people reserved and people under test; expected one of both")
    others = sorted(set(people) - set(test_people))
    people = [person for person in people if person not in set(reserved)]
    if len(people) < 4:
        raise DaganError(f"{root}: {len(people)} people; expected at least 4 to divide")
    if test_people and (len(test_people) < 2 or len(others) < 3):
        raise DaganError(
            f"{root}: {len(test_people)} people under test and {len(others)} others; expected at"
            " least 2 and 3"
        )
    faces, read = FaceTable(), []
    rows = [faces.add(item.path.relative_to(root).as_posix()) for item in items]
    for number in range(splits):
        rng = np.random.default_rng([seed, number])
        if test_people:
            tested = set(test_people)
            trained = set(rng.permutation(others)[: round(DRAWN * len(others))])
        else:
            chosen = rng.permutation(people)
            tested = set(chosen[: len(people) // 2])
            trained = set(chosen[len(people) // 2 :]) | set(reserved)
        table = TemplateTable()
        of_kind: dict[tuple[str, str], list[int]] = {}
        for item, face in zip(items, rows, strict=True):
            if item.identity not in tested:
                continue
            expression = item.path.parent.name.split("_")[0]
            for front in galleries:
                kind = _kind(item.yaw or 0.0, expression, front)
                if kind is not None:
                    path = item.path.relative_to(root).as_posix()
                    place = table.add(path, path, item.identity, path, face)
                    of_kind.setdefault((kind, front), []).append(place)
        templates = table.templates()
        places = {kind: np.array(found, np.int64) for kind, found in of_kind.items()}
        nobody = np.zeros(0, np.int64)
        for front in galleries:
            there = templates.subjects[places.get((_GALLERY, front), nobody)]
            without = tested - set(there.tolist())
            if without:
                raise DaganError(f"{root}: no {front} frontal photo of person {min(without)}")
        searches = tuple(
            Search(name, places[_GALLERY, front], places.get((name, front), nobody))
            for name in PROBES
            for front in galleries
        )
        parts = [search.pairs(templates) for search in searches]
        folds = np.repeat(np.arange(len(PROBES), dtype=np.int32), len(galleries))
        pairs = Pairs(
            np.concatenate([part.first for part in parts]),
            np.concatenate([part.second for part in parts]),
            np.concatenate([part.same for part in parts]),
            np.repeat(folds, [len(part) for part in parts]),
        )
        training = [
            (face, item.identity)
            for item, face in zip(items, rows, strict=True)
            if item.identity in trained
        ]
        read.append(
            Split(
                str(number + 1),
                templates,
                pairs,
                searches,
                np.array([face for face, _ in training], np.int64),
                np.array([person for _, person in training], dtype=np.str_),
            )
        )
    return Protocol("FRLL frontal to turned", root, faces.faces(), tuple(read), ())


def _kind(yaw: float, expression: str, front: str) -> str | None:
    """What a photo is where the gallery has that expression: in it, a kind of probe, or nothing."""
    if yaw == 0.0:
        return _GALLERY if expression == front else None
    if expression == front:
        return None
    return next((name for name, angle in PROBES.items() if abs(yaw) == angle), None)
