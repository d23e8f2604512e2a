"""A folder of photos to a folder of their views, at angles asked for or chosen to balance them."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dagan_tf.core.files import write_bytes
from dagan_tf.data.photos import PhotoItem, check_apart, read_folder
from dagan_tf.errors import DaganError
from dagan_tf.folders.balance import balance_record, measure_poses, plan_views
from dagan_tf.folders.simulate import SimulationSummary, simulate_views
from dagan_tf.folders.view_maker import SimulationSettings
from dagan_tf.folders.views import View, all_views

BALANCE_NAME = "balance.json"
PLOT_NAME = "balance.png"


@dataclass(frozen=True)
class Photos:
    """Which photos are turned; as of `read_folder`."""

    folder: str
    layout: str = "folder"
    include: str | None = None
    identities: Collection[str] | None = None
    poses: str | None = None


def parse_angles(flag: str, texts: Sequence[str] | None) -> list[float] | None:
    """Degrees of a flag's texts; None where the flag is not given.

    Raises:
        DaganError: a text is no number; the message names the flag.
    """
    try:
        return None if texts is None else [float(text) for text in texts]
    except ValueError as error:
        raise DaganError(f"--{flag}: {error}; expected degrees like -10,0,10") from error


def run_simulation(
    photos: Photos,
    output: str | os.PathLike[str],
    settings: SimulationSettings,
    *,
    yaws: Sequence[float] = (),
    pitches: Sequence[float] | None = None,
    balance: bool = False,
    dry_run: bool = False,
    workers: int = 1,
    beam_args: Sequence[str] | None = None,
) -> Iterator[str]:
    """Makes the views that are not there yet.

    Args:
        photos: what to turn.
        output: folder for views, manifest.csv and skipped.csv; with `balance` also for
            balance.json and balance.png.
        settings: of the simulator.
        yaws: degrees; of every photo, unless `balance` chooses them.
        pitches: degrees, likewise; each photo's own, turning with the head, if None.
        balance: choose the yaws so that photos and views together are spread evenly.
        dry_run: with `balance`, only measure, plan and plot.
        workers: processes.
        beam_args: run as an Apache Beam pipeline with these arguments instead.

    Yields:
        What was done, a line at a time, while it is.

    Raises:
        DaganError: no photos, a bad setting, or a folder that was begun with others.
    """
    check_apart(output, photos.folder)
    found = read_folder(
        photos.folder,
        photos.layout,
        include=photos.include,
        identities=photos.identities,
        poses=photos.poses,
    )
    listed, left_out = found.photos, found.left_out
    if balance:
        settings.simulator()  # A bad setting fails before the photos are measured.
        views, line = _balanced(listed, Path(output), settings, workers)
        yield line
        if dry_run:
            return
    else:
        views = [all_views(yaws, pitches)] * len(listed)
    wanted = list(zip(listed, views, strict=True))
    if beam_args is not None:
        from dagan_tf.folders.beam import simulate_on_beam

        summary = simulate_on_beam(wanted, output, settings, beam_args, left_out=left_out)
    else:
        summary = simulate_views(wanted, output, settings, left_out=left_out, workers=workers)
    yield from _summary_lines(summary, len(listed), output)


def _balanced(
    photos: Sequence[PhotoItem], output: Path, settings: SimulationSettings, workers: int
) -> tuple[list[list[View]], str]:
    """The views of each photo, planned, written down and plotted; and what to say of it."""
    from dagan_tf.reports.plots import plot_pose_histograms  # Slow to import.

    poses = measure_poses(photos, output, settings, workers=workers)
    plan = plan_views(photos, poses, seed=settings.seed)
    record = balance_record(plan, poses)
    plot = plot_pose_histograms(
        plan.before.edges,
        plan.before.counts,
        plan.after.counts,
        before_label=f"photos, entropy {plan.before.entropy:.2f}",
        after_label=f"photos and views, entropy {plan.after.entropy:.2f}",
    )
    write_bytes(output / BALANCE_NAME, (json.dumps(record, indent=2) + "\n").encode("utf-8"))
    write_bytes(output / PLOT_NAME, plot.light)
    return plan.views, (
        f"yaw entropy of {len(photos)} photos {plan.before.entropy:.3f}, with "
        f"{record['views_planned']} views {plan.after.entropy:.3f} (1 = even); "
        f"{plan.missing} views that no photo allows; plot in {os.path.join(output, PLOT_NAME)}"
    )


def _summary_lines(
    summary: SimulationSummary, photos: int, output: str | os.PathLike[str]
) -> Iterator[str]:
    yield (
        f"{photos} photos: {summary.made} made now, {summary.done_before} done before, "
        f"{summary.skipped} skipped; {summary.views} views in {output}"
    )
    if summary.reasons:
        yield f"left out (all rows in {os.path.join(output, 'skipped.csv')}):"
        for reason, count in summary.reasons.most_common():
            yield f"{count:6d}  {reason}"
