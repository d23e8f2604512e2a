"""Collects faces and templates row by row, each once."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dagan_tf.errors import DaganError
from dagan_tf.protocols.protocol import Faces, Pairs, Protocol, Skipped, Split, Templates

_UNKNOWN_BOX = (np.nan,) * 4
_UNKNOWN_LANDMARKS = ((np.nan, np.nan),) * 5


class FaceTable:
    """Faces by key; a key met again is the same face."""

    def __init__(self) -> None:
        """An empty table."""
        self._rows: dict[tuple[str, str], int] = {}
        self._paths: list[str] = []
        self._boxes: list[Sequence[float]] = []
        self._landmarks: list[Sequence[Sequence[float]]] = []
        self._scores: list[float] = []

    def add(
        self,
        path: str,
        sighting: str = "",
        *,
        box: Sequence[float] = _UNKNOWN_BOX,
        landmarks: Sequence[Sequence[float]] = _UNKNOWN_LANDMARKS,
        score: float = 1.0,
    ) -> int:
        """Returns the face's row; `sighting` tells people in one image apart."""
        key = (path, sighting)
        if key not in self._rows:
            self._rows[key] = len(self._paths)
            self._paths.append(path)
            self._boxes.append(box)
            self._landmarks.append(landmarks)
            self._scores.append(score)
        return self._rows[key]

    def faces(self) -> Faces:
        """All faces so far."""
        return Faces(
            tuple(self._paths),
            tuple(sighting for _, sighting in self._rows),
            np.array(self._boxes, np.float32).reshape(-1, 4),
            np.array(self._landmarks, np.float32).reshape(-1, 5, 2),
            np.array(self._scores, np.float32),
        )


class TemplateTable:
    """Templates of one split.

    Attributes:
        skipped: Rows that repeat a face of a medium of a template; they count once.
    """

    def __init__(self) -> None:
        """An empty table."""
        self.skipped: list[Skipped] = []
        self._ids: dict[str, int] = {}
        self._subjects: list[str] = []
        self._media: dict[tuple[int, str], int] = {}
        self._rows: dict[tuple[int, int], None] = {}

    def add(self, where: str, template: str, subject: str, media: str, face: int) -> int:
        """Adds a face to a template; returns the template's row.

        Raises:
            DaganError: The template was said to show somebody else.
        """
        row = self._ids.setdefault(template, len(self._subjects))
        if row == len(self._subjects):
            self._subjects.append(subject)
        elif self._subjects[row] != subject:
            raise DaganError(
                f"{where}: template {template!r} shows {subject!r}, before {self._subjects[row]!r}"
            )
        key = face, self._media.setdefault((row, media), len(self._media))
        if key in self._rows:
            self.skipped.append(Skipped(where, "the row repeats a face of the template"))
        self._rows[key] = None
        return row

    def find(self, where: str, template: str) -> int:
        """The row of a template; refuses one that no face was added to."""
        if template not in self._ids:
            raise DaganError(f"{where}: template {template!r} has no faces")
        return self._ids[template]

    def find_all(self, numbers: np.ndarray) -> np.ndarray | None:
        """The rows of templates whose ids are these whole numbers; None if one is not there."""
        own = sorted(
            (int(name), row)
            for name, row in self._ids.items()
            if name.isascii() and name.isdecimal() and len(name) < 19 and str(int(name)) == name
        )
        if not own:
            return None
        keys, rows = np.array(own, np.int64).T
        place = np.minimum(np.searchsorted(keys, numbers), len(keys) - 1)
        return rows[place] if (keys[place] == numbers).all() else None

    def __len__(self) -> int:
        return len(self._subjects)

    def templates(self) -> Templates:
        """All templates so far."""
        face, media = np.array(list(self._rows), np.int64).reshape(-1, 2).T
        return Templates(
            ids=np.array(list(self._ids), dtype=np.str_),
            subjects=np.array(self._subjects, dtype=np.str_),
            face=face,
            media=media,
            media_ids=np.array([name for _, name in self._media], dtype=np.str_),
            media_template=np.array([row for row, _ in self._media], dtype=np.int64),
        )


class PairTable:
    """Templates of one image each, and pairs of them."""

    def __init__(self) -> None:
        """An empty table."""
        self._faces, self._table = FaceTable(), TemplateTable()
        self._known: set[str] = set()
        self._rows: list[tuple[int, int, bool, int]] = []

    def add(
        self, where: str, one: tuple[str, str], two: tuple[str, str], same: bool, fold: int
    ) -> None:
        """Adds a pair of (path, subject)."""
        for path, subject in (one, two):
            if path not in self._known:
                self._known.add(path)
                self._table.add(where, path, subject, path, self._faces.add(path))
        self._rows.append(
            (self._table.find(where, one[0]), self._table.find(where, two[0]), same, fold)
        )

    def protocol(self, name: str, root: Path) -> Protocol:
        """A protocol of one split; refuses one without pairs."""
        if not self._rows:
            raise DaganError(f"{name}: no pairs to compare")
        first, second, same, fold = (np.array(column) for column in zip(*self._rows, strict=True))
        pairs = Pairs(first, second, same.astype(bool), fold.astype(np.int32))
        nobody = np.zeros(0, np.int64), np.zeros(0, dtype=np.str_)
        split = Split("all", self._table.templates(), pairs, (), *nobody)
        return Protocol(name, root, self._faces.faces(), (split,), ())
