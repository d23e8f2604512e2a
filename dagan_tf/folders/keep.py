"""Keeps the refined images in which the discriminator sees a real photo and the right person.

The rows left out move from `manifest.csv` to `rejected/manifest.csv`, whose paths still count from
the folder itself; no image is deleted. `scores.csv` has every image's two costs. Filtering again,
with another percentile or with more images, judges all images anew.
"""

import csv
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from dagan_tf.core.files import claim, lock, write_whole
from dagan_tf.core.pixels import to_signed
from dagan_tf.data.manifest import (
    ManifestRow,
    manifest_so_far,
    read_manifest,
    write_manifest,
)
from dagan_tf.errors import DaganError
from dagan_tf.faces.photo_io import read_photo

REJECTED_NAME = "rejected"
SCORES_NAME = "scores.csv"
_FILTER_NAME = "filter.json"
_BATCH = 32

# From uint8 (N, H, W, 3) and N identities to float (N, 2): realism error, identity cost.
Scorer = Callable[[np.ndarray, Sequence[str]], np.ndarray]


def rejected_rows(folder: str | os.PathLike[str]) -> list[ManifestRow]:
    """Rows that a filter took out of a folder's manifest."""
    return manifest_so_far(Path(folder) / REJECTED_NAME)


def filter_folder(folder: str | os.PathLike[str], score: Scorer, keep_percentile: float) -> int:
    """Keeps the images within a percentile of both costs.

    Args:
        folder: what `refine_folder` wrote.
        score: see `make_scorer`; a NaN cost (a person unknown to the discriminator) rejects
            nothing.
        keep_percentile: above 0, at most 100 = all.

    Returns:
        Number of images kept.

    Raises:
        DaganError: the percentile is out of range, or the folder cannot be read.
    """
    if not 0 < keep_percentile <= 100:
        raise DaganError(f"keep_percentile = {keep_percentile}: expected above 0, at most 100")
    folder = Path(folder)
    with lock(folder):
        rows = {row.path: row for row in [*read_manifest(folder), *rejected_rows(folder)]}
        ordered = [rows[path] for path in sorted(rows)]
        if not ordered:
            return 0
        parts = []
        for start in range(0, len(ordered), _BATCH):
            batch = ordered[start : start + _BATCH]
            images = np.stack([read_photo(folder / row.path) for row in batch])
            parts.append(score(images, [row.identity for row in batch]))
        costs = np.concatenate(parts)
        with np.errstate(invalid="ignore"):
            limits = [
                np.percentile(known, keep_percentile) if len(known) else np.inf
                for known in (column[np.isfinite(column)] for column in costs.T)
            ]
            keep = np.logical_not((costs > limits).any(axis=1))
        _write_scores(folder / SCORES_NAME, ordered, costs, keep)
        apart = folder / REJECTED_NAME
        # Rejected first: a row is in one of the manifests at every moment.
        write_manifest(apart, [row for row, kept in zip(ordered, keep, strict=True) if not kept])
        write_manifest(folder, [row for row, kept in zip(ordered, keep, strict=True) if kept])
        return int(keep.sum())


def filtered_copy(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    model_dir: str | os.PathLike[str],
    keep_percentile: float,
) -> None:
    """A copy of a refined folder that holds what a training's discriminator lets pass.

    Args:
        source: what `refine_folder` wrote; it is left as it is.
        target: the copy; one that is there and was made in the same way is kept.
        model_dir: the training's folder, see `make_scorer`.
        keep_percentile: see `filter_folder`.

    Raises:
        DaganError: as both, or `target` was made in another way.
    """
    from dagan_tf.loop.checkpoints import list_checkpoints

    source, target = Path(source), Path(target)
    mark = target / _FILTER_NAME
    facts = {
        "source": str(source),
        "judge": next(iter(list_checkpoints(model_dir)), str(model_dir)),
        "keep_percentile": keep_percentile,
        "images": len(read_manifest(source)),
    }
    if mark.is_file():
        for name, (then, now) in claim(mark, facts).items():
            raise DaganError(f"{target}: was made with {name} {then}, now {now}; remove the folder")
        return
    scorer = make_scorer(model_dir)
    ignored = shutil.ignore_patterns(REJECTED_NAME, SCORES_NAME)
    shutil.copytree(source, target, ignore=ignored, dirs_exist_ok=True)
    filter_folder(target, scorer, keep_percentile)
    claim(mark, facts)


def make_scorer(model_dir: str | os.PathLike[str]) -> Scorer:
    """Scores by the discriminator of a training's newest checkpoint.

    The realism error is |x - D(x)|, or in the forms without auto-encoder -log of the probability of
    being real; the identity cost is L_ip.

    Raises:
        DaganError: no readable checkpoint there; when scoring, images of another size.
    """
    from dagan_tf.gan import losses
    from dagan_tf.pretrained.model_folder import load_discriminator, read_identities

    discriminator = load_discriminator(model_dir)
    labels = {name: label for label, name in enumerate(read_identities(model_dir))}
    size = discriminator.input_shape[1]

    def score(images: np.ndarray, identities: Sequence[str]) -> np.ndarray:
        if images.shape[1:] != (size, size, 3):
            raise DaganError(
                f"images of {images.shape[2]}x{images.shape[1]}: the discriminator in"
                f" {str(model_dir)!r} takes {size}x{size}"
            )
        pixels = to_signed(images)
        answer, logits = discriminator(pixels, training=False)
        if answer.shape[1:] == pixels.shape[1:]:
            error = losses.reconstruction_error(pixels, answer)
        else:
            error = losses.decision_error(answer, real=True)
        known = np.array([labels.get(name, -1) for name in identities], np.int32)
        cost = np.asarray(losses.identity_perception(logits, known), np.float64)
        return np.stack([np.asarray(error, np.float64), np.where(known < 0, np.nan, cost)], axis=1)

    return score


def _write_scores(
    path: Path, rows: Sequence[ManifestRow], costs: np.ndarray, keep: np.ndarray
) -> None:
    with write_whole(path) as partial, partial.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["path", "realism_error", "identity_cost", "kept"])
        for row, (error, cost), kept in zip(rows, costs, keep, strict=True):
            writer.writerow([row.path, f"{error:.6g}", f"{cost:.6g}", int(kept)])
