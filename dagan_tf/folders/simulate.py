"""A folder of photos to a folder of simulated views, on all cores, resumable at any moment.

OUT holds the images that `view_maker` writes, OUT/manifest.csv, OUT/skipped.csv and
OUT/simulate.json, the settings the folder was made with. A row enters the manifest only after its
images are whole on disk; so whatever kills the process, a rerun makes just what is missing. Photos
that gave none are tried again once their files have changed.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby
from pathlib import Path

from tqdm import tqdm

from dagan_tf.core.files import claim, writing_to
from dagan_tf.data.manifest import (
    ManifestRow,
    ManifestWriter,
    SkippedRow,
    SkippedWriter,
    forget_lost,
    forget_mended,
    manifest_so_far,
    note_left_out,
    read_skipped,
)
from dagan_tf.data.photos import PhotoItem
from dagan_tf.errors import DaganError
from dagan_tf.folders.processes import run_jobs
from dagan_tf.folders.view_maker import Job, SimulationSettings, make_views, start_maker
from dagan_tf.folders.views import View, all_views, view_path

SETTINGS = "simulate.json"


@dataclass(frozen=True)
class SimulationSummary:
    """What a run did.

    Attributes:
        made: photos that gave views now.
        done_before: photos that had all theirs.
        skipped: photos that gave none, in all.
        views: views in the folder.
        refused: views that their photos do not allow, in all.
        reasons: how often each reason occurs in the skip list, regardless of the numbers in it.
    """

    made: int
    done_before: int
    skipped: int
    views: int
    refused: int = 0
    reasons: Counter[str] = field(default_factory=Counter)


def simulate_folder(
    photos: Sequence[PhotoItem],
    output: str | os.PathLike[str],
    yaws: Iterable[float],
    settings: SimulationSettings,
    *,
    pitches: Iterable[float] | None = None,
    left_out: Sequence[SkippedRow] = (),
    workers: int = 1,
    progress: bool = True,
) -> SimulationSummary:
    """Makes the views of every photo, at all yaws and pitches, that are not there yet.

    Args:
        photos: what to turn.
        output: folder to fill.
        yaws: degrees in [-90, 90], in steps of 0.1.
        settings: of the simulator; must be those `output` was begun with.
        pitches: degrees in [-30, 30], likewise; each photo's own if None.
        left_out: other files that skipped.csv should name, as `read_folder` lists them.
        workers: processes; 1 works in this one.
        progress: a bar on stderr.

    Returns:
        Counts.

    Raises:
        DaganError: `output` was begun with other settings, or an argument is bad.
        OSError: `output` cannot be written.
        KeyboardInterrupt: passed on; what is done stays done.
    """
    views = all_views(yaws, pitches)
    wanted = [(photo, views) for photo in photos]
    return simulate_views(
        wanted, output, settings, left_out=left_out, workers=workers, progress=progress
    )


def simulate_views(
    wanted: Sequence[tuple[PhotoItem, Sequence[View]]],
    output: str | os.PathLike[str],
    settings: SimulationSettings,
    *,
    left_out: Sequence[SkippedRow] = (),
    workers: int = 1,
    progress: bool = True,
) -> SimulationSummary:
    """As `simulate_folder`, with views of its own for each photo."""
    with writing_to(output) as folder:
        jobs = plan_jobs(wanted, folder, settings)
        pending = sum(bool(views) for job in jobs for _, views in job)
        note_left_out(folder, left_out)
        with ManifestWriter(folder) as manifest, SkippedWriter(folder) as skipped:
            bar = tqdm(total=pending, unit="photo", desc="simulate", disable=not progress)
            with bar:
                for rows in run_jobs(jobs, make_views, start_maker, (settings, folder), workers):
                    for row in rows:
                        if isinstance(row, ManifestRow):
                            manifest.write(row)
                        else:
                            skipped.write(row)
                    bar.update(len({row.source for row in rows}))
        return summarise(wanted, folder, jobs)


def plan_jobs(
    wanted: Sequence[tuple[PhotoItem, Sequence[View]]], output: Path, settings: SimulationSettings
) -> list[Job]:
    """What is left to do in a folder, which is claimed for these settings.

    Raises:
        DaganError: a setting is bad, the folder was begun with others, or holds views of another
            photo under the names of these.
    """
    settings.simulator()  # Made in the workers; bad settings fail here, before any work.
    _claim(output, settings)
    for left in output.glob("*/.*.tmp"):  # of a process that was killed while it wrote
        left.unlink()
    forget_lost(output)
    forget_mended(output, {photo.source: [photo.path] for photo, _ in wanted})
    _check_sources(wanted, output)
    done, failed, refused = _told(output)
    return _jobs(wanted, done, failed, refused, together=settings.share_identity)


def summarise(
    wanted: Sequence[tuple[PhotoItem, Sequence[View]]], output: Path, jobs: Sequence[Job]
) -> SimulationSummary:
    """Counts what the folder holds after the jobs."""
    done, failed, refused = _told(output)
    pending = {photo.source for job in jobs for photo, views in job if views}
    made = len(pending - failed)
    missed = sum(photo.source in failed for photo, _ in wanted)
    return SimulationSummary(
        made=made,
        done_before=len(wanted) - made - missed,
        skipped=missed,
        views=len(done),
        refused=len(refused),
        reasons=Counter(_kind(row.reason) for row in read_skipped(output)),
    )


def _told(output: Path) -> tuple[set[str], set[str], set[tuple[str, str]]]:
    """Views made, photos without any, and (photo, view) that were refused."""
    done = {row.path for row in manifest_so_far(output)}
    told = read_skipped(output)
    failed = {row.source for row in told if not row.yaw}
    return done, failed, {(row.source, row.yaw) for row in told if row.yaw}


def _check_sources(wanted: Sequence[tuple[PhotoItem, Sequence[View]]], output: Path) -> None:
    """Refuses photos whose views would be taken for done, being those of other photos."""
    made = {row.path: row.source for row in manifest_so_far(output)}
    for photo, views in wanted:
        for view in views:
            source = made.get(view_path(photo, view), photo.source)
            # A photo that is no longer there was moved, as far as we can tell.
            if source == photo.source or not os.path.exists(source):
                continue
            if not os.path.samefile(source, photo.path):
                raise DaganError(
                    f"{output / view_path(photo, view)} was made from {source}, not from "
                    f"{photo.source}: choose another output folder"
                )


def _jobs(
    wanted: Sequence[tuple[PhotoItem, Sequence[View]]],
    done: set[str],
    failed: set[str],
    refused: set[tuple[str, str]],
    together: bool,
) -> list[Job]:
    """What is left to do; a person's photos in one job if they are fitted together."""
    rest: Job = []
    for photo, views in wanted:
        source = photo.source
        missing = [
            view
            for view in views
            if view_path(photo, view) not in done and (source, view.name) not in refused
        ]
        # Photos that need nothing more still shape the person's head.
        if source not in failed and (missing or together):
            rest.append((photo, missing))
    if not together:
        return [[item] for item in rest]
    people = sorted(rest, key=lambda item: item[0].identity)
    groups = [list(group) for _, group in groupby(people, key=lambda item: item[0].identity)]
    return [group for group in groups if any(views for _, views in group)]


def _kind(reason: str) -> str:
    """A reason without its numbers, so that equal reasons are counted as one."""
    return re.sub(r"[+-]?\d+(\.\d+)?", "N", reason)


def _claim(output: Path, settings: SimulationSettings) -> None:
    """Writes the folder's settings, or checks that they are the same."""
    # Folders of older versions lack the newer settings, which were then at their defaults. They
    # had one pitch for all views, which is now in the file names.
    defaults = asdict(SimulationSettings()) | {"pitch": None}
    for key, (then, now) in claim(output / SETTINGS, asdict(settings), defaults=defaults).items():
        raise DaganError(
            f"{output} was made with {key}={then!r}, now {key}={now!r}: "
            "choose another output folder or delete this one"
        )
