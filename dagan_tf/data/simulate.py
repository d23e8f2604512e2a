"""A folder of photos to a folder of simulated views, on all cores, resumable at any moment.

OUT/IDENTITY/STEM_yaw+060.png, ..._yaw+060_mask.png, OUT/manifest.csv, OUT/skipped.csv and
OUT/simulate.json, the settings the folder was made with. A row enters the manifest only after its
images are whole on disk; so whatever kills the process, a rerun makes just what is missing.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from itertools import groupby
from pathlib import Path

import numpy as np
from tqdm import tqdm

from dagan_tf.data.manifest import (
    ManifestRow,
    ManifestWriter,
    SkippedRow,
    SkippedWriter,
    manifest_so_far,
    read_skipped,
)
from dagan_tf.data.photos import PhotoItem
from dagan_tf.data.views import View, all_views, jittered_pitch, jittered_yaw, view_path
from dagan_tf.data.workers import run_jobs
from dagan_tf.errors import DaganError
from dagan_tf.faces.photo_io import read_photo, write_png
from dagan_tf.simulator.camera import Pose
from dagan_tf.simulator.fitting import FaceFit, fit_person
from dagan_tf.simulator.morphable_model import MorphableModel
from dagan_tf.simulator.simulator import MAX_PITCH, MAX_YAW, SimulatedView, Simulator

SETTINGS = "simulate.json"
# Depth images hold round(32768 + 32 * depth in pixels); 0 is no depth.
DEPTH_ZERO, DEPTH_STEPS = 32768, 32


@dataclass(frozen=True)
class SimulationSettings:
    """What decides the files of a view.

    Attributes:
        image_size: side of the views, pixels.
        background: "keep", "blur" or "none".
        face_model: file or folder of the 3D head, None for the packaged one.
        yaw_jitter: degrees; each view's yaw is the asked one plus a uniform draw from
            [-yaw_jitter, yaw_jitter], kept in [-90, 90].
        pitch_jitter: degrees, likewise for the pitch, kept in [-30, 30].
        seed: of the draws.
        depth: also write each view's depth.
        share_identity: fit all photos of a person together, with one shape of the head.
    """

    image_size: int = 224
    background: str = "keep"
    face_model: str | None = None
    yaw_jitter: float = 0.0
    pitch_jitter: float = 0.0
    seed: int = 0
    depth: bool = False
    share_identity: bool = False

    def simulator(self) -> Simulator:
        """The simulator, the same at every call; raises DaganError on a bad setting."""
        return _simulator(self)


@lru_cache(maxsize=1)
def _simulator(settings: SimulationSettings) -> Simulator:
    """Made once: the head's mesh and the detectors' weights take a while to load."""
    for name, limit in (("yaw_jitter", MAX_YAW), ("pitch_jitter", MAX_PITCH)):
        value = getattr(settings, name)
        if not 0 <= value <= limit:
            raise DaganError(f"{name}: got {value}, expected degrees in [0, {limit:g}]")
    model = MorphableModel.load(settings.face_model) if settings.face_model else None
    return Simulator(model=model, image_size=settings.image_size, background=settings.background)


@dataclass(frozen=True)
class SimulationSummary:
    """What a run did.

    Attributes:
        made: photos that gave views now.
        done_before: photos that had all theirs.
        skipped: photos that gave none, in all.
        views: views in the folder.
        refused: views that their photos do not allow, in all.
        reasons: how often each reason stands in the skip list, numbers in it left out.
    """

    made: int
    done_before: int
    skipped: int
    views: int
    refused: int = 0
    reasons: Counter[str] = field(default_factory=Counter)


# Photos that are fitted together (one, or all of a person), each with the views that are missing.
Job = list[tuple[PhotoItem, list[View]]]
Result = list[ManifestRow | SkippedRow]


def simulate_folder(
    photos: Sequence[PhotoItem],
    output: str | os.PathLike[str],
    yaws: Sequence[float],
    settings: SimulationSettings,
    *,
    pitches: Sequence[float] | None = None,
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
    return simulate_views(wanted, output, settings, workers=workers, progress=progress)


def simulate_views(
    wanted: Sequence[tuple[PhotoItem, Sequence[View]]],
    output: str | os.PathLike[str],
    settings: SimulationSettings,
    *,
    workers: int = 1,
    progress: bool = True,
) -> SimulationSummary:
    """As `simulate_folder`, with views of its own for each photo."""
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
    jobs = plan_jobs(wanted, output, settings)
    pending = sum(bool(views) for job in jobs for _, views in job)
    with ManifestWriter(output) as manifest, SkippedWriter(output) as skipped:
        bar = tqdm(total=pending, unit="photo", desc="simulate", disable=not progress)
        with bar:
            for rows in run_jobs(jobs, make_views, start_maker, (settings, output), workers):
                for row in rows:
                    if isinstance(row, ManifestRow):
                        manifest.write(row)
                    else:
                        skipped.write(row)
                bar.update(len({row.source for row in rows}))
    return summarise(wanted, output, jobs)


def plan_jobs(
    wanted: Sequence[tuple[PhotoItem, Sequence[View]]], output: Path, settings: SimulationSettings
) -> list[Job]:
    """What is left to do in a folder, which is claimed for these settings.

    Raises:
        DaganError: a setting is bad, or the folder was begun with others.
    """
    settings.simulator()  # Made in the workers; bad settings fail here, before any work.
    _claim(output, settings)
    for left in output.glob("*/.*.tmp"):  # of a process that was killed while it wrote
        left.unlink()
    done, failed, refused = _told(output)
    return _jobs(wanted, done, failed, refused, together=settings.share_identity)


def summarise(
    wanted: Sequence[tuple[PhotoItem, Sequence[View]]], output: Path, jobs: Sequence[Job]
) -> SimulationSummary:
    """Counts what the folder holds after the jobs."""
    done, failed, refused = _told(output)
    pending = {str(photo.path) for job in jobs for photo, views in job if views}
    made = len(pending - failed)
    missed = sum(str(photo.path) in failed for photo, _ in wanted)
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
        source = str(photo.path)
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
    file = output / SETTINGS
    wanted = asdict(settings)
    if not file.exists():
        partial = file.with_suffix(".partial")
        partial.write_text(json.dumps(wanted, indent=2) + "\n", encoding="utf-8")
        os.replace(partial, file)
        return
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DaganError(f"{file}: not JSON ({error})") from error
    # Folders of older versions lack the newer settings, which were then at their defaults. They
    # had one pitch for all views, which is now in the file names.
    wanted["pitch"] = None
    found = asdict(SimulationSettings()) | {"pitch": None} | found
    different = [key for key in wanted if found[key] != wanted[key]]
    if different:
        key = different[0]
        raise DaganError(
            f"{output} was made with {key}={found.get(key)!r}, now {key}={wanted[key]!r}: "
            "choose another output folder or delete this one"
        )


Context = tuple[Simulator, SimulationSettings, Path]


def start_maker(settings: SimulationSettings, output: Path) -> Context:
    """What `make_views` needs, made once a worker."""
    return settings.simulator(), settings, output


def make_views(context: Context, job: Job) -> Result:
    """The views of the photos of a job, or why there are none."""
    simulator, settings, output = context
    rows: Result = []
    for photo, views, fit in _fitted(simulator, job, rows):
        source = str(photo.path)
        allowed: list[tuple[View, Pose]] = []
        for view in views:
            yaw = jittered_yaw(photo, view, settings.yaw_jitter, settings.seed)
            reason = simulator.refusal(fit, yaw)
            if reason is not None:
                rows.append(SkippedRow(source=source, reason=reason, yaw=view.name))
                continue
            own = fit.pose.pitch
            pitch = jittered_pitch(photo, view, own, settings.pitch_jitter, settings.seed)
            allowed.append((view, Pose(yaw, pitch)))
        if not allowed:
            continue
        try:
            prepared = simulator.prepare(read_photo(photo.path), fit)
        except DaganError as error:
            rows.append(SkippedRow(source=source, reason=str(error)))
            continue
        for view, pose in allowed:
            drawn = simulator.render(prepared, pose, identity=photo.identity)
            rows.append(_write(output, photo, view, drawn, settings.depth))
    return rows


def _fitted(
    simulator: Simulator, job: Job, rows: Result
) -> Iterable[tuple[PhotoItem, list[View], FaceFit]]:
    """Photos with their fits; those without a face or a good fit become rows."""
    found = []
    for photo, views in job:
        try:
            found.append((photo, views, simulator.finder.find_one(read_photo(photo.path))))
        except DaganError as error:
            rows.append(SkippedRow(source=str(photo.path), reason=str(error)))
    fits = fit_person(simulator.model, [face.landmarks for *_, face in found]) if found else []
    for (photo, views, _), fit in zip(found, fits, strict=True):
        try:
            simulator.check_fit(fit)
        except DaganError as error:
            rows.append(SkippedRow(source=str(photo.path), reason=str(error)))
        else:
            yield photo, views, fit


def _write(
    output: Path, photo: PhotoItem, view: View, drawn: SimulatedView, depth: bool
) -> ManifestRow:
    path = view_path(photo, view)
    mask_path = path.removesuffix(".png") + "_mask.png"
    depth_path = path.removesuffix(".png") + "_depth.png" if depth else ""
    (output / path).parent.mkdir(parents=True, exist_ok=True)
    write_png(output / mask_path, drawn.mask)
    if depth:
        write_png(output / depth_path, encode_depth(drawn.depth))
    write_png(output / path, drawn.image)
    return ManifestRow(
        path=path,
        mask_path=mask_path,
        source=str(photo.path),
        identity=photo.identity,
        yaw=drawn.pose.yaw,
        pitch=drawn.pose.pitch,
        roll=drawn.pose.roll,
        fit_error=drawn.fit_error,
        depth_path=depth_path,
        landmarks=" ".join(f"{x:.1f},{y:.1f}" for x, y in drawn.landmarks),
    )


def encode_depth(depth: np.ndarray) -> np.ndarray:
    """(S, S) float32 pixels, NaN for none, as (S, S) uint16: 32768 + 32 a pixel, 0 for none."""
    steps = np.clip(np.rint(DEPTH_ZERO + DEPTH_STEPS * depth.astype(np.float64)), 1, 65535)
    return np.where(np.isnan(depth), 0, steps).astype(np.uint16)
