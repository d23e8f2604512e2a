"""What every reader gives: faces, templates of them, and which templates are compared.

A *face* is one person in one image; its features are computed once. A *template* is all that is
known of a subject at a time: one or more *media* (a still, or the frames of one video), each one
or more faces. Sets that compare single images have templates of one face.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True, eq=False)
class Faces:
    """All faces of a protocol.

    Attributes:
        paths: F image paths, relative to the protocol's root, with forward slashes.
        sightings: F names that tell people in one image apart; "" where nothing has to.
        boxes: (F, 4) float32 left, top, width, height, px; NaN where unknown.
        landmarks: (F, 5, 2) float32 px: eye on the left of an upright frontal image (the
            subject's right eye), other eye, nose, mouth corners likewise; NaN where unknown.
        scores: (F,) float32, confidence of the detector; 1 where unknown.
    """

    paths: tuple[str, ...]
    sightings: tuple[str, ...]
    boxes: np.ndarray
    landmarks: np.ndarray
    scores: np.ndarray

    def __len__(self) -> int:
        return len(self.paths)


@dataclass(frozen=True, eq=False)
class Templates:
    """T templates made of R rows, a row being a face in a media group in a template.

    Attributes:
        ids: (T,) str.
        subjects: (T,) str; "" where the protocol does not tell.
        face: (R,) int, the face of each row.
        media: (R,) int, the media group of each row; groups are not shared between templates.
        media_ids: (M,) str, as the set names them.
        media_template: (M,) int, the template of each media group.
    """

    ids: np.ndarray
    subjects: np.ndarray
    face: np.ndarray
    media: np.ndarray
    media_ids: np.ndarray
    media_template: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    def media_of(self, template: int) -> Iterator[tuple[str, np.ndarray]]:
        """Yields (media id, (K,) int faces) for each media of a template."""
        for group in np.flatnonzero(self.media_template == template):
            yield str(self.media_ids[group]), self.face[self.media == group]


@dataclass(frozen=True, eq=False)
class Pairs:
    """N comparisons between templates.

    Attributes:
        first: (N,) int, a template.
        second: (N,) int, a template.
        same: (N,) bool, both are of one subject.
        fold: (N,) int, the fold; all 0 where the protocol has none.
    """

    first: np.ndarray
    second: np.ndarray
    same: np.ndarray
    fold: np.ndarray

    def __len__(self) -> int:
        return len(self.first)


@dataclass(frozen=True, eq=False)
class Search:
    """A gallery and the probes that are searched in it.

    Attributes:
        name: Such as "G1" or "profile".
        gallery: (G,) int templates.
        probes: (P,) int templates.
    """

    name: str
    gallery: np.ndarray
    probes: np.ndarray

    def pairs(self, templates: Templates) -> Pairs:
        """Every probe against every gallery template: P x G pairs, probe by probe."""
        first = np.repeat(self.probes, len(self.gallery))
        second = np.tile(self.gallery, len(self.probes))
        # By number: texts of that many pairs would fill the memory.
        _, person = np.unique(templates.subjects, return_inverse=True)
        same = person[first] == person[second]
        return Pairs(first, second, same, np.zeros(len(first), dtype=np.int32))


@dataclass(frozen=True, eq=False)
class Split:
    """One split: what may be trained on, and what is compared.

    Attributes:
        name: Such as "1".
        templates: The templates under test.
        pairs: 1:1 comparisons; None where the protocol has none.
        searches: 1:N searches; empty where the protocol has none.
        training_faces: (K,) int faces to train on; empty where the protocol has none.
        training_subjects: (K,) str, whom they show; none of them is under test.
    """

    name: str
    templates: Templates
    pairs: Pairs | None
    searches: tuple[Search, ...]
    training_faces: np.ndarray
    training_subjects: np.ndarray


@dataclass(frozen=True)
class Skipped:
    """A row that was left out.

    Attributes:
        where: File and line, "verify_metadata_1.csv:17".
        reason: Why, in words that many rows may share.
    """

    where: str
    reason: str


@dataclass(frozen=True, eq=False)
class Protocol:
    """A whole protocol.

    Attributes:
        name: Such as "IJB-A 1:1".
        root: The folder that face paths are relative to.
        faces: All faces of all splits.
        splits: The splits.
        skipped: Every row that was left out; empty unless skipping was asked for or rows repeat.
    """

    name: str
    root: Path
    faces: Faces
    splits: tuple[Split, ...]
    skipped: tuple[Skipped, ...]

    def summary(self) -> str:
        """Counts in one line, with what was left out and why."""
        templates = sum(len(split.templates) for split in self.splits)
        text = f"{self.name}: {len(self.splits)} splits, {len(self.faces)} faces"
        text += f", {templates} templates"
        if pairs := sum(len(split.pairs) for split in self.splits if split.pairs is not None):
            text += f", {pairs} pairs"
        if probes := sum(len(s.probes) for split in self.splits for s in split.searches):
            text += f", {probes} searches"
        for reason, count in Counter(skip.reason for skip in self.skipped).most_common():
            text += f"; {count} rows skipped: {reason}"
        return text
