"""`trainer.simulate` on Apache Beam: the same work per photo, on as many machines as a runner has.

Needs `pip install 'dagan-tf[beam]'` and an output folder that all workers and the caller see. A
worker writes a photo's images, then, atomically, a file with its rows into OUT/rows/. The caller
folds these files into manifest.csv and skipped.csv, at the end and at the beginning of the next
run: so a pipeline may be killed at any moment, and may do a photo twice, without harm.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dagan_tf.core.files import write_bytes, writing_to
from dagan_tf.data.manifest import (
    ManifestRow,
    ManifestWriter,
    SkippedRow,
    SkippedWriter,
    manifest_so_far,
    note_left_out,
    read_skipped,
)
from dagan_tf.data.photos import PhotoItem
from dagan_tf.errors import DaganError
from dagan_tf.folders.simulate import (
    SimulationSummary,
    plan_jobs,
    summarise,
)
from dagan_tf.folders.view_maker import Job, SimulationSettings, make_views, start_maker
from dagan_tf.folders.views import View

try:
    import apache_beam as beam
except ImportError as error:
    raise DaganError("apache_beam is missing: pip install 'dagan-tf[beam]'") from error

ROWS = "rows"


class MakeViews(beam.DoFn):
    """Makes the views of a job's photos; yields the number of views made."""

    def __init__(self, settings: SimulationSettings, output: str):
        """Keeps what a worker needs.

        Args:
            settings: of the views.
            output: the folder they go to.
        """
        self._settings = settings
        self._output = output

    def setup(self) -> None:
        """Loads head model and detectors, once a worker."""
        self._context = start_maker(self._settings, Path(self._output))

    def process(self, job: Job) -> Any:
        """Does one job."""
        rows = make_views(self._context, job)
        write_rows(Path(self._output), job, rows)
        yield sum(isinstance(row, ManifestRow) for row in rows)


def simulate_on_beam(
    wanted: Sequence[tuple[PhotoItem, Sequence[View]]],
    output: str | os.PathLike[str],
    settings: SimulationSettings,
    pipeline_args: Sequence[str] = (),
    *,
    left_out: Sequence[SkippedRow] = (),
) -> SimulationSummary:
    """As `simulate_views`, as a Beam pipeline.

    Args:
        wanted: photos and their views; the paths must mean the same on every worker.
        output: folder that every worker sees.
        settings: of the simulator; must be those `output` was begun with.
        pipeline_args: Beam's own, for example `--runner=FlinkRunner`; DirectRunner by default.
        left_out: as of `simulate_folder`.

    Returns:
        Counts.

    Raises:
        DaganError: as `simulate_views`.
    """
    with writing_to(output) as folder:
        fold_rows(folder)
        jobs = plan_jobs(wanted, folder, settings)
        note_left_out(folder, left_out)
        options = beam.options.pipeline_options.PipelineOptions(list(pipeline_args))
        if jobs:
            with beam.Pipeline(options=options) as pipeline:
                _ = (
                    pipeline
                    | "Photos" >> beam.Create(jobs)
                    | "Spread" >> beam.Reshuffle()
                    | "Views" >> beam.ParDo(MakeViews(settings, str(folder)))
                )
        fold_rows(folder)
        return summarise(wanted, folder, jobs)


def write_rows(folder: Path, job: Job, rows: Sequence[ManifestRow | SkippedRow]) -> None:
    """Writes a job's rows as one file, whole or not at all."""
    key = json.dumps([[photo.source, [view.name for view in views]] for photo, views in job])
    name = hashlib.sha256(key.encode("utf-8")).hexdigest()[:32]
    (folder / ROWS).mkdir(exist_ok=True)
    record = [{"kind": type(row).__name__, **asdict(row)} for row in rows]
    write_bytes(folder / ROWS / f"{name}.json", json.dumps(record).encode("utf-8"))


def fold_rows(folder: Path) -> None:
    """Moves all rows that workers wrote into manifest.csv and skipped.csv, each once."""
    files = sorted((folder / ROWS).glob("*.json")) if (folder / ROWS).is_dir() else []
    if not files:
        return
    done = {row.path for row in manifest_so_far(folder)}
    told = {(row.source, row.yaw) for row in read_skipped(folder)}
    with ManifestWriter(folder) as manifest, SkippedWriter(folder) as skipped:
        for file in files:
            for record in json.loads(file.read_text(encoding="utf-8")):
                if record.pop("kind") == "ManifestRow":
                    row = ManifestRow(**record)
                    if row.path not in done:
                        manifest.write(row)
                        done.add(row.path)
                else:
                    reason = SkippedRow(**record)
                    if (reason.source, reason.yaw) not in told:
                        skipped.write(reason)
                        told.add((reason.source, reason.yaw))
            file.unlink()
