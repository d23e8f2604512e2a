"""A folder of photos to a folder of simulated views, on all cores, resumable at any moment.

OUT/IDENTITY/STEM_yaw+060.png, ..._yaw+060_mask.png, OUT/manifest.csv, OUT/skipped.csv and
OUT/simulate.json, the settings the folder was made with. A row enters the manifest only after its
two images are whole on disk; so whatever kills the process, a rerun makes just what is missing.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from dagan_tf.data.manifest import (
    MANIFEST_NAME,
    ManifestRow,
    ManifestWriter,
    SkippedRow,
    SkippedWriter,
    read_manifest,
    read_skipped,
)
from dagan_tf.data.photos import PhotoItem
from dagan_tf.errors import DaganError
from dagan_tf.faces.photo_io import read_photo, write_png
from dagan_tf.simulator.morphable_model import MorphableModel
from dagan_tf.simulator.simulator import MAX_YAW, Simulator

SETTINGS = "simulate.json"


@dataclass(frozen=True)
class SimulationSettings:
    """What decides the pixels of a view.

    Attributes:
        image_size: side of the views, pixels.
        background: "keep", "blur" or "none".
        pitch: degrees, None for the photo's own.
        face_model: file of the 3D head, None for the packaged one.
        yaw_jitter: degrees; each view's yaw is the asked one plus a uniform draw from
            [-yaw_jitter, yaw_jitter], kept in [-90, 90].
        seed: of the draws.
    """

    image_size: int = 224
    background: str = "keep"
    pitch: float | None = None
    face_model: str | None = None
    yaw_jitter: float = 0.0
    seed: int = 0

    def simulator(self) -> Simulator:
        model = MorphableModel.load(self.face_model) if self.face_model else None
        return Simulator(model=model, image_size=self.image_size, background=self.background)


@dataclass(frozen=True)
class SimulationSummary:
    """What a run did: photos made now, photos done before, photos skipped in all, views in all."""

    made: int
    done_before: int
    skipped: int
    views: int


def simulate_folder(
    photos: Sequence[PhotoItem],
    output: str | os.PathLike[str],
    yaws: Sequence[float],
    settings: SimulationSettings,
    *,
    workers: int = 1,
    progress: bool = True,
) -> SimulationSummary:
    """Makes the views of every photo that are not there yet.

    Args:
        photos: what to turn.
        output: folder to fill.
        yaws: degrees in [-90, 90].
        settings: of the simulator; must be those `output` was begun with.
        workers: processes; 1 works in this one.
        progress: a bar on stderr.

    Returns:
        Counts.

    Raises:
        DaganError: `output` was begun with other settings, or an argument is bad.
        OSError: `output` cannot be written.
        KeyboardInterrupt: passed on; what is done stays done.
    """
    if workers < 1:
        raise DaganError(f"workers: got {workers}, expected at least 1")
    if not 0 <= settings.yaw_jitter <= MAX_YAW:
        raise DaganError(
            f"yaw_jitter: got {settings.yaw_jitter}, expected degrees in [0, {MAX_YAW:g}]"
        )
    # Made here as well as in the workers: bad settings fail before any work, in one line.
    simulator = settings.simulator()
    simulator.check_angles(yaws, settings.pitch)
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
    _claim(output, settings)
    done = (
        {row.path for row in read_manifest(output)} if (output / MANIFEST_NAME).exists() else set()
    )
    told = read_skipped(output)
    failed = {row.source for row in told if not row.yaw}
    refused = {(row.source, row.yaw) for row in told if row.yaw}
    jobs = []
    for photo in photos:
        missing = [
            yaw
            for yaw in yaws
            if view_path(photo, yaw) not in done and (str(photo.path), _angle(yaw)) not in refused
        ]
        if missing and str(photo.path) not in failed:
            jobs.append((photo, missing))
    made = 0
    with ManifestWriter(output) as manifest, SkippedWriter(output) as skipped:
        bar = tqdm(total=len(jobs), unit="photo", desc="simulate", disable=not progress)
        with bar:
            for result in _run(jobs, output, settings, simulator, workers):
                if isinstance(result, SkippedRow):
                    skipped.write(result)
                    failed.add(result.source)
                else:
                    for row in result:
                        if isinstance(row, SkippedRow):
                            skipped.write(row)
                        else:
                            manifest.write(row)
                            done.add(row.path)
                    made += 1
                bar.update()
    missed = sum(str(photo.path) in failed for photo in photos)
    return SimulationSummary(
        made=made,
        done_before=len(photos) - made - missed,
        skipped=missed,
        views=len(done),
    )


def view_path(photo: PhotoItem, yaw: float) -> str:
    """Path of a view inside the output folder: IDENTITY/STEM_yaw+060.png."""
    return f"{photo.identity}/{photo.stem}_yaw{_angle(yaw)}.png"


def _angle(yaw: float) -> str:
    return f"{yaw:+04.0f}" if float(yaw).is_integer() else f"{yaw:+06.1f}"


def shown_yaw(photo: PhotoItem, yaw: float, settings: SimulationSettings) -> float:
    """Returns the jittered yaw, degrees: the same whatever the order, the workers and the reruns.

    Drawn for (seed, identity, stem, yaw), not from a stream that photos share.
    """
    if not settings.yaw_jitter:
        return yaw
    key = json.dumps([settings.seed, photo.identity, photo.stem, float(yaw)])
    entropy = int.from_bytes(hashlib.sha256(key.encode("utf-8")).digest()[:16], "big")
    draw = np.random.default_rng(entropy).uniform(-settings.yaw_jitter, settings.yaw_jitter)
    return min(MAX_YAW, max(-MAX_YAW, yaw + float(draw)))


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
    # Folders of older versions lack the newer settings, which were then at their defaults.
    found = asdict(SimulationSettings()) | found
    different = [key for key in wanted if found[key] != wanted[key]]
    if different:
        key = different[0]
        raise DaganError(
            f"{output} was made with {key}={found.get(key)!r}, now {key}={wanted[key]!r}: "
            "choose another output folder or delete this one"
        )


Job = tuple[PhotoItem, list[float]]
# A photo that gives nothing, or its views and the yaws that it does not allow.
Result = SkippedRow | list[ManifestRow | SkippedRow]


def _run(
    jobs: Sequence[Job],
    output: Path,
    settings: SimulationSettings,
    simulator: Simulator,
    workers: int,
) -> Iterator[Result]:
    if workers == 1 or len(jobs) < 2:
        for job in jobs:
            yield _make(simulator, job, output, settings)
        return
    with ProcessPoolExecutor(
        min(workers, len(jobs)),
        # Not fork: the parent may hold threads of OpenCV or TensorFlow.
        mp_context=get_context("spawn"),
        initializer=_start_worker,
        initargs=(settings, output),
    ) as pool:
        try:
            yield from _bounded(pool, jobs, window=4 * workers)
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _bounded(pool: ProcessPoolExecutor, jobs: Iterable[Job], window: int) -> Iterator[Result]:
    """Results as they come, never more than `window` jobs in flight: memory stays flat."""
    flying: set[Future[Result]] = set()
    for job in jobs:
        flying.add(pool.submit(_make_in_worker, job))
        if len(flying) >= window:
            landed, flying = wait(flying, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in landed)
    while flying:
        landed, flying = wait(flying, return_when=FIRST_COMPLETED)
        yield from (future.result() for future in landed)


_worker: tuple[Simulator, SimulationSettings, Path]


def _start_worker(settings: SimulationSettings, output: Path) -> None:
    global _worker
    # Ctrl-C reaches the whole process group; the parent alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
    _worker = (settings.simulator(), settings, output)


def _make_in_worker(job: Job) -> Result:
    simulator, settings, output = _worker
    return _make(simulator, job, output, settings)


def _make(simulator: Simulator, job: Job, output: Path, settings: SimulationSettings) -> Result:
    """The views of one photo, or why there are none."""
    photo, yaws = job
    try:
        image = read_photo(photo.path)
        fit = simulator.fit(image)
        shown = [shown_yaw(photo, yaw, settings) for yaw in yaws]
        views = simulator.simulate(
            image, shown, pitch=settings.pitch, identity=photo.identity, fit=fit
        )
    except DaganError as error:
        return SkippedRow(source=str(photo.path), reason=str(error))
    rows: list[ManifestRow | SkippedRow] = []
    drawn = iter(views)
    for yaw, angle in zip(yaws, shown, strict=True):
        reason = simulator.refusal(fit, angle)
        if reason is not None:
            rows.append(SkippedRow(source=str(photo.path), reason=reason, yaw=_angle(yaw)))
            continue
        view = next(drawn)
        path = view_path(photo, yaw)
        mask_path = path.removesuffix(".png") + "_mask.png"
        (output / path).parent.mkdir(parents=True, exist_ok=True)
        write_png(output / mask_path, view.mask)
        write_png(output / path, view.image)
        rows.append(
            ManifestRow(
                path=path,
                mask_path=mask_path,
                source=str(photo.path),
                identity=photo.identity,
                yaw=view.pose.yaw,
                pitch=view.pose.pitch,
                roll=view.pose.roll,
                fit_error=view.fit_error,
                landmarks=" ".join(f"{x:.1f},{y:.1f}" for x, y in view.landmarks),
            )
        )
    return rows
