"""Folders of simulated views and of real photos -> record folders, made once and reused.

The index of a record folder keeps a fingerprint of its inputs (names, sizes, times, settings): the
same inputs reuse it, changed ones repack it. Photos without a usable face are listed in the record
folder's `skipped.csv`.
"""

import hashlib
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from dagan_tf.data.manifest import (
    SKIPPED_NAME,
    ManifestRow,
    SkippedRow,
    SkippedWriter,
    read_manifest,
)
from dagan_tf.data.photos import PhotoItem
from dagan_tf.data.record_format import Record, RecordError
from dagan_tf.data.records import RecordIndex, read_index, write_records
from dagan_tf.errors import DaganError
from dagan_tf.faces.face import FaceFinder
from dagan_tf.faces.photo_io import encode_png, read_photo
from dagan_tf.faces.resizing import resized
from dagan_tf.faces.weights import LANDMARK_SOURCES
from dagan_tf.folders.head_images import read_head
from dagan_tf.folders.processes import run_jobs
from dagan_tf.folders.real_faces import frame_real, start_framing
from dagan_tf.simulator.registration import moved_onto
from dagan_tf.simulator.simulator import Simulator

# Pixels of the outline, both sides of it together, that a head without a photo does not show.
_RIM = 5
# Against photos proper, whose grain a view has lost, a refiner learns to draw grain everywhere.
_TURNED = 20.0


def pack_simulated(
    folder: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    image_size: int,
    held_out: Collection[str] = (),
    pairs: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> RecordIndex:
    """Packs a folder made by `trainer.simulate`.

    Args:
        folder: with `manifest.csv`.
        output: record folder to make or reuse.
        image_size: side of the records' images, pixels; others are resized.
        held_out: identities to leave out.
        pairs: folder made by `trainer.pair` of `folder`: views in it get their photo as a target.
            Views turned by less than 20 degrees from their photo are their own, and so are all of
            people of whom it has no photo: in other light than there, a refiner is to leave views
            alone.
        progress: show a bar on stderr.

    Returns:
        Index of `output`.

    Raises:
        DaganError: no manifest, no rows, an image that is absent or not square, or a head without
            its skin.
    """
    folder = Path(folder)
    rows = [row for row in read_manifest(folder) if row.identity not in held_out]
    if not rows:
        apart = " but of held-out people" if held_out else ""
        raise DaganError(f"{str(folder)!r}: the manifest lists no images{apart}")
    paths = [
        folder / name for row in rows for name in (row.path, row.mask_path, row.head_path) if name
    ]
    photos = _pairs(pairs)
    photographed = {row.identity for row in rows if row.path in photos}
    for row in rows:
        if row.path in photos:
            paths += photos[row.path]
    # The rows too: an angle or a name may be corrected without touching an image.
    fingerprint = _fingerprint(paths, "simulated", image_size, pairs is None, *map(repr, rows))

    def records() -> Iterator[Record]:
        for row in tqdm(rows, desc="pack simulated", unit="image", disable=not progress):
            image = read_photo(folder / row.path)
            if image.shape[0] != image.shape[1]:
                raise DaganError(
                    f"{str(folder / row.path)!r} is {_shape(image)}, expected a square"
                )
            mask, skin, target, inside = b"", b"", b"", b""
            if row.mask_path:
                mask = encode_png(_one_channel(folder / row.mask_path, image_size))
            if row.head_path:
                head, bare = read_head(folder / row.head_path)
                skin = encode_png(resized(bare, image_size, image_size))
                # Without a photo to share it with, the head but for its outline.
                head = resized(head, image_size, image_size)
                inside = encode_png(cv2.erode(head, np.ones((_RIM, _RIM), np.uint8)))
            encoded = encode_png(resized(image, image_size, image_size))
            if pairs is not None and _is_own_target(row, photographed):
                target = encoded
            elif row.path in photos:
                photo, shared = photos[row.path]
                both = read_photo(shared)[:, :, 0]
                laid, both = moved_onto(image, read_photo(photo), both, row.yaw)
                target = encode_png(resized(laid, image_size, image_size))
                inside = encode_png(resized(both, image_size, image_size))
            yield Record(
                image=encoded,
                size=image_size,
                identity=row.identity,
                source=row.path,
                domain="simulated",
                mask=mask,
                skin=skin,
                target=target,
                inside=inside,
                yaw=row.yaw,
                pitch=row.pitch,
                roll=row.roll,
            )

    return _reuse(output, fingerprint) or write_records(output, records(), fingerprint=fingerprint)


def pack_paired(
    folder: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    image_size: int,
    held_out: Collection[str] = (),
    progress: bool = True,
) -> RecordIndex:
    """Packs the photos of a folder made by `trainer.pair` as the real ones.

    Args:
        folder: with `manifest.csv`.
        output: record folder to make or reuse.
        image_size: side of the records' images, pixels; others are resized.
        held_out: identities to leave out.
        progress: show a bar on stderr.

    Returns:
        Index of `output`.

    Raises:
        DaganError: no manifest, or no rows but of held-out people.
    """
    folder = Path(folder)
    rows = [row for row in read_manifest(folder) if row.identity not in held_out]
    if not rows:
        raise DaganError(f"{str(folder)!r}: the manifest lists no photos but of held-out people")
    paths = [folder / row.path for row in rows]
    fingerprint = _fingerprint(paths, "paired", image_size, *map(repr, rows))

    def records() -> Iterator[Record]:
        for row in tqdm(rows, desc="pack real", unit="photo", disable=not progress):
            photo = read_photo(folder / row.path)
            yield Record(
                image=encode_png(resized(photo, image_size, image_size)),
                size=image_size,
                identity=row.identity,
                source=row.source,
                domain="real",
                yaw=row.yaw,
                pitch=row.pitch,
                roll=row.roll,
            )

    return _reuse(output, fingerprint) or write_records(output, records(), fingerprint=fingerprint)


def pack_real(
    photos: Sequence[PhotoItem],
    output: str | os.PathLike[str],
    *,
    image_size: int,
    aligned: bool = False,
    left_out: Sequence[SkippedRow] = (),
    landmarks: str = LANDMARK_SOURCES[0],
    simulator: Simulator | None = None,
    workers: int = 1,
    progress: bool = True,
) -> RecordIndex:
    """Packs real photos in the frame of the simulated views.

    Full profiles are framed by the detector's box, all others by the fitted head.

    Args:
        photos: what to pack.
        output: record folder to make or reuse; gets a `skipped.csv`.
        image_size: side of the records' images, pixels.
        aligned: the photos are square crops in the right frame already; they are only resized.
        left_out: other files that skipped.csv should name, as `read_folder` lists them.
        landmarks: where those of the others come from, of `LANDMARK_SOURCES`.
        simulator: aligns the others; its image size must be `image_size`. None takes the
            default one.
        workers: processes; 1 works in this one.
        progress: show a bar on stderr.

    Returns:
        Index of `output`.

    Raises:
        DaganError: no photos, or none that could be used.
    """
    fingerprint = _fingerprint(
        [item.path for item in photos],
        "real",
        image_size,
        aligned,
        landmarks,
        *map(repr, photos),
        *map(repr, left_out),
    )
    index = _reuse(output, fingerprint)
    if index:
        return index
    if not aligned and simulator is None:
        finder = FaceFinder(landmarks=landmarks)
        simulator = Simulator(image_size=image_size, finder=finder)
    skipped: list[SkippedRow] = []

    def records() -> Iterator[Record]:
        settings = (image_size, None if aligned else simulator)
        framed = run_jobs(photos, frame_real, start_framing, settings, workers)
        bar = tqdm(framed, total=len(photos), desc="pack real", unit="photo", disable=not progress)
        for item, face in zip(photos, bar, strict=True):
            if isinstance(face, SkippedRow):
                skipped.append(face)
                continue
            yield Record(
                image=face.image,
                size=image_size,
                identity=item.identity,
                source=item.source,
                domain="real",
                mask=face.mask,
                yaw=face.yaw,
                pitch=face.pitch,
                roll=face.roll,
            )

    try:
        index = write_records(output, records(), fingerprint=fingerprint)
    except RecordError as error:
        if skipped:
            raise DaganError(
                f"none of {len(photos)} real photos could be used; the first,"
                f" {skipped[0].source!r}: {skipped[0].reason}"
            ) from error
        raise
    with SkippedWriter(output) as writer:
        for row in (*left_out, *skipped):
            writer.write(row)
    if skipped and progress:
        where = Path(output) / SKIPPED_NAME
        tqdm.write(f"{len(skipped)} of {len(photos)} real photos skipped, see {where}")
    return index


def _is_own_target(row: ManifestRow, photographed: Collection[str]) -> bool:
    """Whether a view is as good as its photo, or of somebody of whom no other photo tells more."""
    yaw = float(row.source_pose.split()[0]) if row.source_pose else 0.0
    hardly_turned = abs(row.yaw - yaw) < _TURNED
    return bool(row.head_path) and (hardly_turned or row.identity not in photographed)


def _pairs(folder: str | os.PathLike[str] | None) -> dict[str, tuple[Path, Path]]:
    """Photo and shared region by the view's path."""
    if folder is None:
        return {}
    home = Path(folder)
    return {row.path: (home / row.path, home / row.mask_path) for row in read_manifest(home)}


def _one_channel(path: Path, size: int) -> np.ndarray:
    return resized(read_photo(path)[:, :, 0], size, size)


def _fingerprint(paths: Iterable[Path], *settings: object) -> str:
    digest = hashlib.sha256(repr(settings).encode())
    for path in paths:
        try:
            status = path.stat()
        except OSError as error:
            raise DaganError(f"{str(path)!r}: {error.strerror}") from error
        digest.update(f"{path.resolve()}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _reuse(output: str | os.PathLike[str], fingerprint: str) -> RecordIndex | None:
    try:
        index = read_index(output)
    except RecordError:
        return None
    return index if index.fingerprint == fingerprint else None


def _shape(image: np.ndarray) -> str:
    return f"{image.shape[1]}x{image.shape[0]}"
