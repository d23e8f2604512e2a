"""Which views make a set of photos balanced in pose: the poster's figure, from (a) to (b).

The poses of the photos are measured by fitting them, then views are chosen that bring every bin of
yaw up to the fullest one, as far as the photos allow.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from dagan_tf.core.files import writing_to
from dagan_tf.data.photos import PhotoItem
from dagan_tf.data.row_files import RowWriter, read_rows_if_there
from dagan_tf.errors import DaganError
from dagan_tf.faces.photo_io import read_photo
from dagan_tf.folders.processes import run_jobs
from dagan_tf.folders.view_maker import SimulationSettings
from dagan_tf.folders.views import View
from dagan_tf.metrics.pose_histogram import PoseHistogram, pose_histogram
from dagan_tf.simulator.angles import yaw_refusal
from dagan_tf.simulator.render.camera import Pose
from dagan_tf.simulator.simulator import Simulator

POSES_NAME = "poses.csv"


@dataclass(frozen=True)
class PhotoPose:
    """A photo's pose.

    Attributes:
        source: the photo's path.
        pose: degrees, by the photo's own fit; None if it has none.
        reason: why it has none, one line; else "".
    """

    source: str
    pose: Pose | None
    reason: str = ""


@dataclass(frozen=True)
class _PoseRow:
    """A row of poses.csv; angles are NaN where the photo has no pose."""

    source: str
    yaw: float
    pitch: float
    roll: float
    reason: str
    face_model: str


@dataclass(frozen=True, eq=False)
class BalancePlan:
    """The views that balance a set.

    Attributes:
        views: of each photo, in the order of the photos; possibly none.
        before: the photos' own yaws.
        after: photos and planned views together.
        missing: views that no photo can give.
    """

    views: list[list[View]]
    before: PoseHistogram
    after: PoseHistogram
    missing: int


def measure_poses(
    photos: Sequence[PhotoItem],
    output: str | os.PathLike[str],
    settings: SimulationSettings,
    *,
    workers: int = 1,
    progress: bool = True,
) -> list[PhotoPose]:
    """Fits every photo; what was measured with the same head is read from `output`/poses.csv.

    Args:
        photos: the set.
        output: folder for poses.csv; made if needed.
        settings: of the simulator.
        workers: processes.
        progress: a bar on stderr.

    Returns:
        One a photo, in their order.
    """
    file = Path(output) / POSES_NAME
    with writing_to(output):
        head = settings.face_model or ""
        known = {
            row.source: _pose_of(row)
            for row in read_rows_if_there(file, _PoseRow)
            if row.face_model == head
        }
        rest = [photo for photo in photos if photo.source not in known]
        with RowWriter(file, _PoseRow) as writer:
            results = run_jobs(rest, _measure, _start, (settings,), workers)
            for result in tqdm(
                results, total=len(rest), unit="photo", desc="poses", disable=not progress
            ):
                known[result.source] = result
                pose = result.pose or Pose(np.nan, np.nan, np.nan)
                writer.write(
                    _PoseRow(result.source, pose.yaw, pose.pitch, pose.roll, result.reason, head)
                )
        return [known[photo.source] for photo in photos]


def plan_views(
    photos: Sequence[PhotoItem], poses: Sequence[PhotoPose], *, seed: int = 0
) -> BalancePlan:
    """Chooses views at the centres of the yaw bins until each bin holds as many as the fullest.

    Photos and people take turns: in every bin the photo that has given the fewest views so far
    gives the next one, of those the photo of the person who has given the fewest; what is left to
    chance is decided by the seed. A photo gives a bin at most one view, and none that
    `Simulator.refusal` refuses.

    Args:
        photos: the set.
        poses: one a photo, as `measure_poses` returns them.
        seed: of the order of equals.

    Returns:
        The plan.

    Raises:
        DaganError: no photo has a pose.
    """
    yaws = {n: entry.pose.yaw for n, entry in enumerate(poses) if entry.pose is not None}
    if not yaws:
        raise DaganError(f"no face was fitted in any of {len(photos)} photos: nothing to balance")
    before = pose_histogram(list(yaws.values()))
    goal = int(before.counts.max())
    chance = np.random.default_rng(seed).permutation(len(photos))
    given: Counter[int] = Counter()
    given_by: Counter[str] = Counter()
    views: list[list[View]] = [[] for _ in photos]
    missing = 0
    middles = (before.edges[:-1] + before.edges[1:]) / 2.0
    # The bins that fewest photos can fill choose first.
    for bin_ in sorted(range(len(middles)), key=lambda b: (-abs(middles[b]), middles[b])):
        yaw = round(float(middles[bin_]), 1)
        need = goal - int(before.counts[bin_])
        able = [n for n, own in yaws.items() if yaw_refusal(own, yaw) is None]
        missing += max(0, need - len(able))
        for _ in range(min(need, len(able))):
            best = min(able, key=lambda n: (given[n], given_by[photos[n].identity], int(chance[n])))
            able.remove(best)
            given[best] += 1
            given_by[photos[best].identity] += 1
            views[best].append(View(yaw))
    planned = [view.yaw for own in views for view in own]
    return BalancePlan(views, before, pose_histogram([*yaws.values(), *planned]), missing)


def balance_record(plan: BalancePlan, poses: Sequence[PhotoPose]) -> dict[str, Any]:
    """What balance.json holds: the histograms before and after, their entropies, counts."""
    return {
        "edges": plan.before.edges.tolist(),
        "before": plan.before.counts.tolist(),
        "after": plan.after.counts.tolist(),
        "entropy_before": plan.before.entropy,
        "entropy_after": plan.after.entropy,
        "photos_without_a_pose": sum(pose.pose is None for pose in poses),
        "views_planned": sum(len(views) for views in plan.views),
        "views_no_photo_allows": plan.missing,
    }


def _start(settings: SimulationSettings) -> Simulator:
    return settings.simulator()


def _measure(simulator: Simulator, photo: PhotoItem) -> PhotoPose:
    try:
        return PhotoPose(photo.source, simulator.fit(read_photo(photo.path)).pose)
    except DaganError as error:
        return PhotoPose(photo.source, None, str(error))


def _pose_of(row: _PoseRow) -> PhotoPose:
    pose = None if np.isnan(row.yaw) else Pose(row.yaw, row.pitch, row.roll)
    return PhotoPose(row.source, pose, row.reason)
