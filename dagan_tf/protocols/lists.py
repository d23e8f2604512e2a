"""A protocol of one's own: a CSV file of pairs, or of gallery and probes.

Pairs: `first,second,first_person,second_person` and, if there are folds, `fold`.
Gallery and probes: `path,person,role` with the role `gallery` or `probe`; rows with the same
`template`, if there is such a column, are one template. Paths are relative to the images' folder.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dagan_tf.data.tables import csv_rows, inside, table_columns
from dagan_tf.errors import DaganError
from dagan_tf.protocols.building import FaceTable, PairTable, TemplateTable
from dagan_tf.protocols.protocol import Protocol, Search, Split

PAIR_COLUMNS = ("first", "second", "first_person", "second_person")
SEARCH_COLUMNS = ("path", "person", "role")
_ROLES = ("gallery", "probe")


def read_lists(file: Path, root: Path) -> Protocol:
    """Reads either kind, told apart by their columns.

    Args:
        file: the CSV file.
        root: folder that the paths are relative to.

    Returns:
        A protocol of one split; its name is the file's.

    Raises:
        DaganError: file and row of what is wrong: other columns, a person or path left empty, a
            path out of the folder, an image that shows two people, a fold that is not a number.
    """
    header = table_columns(file)
    if set(PAIR_COLUMNS) <= set(header):
        return _pairs(file, root, folds="fold" in header)
    if set(SEARCH_COLUMNS) <= set(header):
        return _search(file, root, templates="template" in header)
    raise DaganError(
        f"{file}: has columns {', '.join(header) or 'none'}; expected {','.join(PAIR_COLUMNS)}"
        f" (pairs) or {','.join(SEARCH_COLUMNS)} (gallery and probes)"
    )


def _pairs(file: Path, root: Path, *, folds: bool) -> Protocol:
    pairs, people = PairTable(), dict[str, str]()
    for where, row in csv_rows(file, (*PAIR_COLUMNS, "fold") if folds else PAIR_COLUMNS):
        ends = []
        for side in ("first", "second"):
            path, person = inside(where, row[side]), row[f"{side}_person"]
            _note(where, people, path, person)
            ends.append((path, person))
        if folds and not row["fold"].isdecimal():
            raise DaganError(f"{where}: fold is {row['fold']!r}; expected a whole number")
        same = ends[0][1] == ends[1][1]
        pairs.add(where, ends[0], ends[1], same, int(row["fold"]) if folds else 0)
    return pairs.protocol(file.stem, root)


def _search(file: Path, root: Path, *, templates: bool) -> Protocol:
    faces, table, people = FaceTable(), TemplateTable(), dict[str, str]()
    found: dict[str, dict[int, None]] = {role: {} for role in _ROLES}
    wanted = (*SEARCH_COLUMNS, "template") if templates else SEARCH_COLUMNS
    for where, row in csv_rows(file, wanted):
        path, role = inside(where, row["path"]), row["role"]
        _note(where, people, path, row["person"])
        if role not in _ROLES:
            raise DaganError(f"{where}: role is {role!r}; expected {' or '.join(_ROLES)}")
        name = f"{role} {row.get('template') or path}"
        found[role][table.add(where, name, row["person"], path, faces.add(path))] = None
    for role, rows in found.items():
        if not rows:
            raise DaganError(f"{file}: has no row with the role {role}")
    gallery, probes = (np.array(list(found[role]), np.int64) for role in _ROLES)
    nobody = np.zeros(0, np.int64), np.zeros(0, dtype=np.str_)
    search = Search("search", gallery, probes)
    split = Split("all", table.templates(), None, (search,), *nobody)
    return Protocol(file.stem, root, faces.faces(), (split,), tuple(table.skipped))


def _note(where: str, people: dict[str, str], path: str, person: str) -> None:
    if not person:
        raise DaganError(f"{where}: nobody is named for {path!r}; expected whom it shows")
    if people.setdefault(path, person) != person:
        raise DaganError(f"{where}: {path!r} shows {person!r}, before {people[path]!r}")
