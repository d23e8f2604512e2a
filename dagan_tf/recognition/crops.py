"""Aligned crops of every image an experiment needs, in one array on disk: made once, read by rows.

`FOLDER/crops.npy` (N, S, S, 3) uint8 in the canonical frame, `landmarks.npy` (N, 68, 2) float32
pixels, `images.json` a row an image, `skipped.csv`. Profiles are framed by the CNN's box and the
side that the layout tells, all else by the fitted head. A killed run is gone on with.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
from tqdm import tqdm

from dagan_tf.data.manifest import (
    SKIPPED_NAME,
    ManifestRow,
    SkippedRow,
    SkippedWriter,
    landmark_points,
    read_manifest,
)
from dagan_tf.data.photos import PhotoItem
from dagan_tf.errors import DaganError
from dagan_tf.faces.photo_io import read_photo
from dagan_tf.faces.resizing import resized
from dagan_tf.simulator.framing import mean_landmarks
from dagan_tf.simulator.profile_frame import PROFILE_YAW
from dagan_tf.simulator.simulator import Simulator

CROPS_NAME = "crops.npy"
LANDMARKS_NAME = "landmarks.npy"
IMAGES_NAME = "images.json"
_FINGERPRINT_NAME = "fingerprint.txt"
# While they are made, crops lie in files of so many in this folder.
_PARTS_NAME = "parts"
_PART = 8
# Kind of image, its path, and what is known of it.
_Task = tuple[str, Path, "PhotoItem | ManifestRow"]


@dataclass(frozen=True)
class ImageRow:
    """One crop.

    Attributes:
        path: of the image it was made of.
        identity: the person.
        yaw: degrees; nominal where a layout tells it, else of the fit.
        kind: `real`, or the name of a folder of synthetic images.
    """

    path: str
    identity: str
    yaw: float
    kind: str


@dataclass(frozen=True, eq=False)
class Crops:
    """What `make_crops` left.

    Attributes:
        images: (N, S, S, 3) uint8, a memmap.
        landmarks: (N, 68, 2) float32, pixels.
        rows: N rows.
    """

    images: np.ndarray
    landmarks: np.ndarray
    rows: Sequence[ImageRow]


def make_crops(
    photos: Sequence[PhotoItem],
    synthetic: Mapping[str, str | os.PathLike[str]],
    folder: str | os.PathLike[str],
    *,
    image_size: int,
    progress: bool = True,
) -> Crops:
    """Aligns all images, or reuses what an earlier run made of the same ones.

    Args:
        photos: real ones.
        synthetic: folders of `trainer.simulate` or `trainer.refine` by name; their images are in
            the canonical frame already.
        folder: to make or reuse.
        image_size: side of the crops, pixels.
        progress: show bars on stderr.

    Returns:
        The crops.

    Raises:
        DaganError: an image that cannot be read, a folder without manifest.
    """
    folder = Path(folder)
    sources = {name: Path(source) for name, source in synthetic.items()}
    listed = {name: read_manifest(source) for name, source in sources.items()}
    mark = _fingerprint(photos, synthetic, image_size)
    if not _is_made(folder, mark):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _FINGERPRINT_NAME).unlink(missing_ok=True)
        tasks: list[_Task] = [("real", photo.path, photo) for photo in photos]
        for name, rows in listed.items():
            tasks += [(name, sources[name] / row.path, row) for row in rows]
        parts = _make_parts(folder / _PARTS_NAME / mark[:16], tasks, image_size, progress)
        _join(folder, parts)
        (folder / _FINGERPRINT_NAME).write_text(mark, encoding="utf-8")
        shutil.rmtree(folder / _PARTS_NAME)
    return Crops(
        np.load(folder / CROPS_NAME, mmap_mode="r"),
        np.load(folder / LANDMARKS_NAME),
        [ImageRow(**row) for row in json.loads((folder / IMAGES_NAME).read_text("utf-8"))],
    )


def _make_parts(
    folder: Path, tasks: Sequence[_Task], image_size: int, progress: bool
) -> Sequence[Path]:
    """Files of a few crops each, those there already kept: what a killed run has made."""
    folder.mkdir(parents=True, exist_ok=True)
    aligner: _Aligner | None = None
    parts = []
    with tqdm(total=len(tasks), desc="align", unit="image", disable=not progress) as bar:
        for start in range(0, len(tasks), _PART):
            chunk = tasks[start : start + _PART]
            part = folder / f"{start:07d}.npz"
            if part.exists():
                bar.update(len(chunk))
            else:
                aligner = aligner or _Aligner(image_size)
                _make_part(part, chunk, aligner, bar)
            parts.append(part)
    return parts


def _make_part(file: Path, tasks: Sequence[_Task], aligner: _Aligner, bar: tqdm[NoReturn]) -> None:
    images, points, rows, skipped = [], [], [], []
    for kind, path, what in tasks:
        try:
            crop, landmarks, yaw = aligner.align(path, what)
        except DaganError as error:
            if kind != "real":
                raise
            skipped.append(asdict(SkippedRow(str(path), str(error))))
        else:
            images.append(crop)
            points.append(landmarks)
            rows.append(asdict(ImageRow(str(path), what.identity, yaw, kind)))
        bar.update()
    size = aligner.image_size
    partial = file.with_suffix(".partial")
    with partial.open("wb") as stream:
        np.savez(
            stream,
            images=np.array(images, np.uint8).reshape(-1, size, size, 3),
            landmarks=np.array(points, np.float32).reshape(-1, 68, 2),
            rows=json.dumps(rows),
            skipped=json.dumps(skipped),
        )
    os.replace(partial, file)


def _join(folder: Path, parts: Sequence[Path]) -> None:
    """Writes what `Crops` is read from, and the list of skipped photos."""
    arrays: dict[str, list[np.ndarray]] = {"images": [], "landmarks": []}
    rows: list[dict[str, object]] = []
    (folder / SKIPPED_NAME).unlink(missing_ok=True)
    with SkippedWriter(folder) as skipped:
        for part in parts:
            with np.load(part) as content:
                for name, values in arrays.items():
                    values.append(content[name])
                rows += json.loads(str(content["rows"]))
                for row in json.loads(str(content["skipped"])):
                    skipped.write(SkippedRow(**row))
    if not rows:
        raise DaganError(f"{str(folder)!r}: no photo could be aligned, see {SKIPPED_NAME}")
    np.save(folder / CROPS_NAME, np.concatenate(arrays["images"]))
    np.save(folder / LANDMARKS_NAME, np.concatenate(arrays["landmarks"]))
    (folder / IMAGES_NAME).write_text(json.dumps(rows, indent=0), encoding="utf-8")


class _Aligner:
    """Frames images of all kinds alike."""

    def __init__(self, image_size: int) -> None:
        self.image_size = image_size
        self._simulator = Simulator(image_size=image_size)
        self._profiles = {
            side: mean_landmarks(self._simulator.model, side, image_size) for side in (-90, 90)
        }

    def align(
        self, path: Path, what: PhotoItem | ManifestRow
    ) -> tuple[np.ndarray, np.ndarray, float]:
        """Crop, landmarks and yaw of a real or a synthetic image."""
        if isinstance(what, PhotoItem):
            return self.real(what)
        return (*self.synthetic(path, what.yaw, what.landmarks), what.yaw)

    def real(self, item: PhotoItem) -> tuple[np.ndarray, np.ndarray, float]:
        """Crop, landmarks and yaw."""
        photo = read_photo(item.path)
        aligned = self._simulator.align(photo, yaw=item.yaw)
        yaw = aligned.pose.yaw if item.yaw is None else item.yaw
        return aligned.image, aligned.landmarks, yaw

    def synthetic(self, path: Path, yaw: float, known: str) -> tuple[np.ndarray, np.ndarray]:
        """Crop and landmarks."""
        image = read_photo(path)
        if image.shape[0] != image.shape[1]:
            raise DaganError(f"{str(path)!r} is {image.shape[1]}x{image.shape[0]}; expected square")
        ratio = self.image_size / image.shape[0]
        image = resized(image, self.image_size, self.image_size)
        # Real profiles have the mean head's landmarks: what is compared is read alike.
        if abs(yaw) > PROFILE_YAW or not known:
            return image, self._profiles[90 if yaw > 0 else -90]
        points = landmark_points(known).astype(np.float32)
        return image, (points + 0.5) * ratio - 0.5


def _is_made(folder: Path, mark: str) -> bool:
    try:
        return (folder / _FINGERPRINT_NAME).read_text(encoding="utf-8") == mark
    except OSError:
        return False


def _fingerprint(
    photos: Sequence[PhotoItem], synthetic: Mapping[str, str | os.PathLike[str]], size: int
) -> str:
    digest = hashlib.sha256(repr((size, sorted(synthetic))).encode())
    for item in photos:
        digest.update(f"{item.path}\0{item.yaw}\0{item.path.stat().st_mtime_ns}\n".encode())
    for name in sorted(synthetic):
        for row in read_manifest(synthetic[name]):
            stamp = (Path(synthetic[name]) / row.path).stat().st_mtime_ns
            digest.update(f"{name}\0{row}\0{stamp}\n".encode())
    return digest.hexdigest()
