"""Aligned crops of every image an experiment needs, on disk: made once, read by rows.

`FOLDER/KIND-MARK/crops.npy` (N, S, S, 3) uint8, `landmarks.npy` (N, 68, 2) float32 pixels,
`images.json` a row an image, `skipped.csv`; KIND is `real` or the name of a folder of synthetic
images, MARK stands for the images and the crops' settings. So several experiments may share a
folder, another kind is added without making any anew, and a killed run is continued.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from tqdm import tqdm

from dagan_tf.core.files import write_whole, writing_to
from dagan_tf.data.manifest import (
    SKIPPED_NAME,
    ManifestRow,
    SkippedRow,
    SkippedWriter,
    note_left_out,
    read_manifest,
)
from dagan_tf.errors import DaganError
from dagan_tf.folders.processes import run_jobs
from dagan_tf.recognition.alignment import Aligner
from dagan_tf.recognition.config import CropConfig
from dagan_tf.recognition.people import RealFace
from dagan_tf.recognition.stacked import Stacked

CROPS_NAME = "crops.npy"
LANDMARKS_NAME = "landmarks.npy"
IMAGES_NAME = "images.json"
_DONE_NAME = "done.txt"
REAL = "real"
# While they are made, crops lie in files of so many in this folder.
_PARTS_NAME = "parts"
_PART = 8
# Of a store's files; another one is made anew.
_FORMAT = 2
# An image's path, and what is known of it.
_Task = tuple[Path, "RealFace | ManifestRow"]


@dataclass(frozen=True)
class ImageRow:
    """One crop.

    Attributes:
        path: of the image it was made of.
        identity: the person.
        yaw: degrees; nominal where it is told, else of the fit.
        kind: `real`, or the name of a folder of synthetic images.
        sighting: tells people in one image apart.
        source: of a synthetic image, the photo it was made of.
    """

    path: str
    identity: str
    yaw: float
    kind: str
    sighting: str = ""
    source: str = ""


@dataclass(frozen=True, eq=False)
class Store:
    """The crops of one kind.

    Attributes:
        folder: theirs.
        mark: of images and settings.
        images: (N, S, S, 3) uint8, a memmap.
        landmarks: (N, 68, 2) float32, pixels.
        rows: N rows.
    """

    folder: Path
    mark: str
    images: np.ndarray
    landmarks: np.ndarray
    rows: Sequence[ImageRow]


@dataclass(frozen=True, eq=False)
class Crops:
    """What `make_crops` left: the stores of all kinds, one below the other."""

    stores: Sequence[Store]

    @cached_property
    def images(self) -> Stacked:
        """(N, S, S, 3) uint8."""
        return Stacked([store.images for store in self.stores])

    @cached_property
    def landmarks(self) -> np.ndarray:
        """(N, 68, 2) float32, pixels."""
        return np.concatenate([store.landmarks for store in self.stores])

    @cached_property
    def rows(self) -> Sequence[ImageRow]:
        """N rows."""
        return [row for store in self.stores for row in store.rows]


def make_crops(
    faces: Sequence[RealFace],
    synthetic: Mapping[str, str | os.PathLike[str]],
    folder: str | os.PathLike[str],
    settings: CropConfig,
    *,
    left_out: Sequence[SkippedRow] = (),
    workers: int = 1,
    progress: bool = True,
) -> Crops:
    """Aligns all images, or reuses what an earlier run made of the same ones.

    Args:
        faces: real ones.
        synthetic: folders of `trainer.simulate` or `trainer.refine` by name; their images are in
            the canonical frame already.
        folder: to make or reuse.
        settings: size and alignment of the crops.
        left_out: files that are no photos, which skipped.csv of the real ones should name.
        workers: processes.
        progress: show bars on stderr.

    Returns:
        The crops: of real faces first, of each folder in turn.

    Raises:
        DaganError: a synthetic image that cannot be read, a folder without manifest, or no real
            face that can be aligned.
    """
    folder = Path(folder)
    tasks: dict[str, list[_Task]] = {REAL: [(face.path, face) for face in faces]}
    for name, source in synthetic.items():
        tasks[name] = [(Path(source) / row.path, row) for row in read_manifest(source)]
    stores = []
    for kind, images in tasks.items():
        mark = _fingerprint(images, settings)
        own = folder / f"{kind}-{mark[:12]}"
        with writing_to(own):
            if not (own / _DONE_NAME).is_file():
                _make(own, kind, images, settings, workers, progress)
            if kind == REAL:
                note_left_out(own, left_out)
        stores.append(_read(own, mark))
    return Crops(stores)


def _make(
    folder: Path,
    kind: str,
    tasks: Sequence[_Task],
    settings: CropConfig,
    workers: int,
    progress: bool,
) -> None:
    """Makes files of a few crops each, those there already kept, and puts them together."""
    parts = folder / _PARTS_NAME
    parts.mkdir(parents=True, exist_ok=True)
    chunks = {
        parts / f"{start:07d}.npz": tasks[start : start + _PART]
        for start in range(0, len(tasks), _PART)
    }
    jobs = [(file, kind, chunk) for file, chunk in chunks.items() if not file.exists()]
    with tqdm(total=len(tasks), desc=f"align {kind}", unit="image", disable=not progress) as bar:
        bar.update(len(tasks) - sum(len(chunk) for *_, chunk in jobs))
        for done in run_jobs(jobs, _make_part, Aligner, _alignment(settings), workers):
            bar.update(done)
    _join(folder, list(chunks), settings.image_size)
    (folder / _DONE_NAME).touch()
    shutil.rmtree(parts)


def _make_part(aligner: Aligner, job: tuple[Path, str, Sequence[_Task]]) -> int:
    """Aligns a few images; returns how many."""
    file, kind, tasks = job
    images, points, rows, skipped = [], [], [], []
    for path, what in tasks:
        try:
            crop, landmarks, yaw = aligner.align(path, what)
        except DaganError as error:
            if kind != REAL:
                raise
            skipped.append(asdict(SkippedRow(str(path), str(error))))
        else:
            sighting = what.sighting if isinstance(what, RealFace) else ""
            source = "" if isinstance(what, RealFace) else what.source
            images.append(crop)
            points.append(landmarks)
            rows.append(asdict(ImageRow(str(path), what.identity, yaw, kind, sighting, source)))
    size = aligner.image_size
    with write_whole(file) as partial, partial.open("wb") as stream:
        np.savez(
            stream,
            images=np.array(images, np.uint8).reshape(-1, size, size, 3),
            landmarks=np.array(points, np.float32).reshape(-1, 68, 2),
            rows=json.dumps(rows),
            skipped=json.dumps(skipped),
        )
    return len(tasks)


def _join(folder: Path, parts: Sequence[Path], size: int) -> None:
    """Writes what a store is read from, a part in memory at most, and what was skipped."""
    points: list[np.ndarray] = [np.zeros((0, 68, 2), np.float32)]
    rows: list[dict[str, object]] = []
    (folder / SKIPPED_NAME).unlink(missing_ok=True)
    with SkippedWriter(folder) as skipped:
        for part in parts:
            with np.load(part) as content:
                points.append(content["landmarks"])
                rows += json.loads(str(content["rows"]))
                for row in json.loads(str(content["skipped"])):
                    skipped.write(SkippedRow(**row))
    if not rows:
        raise DaganError(f"{str(folder)!r}: no photo could be aligned, see {SKIPPED_NAME}")
    images = np.lib.format.open_memmap(
        folder / CROPS_NAME, mode="w+", dtype=np.uint8, shape=(len(rows), size, size, 3)
    )
    start = 0
    for part in parts:
        with np.load(part) as content:
            found = content["images"]
        images[start : start + len(found)] = found
        start += len(found)
    images.flush()
    np.save(folder / LANDMARKS_NAME, np.concatenate(points))
    (folder / IMAGES_NAME).write_text(json.dumps(rows, indent=0), encoding="utf-8")


def _read(folder: Path, mark: str) -> Store:
    return Store(
        folder,
        mark,
        np.load(folder / CROPS_NAME, mmap_mode="r"),
        np.load(folder / LANDMARKS_NAME),
        [ImageRow(**row) for row in json.loads((folder / IMAGES_NAME).read_text("utf-8"))],
    )


def _alignment(settings: CropConfig) -> tuple[int, str, str]:
    return settings.image_size, settings.alignment, settings.landmarks


def _fingerprint(tasks: Sequence[_Task], settings: CropConfig) -> str:
    digest = hashlib.sha256(repr((_FORMAT, *_alignment(settings))).encode())
    for path, what in tasks:
        try:
            stamp = path.stat().st_mtime_ns
        except FileNotFoundError:
            stamp = 0  # Skipped with its reason, or an error, when it is read.
        digest.update(f"{path}\0{what}\0{stamp}\n".encode())
    return digest.hexdigest()
