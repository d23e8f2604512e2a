"""IJB-A (Klare et al., CVPR 2015): NIST's CSV files, 10 splits of verification and of search.

ROOT/IJB-A_11_sets/split{1..10}/{train,verify_metadata,verify_comparisons}_N.csv and
ROOT/IJB-A_1N_sets/split{1..10}/{train,search_gallery,search_probe}_N.csv. Images are at FILE below
`images`. A face is (FILE, SIGHTING_ID): one image may show several subjects.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dagan_tf.data.tables import csv_rows, inside, number, word_rows
from dagan_tf.errors import DaganError
from dagan_tf.protocols.building import FaceTable, TemplateTable
from dagan_tf.protocols.protocol import Pairs, Protocol, Search, Skipped, Split

SPLITS = tuple(range(1, 11))
_COLUMNS = (
    "TEMPLATE_ID", "SUBJECT_ID", "FILE", "MEDIA_ID", "SIGHTING_ID",
    "FACE_X", "FACE_Y", "FACE_WIDTH", "FACE_HEIGHT",
)  # fmt: skip


def read_ijba_verification(
    root: str | os.PathLike[str],
    images: str | os.PathLike[str] | None = None,
    splits: Sequence[int] = SPLITS,
) -> Protocol:
    """Reads the 1:1 protocol.

    Args:
        root: Holds IJB-A_11_sets.
        images: FILE is relative to it; `root` if None.
        splits: Which of the 10.

    Returns:
        The protocol; comparisons and faces that repeat one are left out and listed as skipped.

    Raises:
        DaganError: A file or column is missing, a row is malformed, a path leaves the folder, or a
            comparison names a template without faces: file and line.
    """
    faces, skipped, read = FaceTable(), [], []
    for split in splits:
        folder = Path(root) / "IJB-A_11_sets" / f"split{split}"
        table = TemplateTable()
        _add_templates(folder / f"verify_metadata_{split}.csv", faces, table)
        first, second, met = [], [], set()
        file = folder / f"verify_comparisons_{split}.csv"
        for where, (one, two) in word_rows(file, (2,), separator=",", whole=True):
            pair = table.find(where, one), table.find(where, two)
            if pair in met:
                skipped.append(Skipped(where, "the comparison repeats an earlier one"))
                continue
            met.add(pair)
            first.append(pair[0])
            second.append(pair[1])
        skipped += table.skipped
        templates = table.templates()
        left, right = np.array(first, np.int64), np.array(second, np.int64)
        same = templates.subjects[left] == templates.subjects[right]
        pairs = Pairs(left, right, same, np.zeros(len(left), np.int32))
        trained = _training(folder / f"train_{split}.csv", faces)
        read.append(Split(str(split), templates, pairs, (), *trained))
    return Protocol("IJB-A 1:1", Path(images or root), faces.faces(), tuple(read), tuple(skipped))


def read_ijba_search(
    root: str | os.PathLike[str],
    images: str | os.PathLike[str] | None = None,
    splits: Sequence[int] = SPLITS,
) -> Protocol:
    """Reads the 1:N protocol: an open set, some probes' subjects are not in the gallery.

    Arguments and errors as `read_ijba_verification`.
    """
    faces, skipped, read = FaceTable(), [], []
    for split in splits:
        folder = Path(root) / "IJB-A_1N_sets" / f"split{split}"
        table = TemplateTable()
        gallery = _add_templates(folder / f"search_gallery_{split}.csv", faces, table)
        probes = _add_templates(folder / f"search_probe_{split}.csv", faces, table)
        both = np.intersect1d(gallery, probes)
        if len(both):
            name = table.templates().ids[both[0]]
            raise DaganError(f"{folder}: template {name!r} is in the gallery and among the probes")
        skipped += table.skipped
        search = Search("search", gallery, probes)
        trained = _training(folder / f"train_{split}.csv", faces)
        read.append(Split(str(split), table.templates(), None, (search,), *trained))
    return Protocol("IJB-A 1:N", Path(images or root), faces.faces(), tuple(read), tuple(skipped))


def _add_templates(file: Path, faces: FaceTable, table: TemplateTable) -> np.ndarray:
    """Reads metadata rows; returns the templates of this file, (N,) in their first order."""
    found: dict[int, None] = {}
    for where, row in csv_rows(file, _COLUMNS):
        face = _face(where, row, faces)
        found[table.add(where, row["TEMPLATE_ID"], row["SUBJECT_ID"], row["MEDIA_ID"], face)] = None
    return np.array(list(found), np.int64)


def _training(file: Path, faces: FaceTable) -> tuple[np.ndarray, np.ndarray]:
    rows = [
        (_face(where, row, faces), row["SUBJECT_ID"]) for where, row in csv_rows(file, _COLUMNS)
    ]
    return (
        np.array([face for face, _ in rows], np.int64),
        np.array([subject for _, subject in rows], dtype=np.str_),
    )


def _face(where: str, row: dict[str, str], faces: FaceTable) -> int:
    for name in ("TEMPLATE_ID", "SUBJECT_ID"):
        if not row[name]:
            raise DaganError(f"{where}: {name} is empty")
    box = [number(where, name, row[name]) for name in _COLUMNS[5:]]
    return faces.add(inside(where, row["FILE"]), row["SIGHTING_ID"], box=box)
