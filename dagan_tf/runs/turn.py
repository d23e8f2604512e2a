"""Photos in, their faces from other sides out: simulated and refined, one call or one command."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from dagan_tf.core.files import writing_to
from dagan_tf.core.names import file_name
from dagan_tf.errors import DaganError
from dagan_tf.faces.face import FaceFinder
from dagan_tf.faces.photo_io import read_photo, write_png
from dagan_tf.faces.resizing import resized
from dagan_tf.faces.weights import LANDMARK_SOURCES
from dagan_tf.folders.views import View, all_views
from dagan_tf.simulator.angles import read_angles, yaw_refusal
from dagan_tf.simulator.simulator import Simulator
from dagan_tf.simulator.view import SimulatedView

if TYPE_CHECKING:
    from dagan_tf.export.refiner import Refiner

YAWS = (-60.0, -30.0, 30.0, 60.0)
SHEET_NAME = "contact_sheet.png"
# White between the pictures of the contact sheet, and the height of a line of text, pixels.
_GAP, _LINE = 6, 18


@dataclass(frozen=True, eq=False)
class TurnedFace:
    """A face from another side.

    Attributes:
        view: As the simulator draws it, with mask, landmarks and pose.
        refined: (S, S, 3) uint8 RGB, the same view refined.
    """

    view: SimulatedView
    refined: np.ndarray

    @property
    def simulated(self) -> np.ndarray:
        """(S, S, 3) uint8 RGB, not refined."""
        return self.view.image


def turn(
    photo: np.ndarray | str | os.PathLike[str],
    yaws: Iterable[float] = YAWS,
    *,
    model: str | os.PathLike[str] = "pretrained",
    image_size: int | None = None,
    landmarks: str = LANDMARK_SOURCES[0],
) -> list[TurnedFace]:
    """Shows a photo's face from other sides, simulated and refined.

    Args:
        photo: (H, W, 3) uint8 RGB, or a file.
        yaws: Degrees in [-90, 90], > 0 turns the face to its own left.
        model: What refines: `pretrained`, the refiner in the box, or what `serving.export` wrote.
        image_size: Side of the views, pixels; that of the model's training if None.
        landmarks: Where they come from, of `LANDMARK_SOURCES`.

    Returns:
        One face a yaw, in their order; yaws of a side that the photo does not show are left out.

    Raises:
        PhotoError: The file is not a photo.
        FaceNotFoundError: No face in it, or several and none clearly the main one.
        DaganError: A yaw is out of range, the photo shows the side of none, or no model is there.
    """
    refiner = _refiner(os.fspath(model))
    size = image_size or refiner.image_size or 224
    pixels = photo if isinstance(photo, np.ndarray) else read_photo(photo)
    views = _simulator(size, landmarks).simulate(pixels, yaws=yaws)
    refined = refiner(np.stack([view.image for view in views]))
    return [TurnedFace(view, image) for view, image in zip(views, refined, strict=True)]


def turn_files(
    photos: Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    yaws: Iterable[float] = YAWS,
    *,
    model: str | os.PathLike[str] = "pretrained",
    image_size: int | None = None,
    landmarks: str = LANDMARK_SOURCES[0],
) -> dict[Path, str]:
    """Turns the faces of files; writes simulated/, refined/ and a contact sheet.

    Args:
        photos: Files.
        output: Folder, made if absent. `refined/STEM_yaw+030.png` (see `picture_name`) and the
            same in `simulated/`; files of an earlier call with the same names are replaced.
        yaws: See `turn`, like the three below.
        model: What refines.
        image_size: Side of the views, pixels.
        landmarks: Where they come from.

    Returns:
        Why a photo, or some of its views, were left out, one line, by file; empty if none was.

    Raises:
        DaganError: Two photos have one stem, a yaw is out of range or finer than 0.1 degrees, or
            the model cannot be had.
        OSError: `output` cannot be written.
    """
    files = [Path(photo) for photo in photos]
    stems = [file.stem for file in files]
    for place, stem in enumerate(stems):
        if stem in stems[:place]:
            raise DaganError(
                f"{files[place]}: has the same name as {files[stems.index(stem)]}; expected"
                " different ones, which name the pictures made of them"
            )
    yaws = read_angles("yaws", yaws)
    all_views(yaws, None)  # Refuses angles that cannot be shown, or named.
    _refiner(os.fspath(model))
    with writing_to(output) as folder:
        for kind in ("simulated", "refined"):
            (folder / kind).mkdir(parents=True, exist_ok=True)
        left_out: dict[Path, str] = {}
        rows = []
        for file in files:
            try:
                pixels = read_photo(file)
                faces = turn(pixels, yaws, model=model, image_size=image_size, landmarks=landmarks)
            except DaganError as error:
                said = str(error)
                left_out[file] = said if str(file) in said else f"{file}: {said}"
                continue
            for face in faces:
                name = picture_name(file, face.view.pose.yaw)
                write_png(folder / "simulated" / name, face.simulated)
                write_png(folder / "refined" / name, face.refined)
            rows.append((pixels, faces))
            own = faces[0].view.source_pose.yaw
            refusals = [reason for yaw in yaws if (reason := yaw_refusal(own, yaw))]
            if refusals:
                left_out[file] = f"{file}: {'; '.join(refusals)}"
        if rows:
            write_png(folder / SHEET_NAME, contact_sheet(rows))
        return left_out


def picture_name(photo: Path, yaw: float) -> str:
    """File name of a photo's view at a yaw, degrees, in simulated/ and refined/."""
    return f"{file_name(photo.stem)}_yaw{View(yaw).name}.png"


def contact_sheet(rows: Sequence[tuple[np.ndarray, Sequence[TurnedFace]]]) -> np.ndarray:
    """Photos, each with its simulated views and below them the same refined.

    Args:
        rows: A photo, (H, W, 3) uint8, and its faces, all of one size.

    Returns:
        uint8 (H, W, 3) RGB.
    """
    side = rows[0][1][0].refined.shape[0]
    blank = np.full((side, side, 3), 255, np.uint8)
    lines = []
    for photo, faces in rows:
        yaws = [f"yaw {face.view.pose.yaw:+.0f}" for face in faces]
        shown = [_square(photo, side), *(face.simulated for face in faces)]
        lines.append(_line(shown, ["photo", *(f"{yaw}, simulated" for yaw in yaws)]))
        shown = [blank, *(face.refined for face in faces)]
        lines.append(_line(shown, ["", *(f"{yaw}, refined" for yaw in yaws)]))
    width = max(line.shape[1] for line in lines)
    return np.concatenate(
        [
            np.pad(line, ((0, 0), (0, width - line.shape[1]), (0, 0)), constant_values=255)
            for line in lines
        ]
    )


def _line(images: Sequence[np.ndarray], texts: Sequence[str]) -> np.ndarray:
    cells = []
    for image, text in zip(images, texts, strict=True):
        cell = np.pad(image, ((_LINE, _GAP), (0, _GAP), (0, 0)), constant_values=255)
        cv2.putText(cell, text, (2, _LINE - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1)
        cells.append(cell)
    return np.concatenate(cells, axis=1)


def _square(photo: np.ndarray, side: int) -> np.ndarray:
    """The whole photo on a white square."""
    height, width = photo.shape[:2]
    scale = side / max(height, width)
    small = resized(photo, max(1, round(scale * width)), max(1, round(scale * height)))
    top, left = (side - small.shape[0]) // 2, (side - small.shape[1]) // 2
    square = np.full((side, side, 3), 255, np.uint8)
    square[top : top + small.shape[0], left : left + small.shape[1]] = small
    return square


@functools.lru_cache(maxsize=2)
def _refiner(model: str) -> Refiner:
    from dagan_tf.export.refiner import Refiner  # Loads TensorFlow.

    return Refiner.load(model)


@functools.lru_cache(maxsize=2)
def _simulator(image_size: int, landmarks: str) -> Simulator:
    return Simulator(image_size=image_size, finder=FaceFinder(landmarks=landmarks))
