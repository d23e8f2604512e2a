"""IJB-B and IJB-C from the meta files that insightface's evaluation made customary.

For all: META/ijbc_face_tid_mid.txt (image, template, media) and META/ijbc_name_5pts_score.txt
(image, x and y of five points, detector score). 1:1: META/ijbc_template_pair_label.txt (template,
template, 1 or 0). 1:N: META/ijbc_1N_gallery_G1.csv and G2 (IJB-B: S1 and S2) and
META/ijbc_1N_probe_mixed.csv, whose header has TEMPLATE_ID and SUBJECT_ID, a row a face or template.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from dagan_tf.data.tables import csv_rows, inside, integer_rows, number, word_rows
from dagan_tf.errors import DaganError
from dagan_tf.protocols.building import FaceTable, TemplateTable
from dagan_tf.protocols.protocol import Pairs, Protocol, Search, Split

# Of each set.
GALLERIES = {"ijbb": ("S1", "S2"), "ijbc": ("G1", "G2")}


def read_ijb_meta(
    meta: str | os.PathLike[str], images: str | os.PathLike[str], name: str = "ijbc"
) -> Protocol:
    """Reads the 1:1 protocol; it has no splits to train on.

    Args:
        meta: Folder of the meta files.
        images: Folder of the images.
        name: "ijbb" or "ijbc", as the files begin.

    Returns:
        A protocol of one split; subjects are not given, only whether a pair shows one person.

    Raises:
        DaganError: A file is missing or a row is malformed: file and line.
    """
    folder, faces, table = Path(meta), FaceTable(), TemplateTable()
    for where, template, media, face in _rows(folder, name, faces):
        table.add(where, template, "", media, face)
    pairs = _pairs(folder / f"{name}_template_pair_label.txt", table)
    return _protocol(f"IJB-{name[-1].upper()} 1:1", images, faces, table, pairs, ())


def read_ijb_search(
    meta: str | os.PathLike[str], images: str | os.PathLike[str], name: str = "ijbc"
) -> Protocol:
    """Reads the 1:N protocol: all probes are searched in each of two galleries.

    A probe whose subject is in the other gallery is not mated, so each search is an open set.

    Arguments as `read_ijb_meta`.

    Returns:
        A protocol of one split with a search for each gallery.

    Raises:
        DaganError: A file is missing, a row is malformed, a template has two subjects, is in a
            gallery and among the probes, or has no faces: the file and, if there is one, the line.
    """
    folder = Path(meta)
    parts = {part: folder / f"{name}_1N_gallery_{part}.csv" for part in GALLERIES[name]}
    probe_file = folder / f"{name}_1N_probe_mixed.csv"
    subjects: dict[str, str] = {}
    listed = {part: _listed(file, subjects) for part, file in parts.items()}
    probes = _listed(probe_file, subjects)
    for part, templates in listed.items():
        if both := templates.keys() & probes.keys():
            raise DaganError(
                f"{probe_file}: template {min(both)!r} is in gallery {part} and among the probes"
            )
    faces, table = FaceTable(), TemplateTable()
    for where, template, media, face in _rows(folder, name, faces):
        if template in subjects:
            table.add(where, template, subjects[template], media, face)
    places = np.array([table.find(where, one) for one, where in probes.items()], np.int64)
    searches = tuple(
        Search(
            part,
            np.array([table.find(where, one) for one, where in templates.items()], np.int64),
            places,
        )
        for part, templates in listed.items()
    )
    return _protocol(f"IJB-{name[-1].upper()} 1:N", images, faces, table, None, searches)


def _pairs(file: Path, table: TemplateTable) -> Pairs:
    """IJB-C has 15.7 million: they are read as numbers, and line by line only if that fails."""
    numbers = integer_rows(file, 3)
    if numbers is not None and np.isin(numbers[:, 2], (0, 1)).all():
        left, right = table.find_all(numbers[:, 0]), table.find_all(numbers[:, 1])
        if left is not None and right is not None:
            same = numbers[:, 2].astype(bool)
            return Pairs(left, right, same, np.zeros(len(left), np.int32))
    first, second, labels = [], [], []
    for where, (one, two, label) in word_rows(file, (3,), whole=True):
        if label not in ("0", "1"):
            raise DaganError(f"{where}: label is {label!r}; expected 0 or 1")
        first.append(table.find(where, one))
        second.append(table.find(where, two))
        labels.append(label == "1")
    return Pairs(
        np.array(first, np.int64),
        np.array(second, np.int64),
        np.array(labels, bool),
        np.zeros(len(first), np.int32),
    )


def _listed(file: Path, subjects: dict[str, str]) -> dict[str, str]:
    """From each template of a file to the line that names it first; notes their subjects."""
    found: dict[str, str] = {}
    for where, row in csv_rows(file, ("TEMPLATE_ID", "SUBJECT_ID")):
        template, subject = row["TEMPLATE_ID"], row["SUBJECT_ID"]
        if not (template and subject):
            raise DaganError(f"{where}: TEMPLATE_ID is {template!r}, SUBJECT_ID {subject!r}")
        if subjects.setdefault(template, subject) != subject:
            raise DaganError(
                f"{where}: template {template!r} shows {subject!r}, before {subjects[template]!r}"
            )
        found.setdefault(template, where)
    return found


def _rows(folder: Path, name: str, faces: FaceTable) -> Iterator[tuple[str, str, str, int]]:
    """Yields (place, template, media, face), the faces with their points and scores."""
    points: dict[str, tuple[np.ndarray, float]] = {}
    for where, words in word_rows(folder / f"{name}_name_5pts_score.txt", (12,), whole=True):
        values = [number(where, "a coordinate", word) for word in words[1:]]
        points[inside(where, words[0])] = np.array(values[:10]).reshape(5, 2), values[10]
    file = folder / f"{name}_face_tid_mid.txt"
    for where, (image, template, media) in word_rows(file, (3,), whole=True):
        path = inside(where, image)
        if path not in points:
            raise DaganError(f"{where}: image {image!r} has no row in {name}_name_5pts_score.txt")
        landmarks, score = points[path]
        yield where, template, media, faces.add(path, landmarks=landmarks.tolist(), score=score)


def _protocol(
    name: str,
    images: str | os.PathLike[str],
    faces: FaceTable,
    table: TemplateTable,
    pairs: Pairs | None,
    searches: tuple[Search, ...],
) -> Protocol:
    nobody = np.zeros(0, np.int64), np.zeros(0, dtype=np.str_)
    split = Split("1", table.templates(), pairs, searches, *nobody)
    return Protocol(name, Path(images), faces.faces(), (split,), tuple(table.skipped))
