"""A folder of simulated views to the same folder refined, resumable at any moment.

OUT has the names of IN: the refined images, the masks (no depth), `manifest.csv`, `skipped.csv`
(source, reason) and `refine.json`, which names the model. A row enters the manifest only after
its files are whole on disk, so whatever kills the process, a rerun makes just what is missing.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from dagan_tf.core.files import claim, write_bytes, writing_to
from dagan_tf.data.manifest import (
    MANIFEST_NAME,
    ManifestRow,
    ManifestWriter,
    SkippedRow,
    SkippedWriter,
    forget_lost,
    forget_mended,
    landmark_points,
    landmarks_text,
    read_manifest,
    read_skipped,
)
from dagan_tf.errors import DaganError
from dagan_tf.export.refiner import refine_at
from dagan_tf.faces.photo_io import PhotoError, read_photo, write_png
from dagan_tf.faces.resizing import resized
from dagan_tf.folders.keep import rejected_rows

SETTINGS_NAME = "refine.json"

_Batch = list[tuple[ManifestRow, np.ndarray]]
_Refined = tuple[_Batch, np.ndarray]
Stream = Callable[[Callable[[_Batch], _Refined], Iterable[_Batch]], Iterable[_Refined]]


class RefiningError(DaganError):
    """A folder that cannot be refined as asked."""


@dataclass(frozen=True)
class RefiningSummary:
    """What a run did: images refined now, images done before, images skipped in all."""

    refined: int
    done_before: int
    skipped: int


def refine_folder(
    input_folder: str | os.PathLike[str],
    output_folder: str | os.PathLike[str],
    refine: Callable[[np.ndarray], np.ndarray],
    *,
    label: str,
    image_size: int | None = None,
    shrink_to: int | None = None,
    batch_size: int = 8,
    stream: Stream = map,
    progress: bool = True,
) -> RefiningSummary:
    """Refines every image of a simulated folder that is not refined yet.

    Args:
        input_folder: What `trainer.simulate` wrote.
        output_folder: Folder to fill; not `input_folder` itself.
        refine: uint8 (N, H, W, 3) to the same; a `Refiner` or a `RefinerClient`'s
            `request_images`.
        label: Names the model. A folder begun with one model, or with one at another `image_size`
            or `shrink_to`, is not continued.
        image_size: Side the model was trained at, pixels; images of another size go through
            `refine_at`. None refines each image at its own size.
        shrink_to: Longer side at which refined images are written, pixels, with their masks and
            landmarks; smaller ones are skipped. None writes each image at its own size.
        batch_size: Most images given to `refine` at once.
        stream: Applies it to the batches, answers in their order. With a `RefinerClient`'s
            `in_flight`, files are read and written while the server works.
        progress: A bar on stderr.

    Returns:
        Counts. Images that cannot be read are skipped and named in `skipped.csv`; once their files
        have changed they are tried again.

    Raises:
        RefiningError: `input_folder` is not a simulated folder, or `output_folder` was begun with
            another model or is `input_folder`.
        DaganError: A manifest is damaged or names a path outside its folder.
        OSError: `output_folder` cannot be written.
    """
    source, target = Path(input_folder), Path(output_folder)
    if batch_size < 1:
        raise RefiningError(f"batch_size is {batch_size}; expected at least 1")
    if shrink_to is not None and shrink_to < 1:
        raise RefiningError(f"shrink_to is {shrink_to}; expected at least 1")
    if not (source / MANIFEST_NAME).is_file():
        raise RefiningError(
            f"{source}: holds no {MANIFEST_NAME}; expected what trainer.simulate writes"
        )
    if source.resolve() == target.resolve():
        raise RefiningError(f"{target}: is the input folder; expected another one")
    rows = read_manifest(source)
    with writing_to(target):
        label += f" at {image_size} pixels" if image_size else ""
        claim_folder(target, label + (f", shrunk to {shrink_to}" if shrink_to else ""))
        done = {row.path: row for row in [*forget_lost(target), *rejected_rows(target)]}
        _check_sources(rows, done, target)
        forget_mended(
            target,
            {row.path: [source / name for name in (row.path, row.mask_path)] for row in rows},
        )
        failed = {row.source for row in read_skipped(target)}
        todo = [row for row in rows if row.path not in done and row.path not in failed]
        refined = skipped = 0
        with (
            ManifestWriter(target) as manifest,
            SkippedWriter(target) as skip_list,
            tqdm(total=len(todo), unit="image", desc="refine", disable=not progress) as bar,
        ):

            def skip(row: ManifestRow, reason: str) -> None:
                nonlocal skipped
                skip_list.write(SkippedRow(source=row.path, reason=reason))
                skipped += 1
                bar.update()

            def refined_batch(batch: _Batch) -> _Refined:
                images = np.stack([image for _, image in batch])
                return batch, refine_at(refine, images, image_size) if image_size else refine(
                    images
                )

            batches = _batches(_read(source, todo, shrink_to or 1, skip), batch_size)
            for batch, images in stream(refined_batch, batches):
                for (row, _), image in zip(batch, images, strict=True):
                    scale = shrink_to / max(image.shape[:2]) if shrink_to else 1.0
                    _write(source, target, row, image, scale)
                    manifest.write(_scaled(row, scale))
                    refined += 1
                    bar.update()
        skipped += sum(row.path in failed for row in rows)
        return RefiningSummary(refined, len(rows) - refined - skipped, skipped)


def _check_sources(rows: Iterable[ManifestRow], done: dict[str, ManifestRow], target: Path) -> None:
    """Refuses views whose refined images would be taken for done, being those of other photos."""
    for row in rows:
        before = done.get(row.path, row)
        if before.source != row.source:
            raise RefiningError(
                f"{target / row.path}: was refined from a view of {before.source}, not of "
                f"{row.source}; choose another output folder"
            )


def claim_folder(folder: Path, label: str, images: Path | None = None) -> None:
    """Notes the model a folder is refined with, or checks that it is the same.

    Args:
        folder: of the refined images.
        label: names the model.
        images: the folder of those refined, where no manifest tells what each is made of.
    """
    file = folder / SETTINGS_NAME
    facts = {"model": label} | ({} if images is None else {"images": str(images.resolve())})
    try:
        changed = claim(file, facts)
    except DaganError:
        changed = {"model": (None, label)}
    if changed.get("model", (label, label))[0] is None:
        raise RefiningError(f"{file}: damaged; expected {{'model': ...}}")
    for begun, now in changed.values():
        if begun is not None:  # Older versions did not note the images.
            raise RefiningError(
                f"{folder}: was begun with {begun}, not with {now}; choose another output folder"
            )


def _read(
    folder: Path,
    rows: Iterable[ManifestRow],
    smallest: int,
    skip: Callable[[ManifestRow, str], None],
) -> Iterator[tuple[ManifestRow, np.ndarray]]:
    for row in rows:
        try:
            image = read_photo(folder / row.path)
        except PhotoError as error:
            skip(row, str(error))
            continue
        if row.mask_path and not (folder / row.mask_path).is_file():
            skip(row, f"{folder / row.mask_path}: no such file")
            continue
        if max(image.shape[:2]) < smallest:
            height, width = image.shape[:2]
            skip(row, f"{folder / row.path}: is {width}x{height}; expected at least {smallest}")
            continue
        yield row, image


def _batches(images: Iterable[tuple[ManifestRow, np.ndarray]], size: int) -> Iterator[_Batch]:
    """Groups neighbouring images of one shape."""
    batch: _Batch = []
    for row, image in images:
        if batch and (len(batch) == size or batch[0][1].shape != image.shape):
            yield batch
            batch = []
        batch.append((row, image))
    if batch:
        yield batch


def _write(source: Path, target: Path, row: ManifestRow, image: np.ndarray, scale: float) -> None:
    (target / row.path).parent.mkdir(parents=True, exist_ok=True)
    write_png(target / row.path, _shrunk(image, scale))
    if not row.mask_path:
        return
    mask = target / row.mask_path
    mask.parent.mkdir(parents=True, exist_ok=True)
    if scale == 1.0:
        write_bytes(mask, (source / row.mask_path).read_bytes())
    else:
        write_png(mask, _shrunk(read_photo(source / row.mask_path)[:, :, 0], scale))


def _shrunk(image: np.ndarray, scale: float) -> np.ndarray:
    height, width = image.shape[:2]
    return resized(image, max(1, round(scale * width)), max(1, round(scale * height)))


def _scaled(row: ManifestRow, scale: float) -> ManifestRow:
    """The row of the image that is written; depth and head stay with the view."""
    landmarks = row.landmarks
    if landmarks and scale != 1.0:
        landmarks = landmarks_text((landmark_points(landmarks) + 0.5) * scale - 0.5)
    return replace(row, depth_path="", head_path="", landmarks=landmarks)
