"""For people photographed from several sides: real photos laid onto their simulated views.

OUT holds for each view that has a photo the photo at the view's own path, `..._mask.png`, what
`simulator.registration` says both show, and a `manifest.csv` as of simulated views.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from dagan_tf.core.files import writing_to
from dagan_tf.data.manifest import (
    ManifestRow,
    ManifestWriter,
    forget_lost,
    manifest_so_far,
    read_manifest,
)
from dagan_tf.data.photos import PhotoItem
from dagan_tf.errors import DaganError
from dagan_tf.faces.face import FaceFinder
from dagan_tf.faces.photo_io import read_photo, write_png
from dagan_tf.faces.weights import LANDMARK_SOURCES
from dagan_tf.folders.head_images import read_head
from dagan_tf.simulator.registration import register
from dagan_tf.simulator.simulator import Simulator

# A photo and a view are of one side if their yaws differ by no more, degrees: photos are seldom
# turned by just as much as their folder says.
_SAME_SIDE = 10.0
# A registration that leaves more went wrong.
MAX_COST = 0.2


@dataclass(frozen=True)
class PairSummary:
    """What a run did.

    Attributes:
        pairs: in the folder.
        unlike: photos that could not be laid onto their view.
        unframed: photos in which no face was found.
    """

    pairs: int
    unlike: int
    unframed: int


def pair_folder(
    simulated: str | os.PathLike[str],
    photos: Sequence[PhotoItem],
    output: str | os.PathLike[str],
    *,
    landmarks: str = LANDMARK_SOURCES[0],
    progress: bool = True,
) -> PairSummary:
    """Lays photos onto the views of the same person, expression and side that have none yet.

    Args:
        simulated: folder made by `trainer.simulate --head`.
        photos: with nominal yaws; of one expression are photos whose folders' names begin alike, up
            to the first "_", as FRLL's do.
        output: folder to fill; goes on where it stopped.
        landmarks: where they come from, of `LANDMARK_SOURCES`.
        progress: a bar on stderr.

    Returns:
        Counts.

    Raises:
        DaganError: the views have no `head`, or no photo is of a view's person and side.
    """
    simulated, output = Path(simulated), Path(output)
    with writing_to(output):
        done = {row.path for row in forget_lost(output)}
        wanted = [
            (row, photo)
            for row in read_manifest(simulated)
            if row.path not in done and (photo := _photo_of(row, photos)) is not None
        ]
        if not wanted and not done:
            raise DaganError(f"{str(simulated)!r}: no view has a photo of its person and side")
        simulator, finder = None, FaceFinder(landmarks=landmarks)
        unlike = unframed = 0
        with ManifestWriter(output) as manifest:
            for row, photo in tqdm(wanted, desc="pair", unit="photo", disable=not progress):
                if not row.head_path:
                    raise DaganError(f"{row.path}: has no head image; make views with --head")
                view = read_photo(simulated / row.path)
                simulator = simulator or Simulator(image_size=view.shape[0], finder=finder)
                try:
                    crop = _framed(simulator, photo)
                except DaganError:
                    unframed += 1
                    continue
                head, _ = read_head(simulated / row.head_path)
                found = register(crop, view, head, row.yaw)
                if found.cost > MAX_COST:
                    unlike += 1
                    continue
                mask_path = row.path.removesuffix(".png") + "_mask.png"
                (output / row.path).parent.mkdir(parents=True, exist_ok=True)
                write_png(output / mask_path, found.inside)
                write_png(output / row.path, found.photo)
                manifest.write(
                    dataclasses.replace(
                        row,
                        mask_path=mask_path,
                        source=photo.source,
                        depth_path="",
                        head_path="",
                        landmarks="",
                    )
                )
        return PairSummary(len(manifest_so_far(output)), unlike, unframed)


def _photo_of(row: ManifestRow, photos: Sequence[PhotoItem]) -> PhotoItem | None:
    mood = _mood(Path(row.source))
    for photo in photos:
        if (
            photo.identity == row.identity
            and photo.yaw is not None
            and abs(photo.yaw - row.yaw) <= _SAME_SIDE
            and _mood(photo.path) == mood
        ):
            return photo
    return None


def _mood(path: Path) -> str:
    """The word `neutral` of .../neutral_front/002_03.jpg."""
    return path.parent.name.split("_")[0]


def _framed(simulator: Simulator, photo: PhotoItem) -> np.ndarray:
    pixels = read_photo(photo.path)
    return simulator.align(pixels, yaw=photo.yaw).image
