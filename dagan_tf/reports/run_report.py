"""The report of one run of the whole chain: photos, simulated and refined views, a training."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from dagan_tf.data.manifest import ManifestRow, read_manifest
from dagan_tf.data.record_format import Record
from dagan_tf.data.records import read_records
from dagan_tf.errors import DaganError
from dagan_tf.evaluation import comparison
from dagan_tf.evaluation.face_set import FaceSet
from dagan_tf.evaluation.judges import pass_row, train_judges
from dagan_tf.evaluation.measure import Row
from dagan_tf.evaluation.reconstruction import reconstruct
from dagan_tf.faces.photo_io import read_photo
from dagan_tf.metrics.pose_histogram import pose_histogram
from dagan_tf.reports.report import Measurement, Section, Table, build_report, write_report
from dagan_tf.reports.sections import (
    curves_section,
    pose_section,
    read_metrics,
    samples_section,
)

GRID_ROWS = 12
# Without a network that knows faces: what every machine can compute in seconds.
FEATURE_SPACES = tuple(comparison.FEATURES)


def report_run(
    output: str | os.PathLike[str],
    *,
    simulated: str | os.PathLike[str],
    refined: str | os.PathLike[str],
    model_dir: str | os.PathLike[str],
    held_out: Sequence[str],
    title: str,
    summary: str = "",
    opening: Sequence[Section] = (),
    seconds: Mapping[str, float] | None = None,
    commands: Sequence[str] = (),
    credits: Sequence[str] = (),
) -> Path:
    """Writes `report.html`.

    Args:
        output: file to write.
        simulated: what `trainer.simulate` wrote, of trained and held-out people alike.
        refined: what `trainer.refine` made of it.
        model_dir: of the training; its records hold the aligned real photos.
        held_out: people the training saw neither simulated nor real; the figures are theirs.
        title: of the page.
        summary: a paragraph above everything.
        opening: sections before all others.
        seconds: duration of each stage of the run.
        commands: that led here.
        credits: a line for each data set and model.

    Returns:
        Path of the report.

    Raises:
        DaganError: a folder lacks what it should hold.
    """
    simulated, refined, model_dir = Path(simulated), Path(refined), Path(model_dir)
    reals = read_records(model_dir / "records" / "real")
    rows = sorted(read_manifest(refined), key=lambda row: row.path)
    if not rows:
        raise DaganError(f"{refined}: no refined view")
    held_out_records = read_records(model_dir / "records" / "held_out") if held_out else []
    sections = [
        _samples(rows, [*reals, *held_out_records], simulated, refined, model_dir, held_out),
        pose_section(
            pose_histogram([record.yaw for record in (*reals, *held_out_records)]),
            pose_histogram(
                [record.yaw for record in (*reals, *held_out_records)] + [row.yaw for row in rows]
            ),
        ),
        curves_section(read_metrics(model_dir / "metrics.jsonl")),
    ]
    if held_out_records:
        sections.insert(1, _figures(rows, reals, held_out_records, simulated, refined, held_out))
    if seconds:
        sections.append(
            Section(
                "Time",
                measurements=[
                    Measurement(stage, duration, "s") for stage, duration in seconds.items()
                ],
            )
        )
    page = build_report(
        [*opening, *sections], title=title, summary=summary, commands=commands, credits=credits
    )
    return write_report(output, page)


def _samples(
    rows: Sequence[ManifestRow],
    reals: Sequence[Record],
    simulated: Path,
    refined: Path,
    model_dir: Path,
    held_out: Sequence[str],
) -> Section:
    photos = {record.source: record for record in reals}
    # Held-out people first, one view each, the yaws in turn: nothing picked by its looks.
    ordered = sorted(
        (row for row in rows if row.source in photos),
        key=lambda row: (row.identity not in held_out, row.identity),
    )
    if not ordered:
        raise DaganError(
            f"{refined}: no view is of a photo among the real ones of {model_dir}; "
            f"{rows[0].path} is of {rows[0].source}"
        )
    yaws = sorted({row.yaw for row in ordered})
    chosen: dict[str, ManifestRow] = {}
    for row in ordered:
        wanted = yaws[len(chosen) % len(yaws)]
        if row.identity not in chosen and row.yaw == wanted:
            chosen[row.identity] = row
        if len(chosen) == GRID_ROWS:
            break
    views = list(chosen.values())
    after = np.stack([read_photo(refined / row.path) for row in views])
    back = reconstruct(model_dir, after)
    grid = []
    for place, row in enumerate(views):
        images = [_decode(photos[row.source]), read_photo(simulated / row.path), after[place]]
        if back is not None:
            images.append(back[place])
        grid.append((f"{row.identity} at {row.yaw:+.0f}°", images))
    caption = (
        "One view a person, the angles in turn, none picked by its looks; people the training "
        "never saw come first."
    )
    columns = ["photo", "simulated", "refined"]
    if back is not None:
        columns.append("reconstruction")
        caption += (
            " Reconstruction: what the discriminator's auto-encoder makes of the refined view."
        )
    return samples_section(grid, columns=columns, caption=caption)


def _figures(
    rows: Sequence[ManifestRow],
    reals: Sequence[Record],
    held_out_records: Sequence[Record],
    simulated: Path,
    refined: Path,
    held_out: Sequence[str],
) -> Section:
    train, test = (
        [row for row in rows if (row.identity in held_out) == wanted] for wanted in (False, True)
    )
    if not train or not test:
        raise DaganError(f"{refined}: expected views of held-out people and of others")
    real_train, real_test = _real_set(reals), _real_set(held_out_records)
    judges = train_judges(real_train, _view_set(train, simulated))
    columns: dict[str, Row] = {}
    before = _view_set(test, simulated)
    for name, faces in (
        ("simulated", before),
        ("refined", _view_set(test, refined)),
        ("real", real_test),
    ):
        columns[name] = dict(pass_row(judges, real_test, faces))
        if name != "real":
            columns[name] |= comparison.distance_row(real_test, faces, real_train, FEATURE_SPACES)
            columns[name] |= comparison.change_row(faces, before)
    measures = list(dict.fromkeys(one for row in columns.values() for one in row))
    table = Table(
        ["measure", *columns],
        [[one.name, *(columns[column].get(one) for column in columns)] for one in measures],
        "Pass as real: share that a classifier, trained on the other people to tell real photos "
        "from simulated views, takes for real. Distances to the real photos of the same held-out "
        "people: lower is nearer. These photos show other poses than the views, so no view can "
        "reach the real column.",
    )
    return Section(
        "Figures",
        f"{len(held_out)} people whom the training never saw: {len(test)} views, "
        f"{len(real_test.images)} real photos.",
        blocks=[table],
    )


def _real_set(records: Sequence[Record]) -> FaceSet:
    people = np.array([record.identity for record in records])
    return FaceSet(np.stack([_decode(record) for record in records]), people, {})


def _view_set(rows: Sequence[ManifestRow], folder: Path) -> FaceSet:
    people = np.array([row.identity for row in rows])
    return FaceSet(np.stack([read_photo(folder / row.path) for row in rows]), people, {})


def _decode(record: Record) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(record.image)).convert("RGB"))
