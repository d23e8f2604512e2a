"""Groups of people, by which every figure is given as well."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from dagan_tf.data.tables import csv_rows, table_columns
from dagan_tf.errors import DaganError

FRLL_INFO = "london_faces_info.csv"
_FRLL_KINDS = {"face_gender": "sex", "face_eth": "ethnicity"}


def read_groups(file: Path, people: Collection[str]) -> dict[str, dict[str, str]]:
    """Reads a CSV file with a column `person` and one for each kind of group.

    Args:
        file: the CSV file.
        people: known ones.

    Returns:
        From a person to the group by kind; kinds left empty are left out.

    Raises:
        DaganError: file and row of a person who is not known or named twice, or other columns.
    """
    kinds = [name for name in table_columns(file) if name != "person"]
    if not kinds:
        raise DaganError(f"{file}: has only {table_columns(file)}; expected person and groups")
    known, found = set(people), dict[str, dict[str, str]]()
    for where, row in csv_rows(file, ("person", *kinds)):
        person = row["person"]
        if person not in known:
            raise DaganError(f"{where}: person {person!r} is none of the {len(known)} known ones")
        if person in found:
            raise DaganError(f"{where}: person {person!r} is named again")
        found[person] = {kind: row[kind] for kind in kinds if row[kind]}
    return found


def frll_groups(folder: Path) -> dict[str, dict[str, str]]:
    """Sex and ethnicity of the London Set's people, as its own file has them; {} without it."""
    file = folder / FRLL_INFO
    if not file.is_file():
        return {}
    return {
        row["face_id"]: {kind: row[column] for column, kind in _FRLL_KINDS.items() if row[column]}
        for _, row in csv_rows(file, ("face_id", *_FRLL_KINDS))
    }
