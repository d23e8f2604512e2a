"""IJB-B and IJB-C 1:1 from the three meta files that insightface's evaluation made usual.

META/ijbc_face_tid_mid.txt (image, template, media), META/ijbc_template_pair_label.txt (template,
template, 1 or 0) and META/ijbc_name_5pts_score.txt (image, x and y of five points, detector score).
"""

import os
from pathlib import Path

import numpy as np

from dagan_tf.errors import DaganError
from dagan_tf.protocols.building import FaceTable, TemplateTable
from dagan_tf.protocols.protocol import Pairs, Protocol, Split
from dagan_tf.protocols.tables import inside, number, word_rows


def read_ijb_meta(
    meta: str | os.PathLike[str], images: str | os.PathLike[str], name: str = "ijbc"
) -> Protocol:
    """Reads one set; it has no splits to train on.

    Args:
        meta: Folder of the three files.
        images: Folder of the images.
        name: "ijbb" or "ijbc", as the files begin.

    Returns:
        A protocol of one split; subjects are not told, only whether a pair is of one.

    Raises:
        DaganError: A file is missing or a row is malformed: file and line.
    """
    folder = Path(meta)
    points: dict[str, tuple[np.ndarray, float]] = {}
    for where, words in word_rows(folder / f"{name}_name_5pts_score.txt", (12,)):
        values = [number(where, "a coordinate", word) for word in words[1:]]
        points[inside(where, words[0])] = np.array(values[:10]).reshape(5, 2), values[10]
    faces, table = FaceTable(), TemplateTable()
    for where, (image, template, media) in word_rows(folder / f"{name}_face_tid_mid.txt", (3,)):
        path = inside(where, image)
        if path not in points:
            raise DaganError(f"{where}: image {image!r} has no row in {name}_name_5pts_score.txt")
        landmarks, score = points[path]
        face = faces.add(path, landmarks=landmarks.tolist(), score=score)
        table.add(where, template, "", media, face)
    first, second, same = [], [], []
    for where, (one, two, label) in word_rows(folder / f"{name}_template_pair_label.txt", (3,)):
        if label not in ("0", "1"):
            raise DaganError(f"{where}: label is {label!r}; expected 0 or 1")
        first.append(table.find(where, one))
        second.append(table.find(where, two))
        same.append(label == "1")
    pairs = Pairs(
        np.array(first, np.int64),
        np.array(second, np.int64),
        np.array(same, bool),
        np.zeros(len(first), np.int32),
    )
    nobody = np.zeros(0, np.int64), np.zeros(0, dtype=np.str_)
    split = Split("1", table.templates(), pairs, (), *nobody)
    return Protocol(f"{name.upper()} 1:1", Path(images), faces.faces(), (split,), ())
