"""The report of a protocol run: our figures, published ones apart, curves, the hardest pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np

from dagan_tf.errors import DaganError
from dagan_tf.faces.photo_io import read_photo
from dagan_tf.metrics.pose_histogram import pose_histogram
from dagan_tf.protocols.features import FaceFeatures
from dagan_tf.protocols.image_files import ImageFiles
from dagan_tf.protocols.protocol import Protocol
from dagan_tf.reports import published
from dagan_tf.reports.report import (
    Block,
    Chart,
    Grid,
    Section,
    Table,
    Value,
    build_report,
    write_report,
)
from dagan_tf.reports.score_plots import (
    plot_cmc,
    plot_roc_and_det,
    plot_score_histograms,
    plot_tsne,
)
from dagan_tf.reports.sections import pose_section
from dagan_tf.scoring.scoring import Part, SystemScores

CREDITS = {
    "FRLL": "Photos: Face Research Lab London Set (DeBruine and Jones, 2017, doi "
    "10.6084/m9.figshare.5047666.v5), CC BY 4.0.",
    "dlib": "Landmarks and the 128-D embedding: dlib's models; the 68-point model was trained on "
    "iBUG 300-W, which is not for commercial use.",
}

_HARDEST = 6
_SHOWN_PEOPLE = 12
_THUMBNAIL = 144


def write_protocol_report(
    path: Path,
    protocol: Protocol,
    systems: Sequence[SystemScores],
    features: Mapping[str, FaceFeatures],
    *,
    data: str,
    seed: int,
    dlib: bool,
    command: str,
    made: datetime,
) -> Path:
    """Writes the page.

    Args:
        path: the file.
        protocol: what was compared.
        systems: as of `recognition_sections`.
        features: as of `recognition_sections`.
        data: the set's folder.
        seed: of the scores, and of t-SNE.
        dlib: whether dlib found the faces, to be credited.
        command: that made the scores.
        made: when.

    Returns:
        The file.
    """
    html = build_report(
        recognition_sections(protocol, systems, features, seed=seed),
        title=protocol.name,
        summary=f"{protocol.summary()}. Data: {data}. Seed {seed}.",
        commands=[command],
        credits=[
            credit
            for name, credit in CREDITS.items()
            if protocol.name.startswith(name) or (name == "dlib" and dlib)
        ],
        made=made,
    )
    return write_report(path, html)


def recognition_sections(
    protocol: Protocol,
    systems: Sequence[SystemScores],
    features: Mapping[str, FaceFeatures],
    *,
    seed: int = 0,
) -> list[Section]:
    """Makes the sections.

    Args:
        protocol: What was compared.
        systems: At least one; all have the same parts.
        features: From a recogniser's name to its features; several systems may share one.
        seed: Of t-SNE.

    Returns:
        For `report.build_report`.
    """
    sections = [_figures(systems)]
    if protocol.name.startswith("IJB-A"):
        sections.append(_published(search=protocol.name.endswith("1:N")))
    for name in systems[0].figures:
        by_system = {one.name: [p for p in one.parts if p.name == name] for one in systems}
        sections.append(_curves(name, by_system))
        sections.append(_hardest(name, protocol, by_system))
    sections += _poses(protocol, next(iter(features.values())).yaw)
    sections.append(_features(protocol, features, seed))
    sections.append(_skipped(protocol, systems))
    return sections


def _figures(systems: Sequence[SystemScores]) -> Section:
    tables, notes = [], []
    for part, measures in systems[0].figures.items():
        columns = ["system", "method", *measures]
        rows: list[list[Value]] = []
        for one in systems:
            row: list[Value] = [one.name, one.method]
            for measure in measures:
                spread = one.spread(part, measure)
                text = None
                if spread is not None:
                    text = str(spread)
                    if interval := one.intervals.get(part, {}).get(measure):
                        text += f" [{interval[0]:.4f}, {interval[1]:.4f}]"
                row.append(text)
            rows.append(row)
        tables.append(Table(columns, rows, part))
        notes += [f"{part}, {name}: {why}" for name, why in systems[0].refused[part].items()]
    text = (
        "Mean ± population deviation over splits; in brackets 95 % by resampling people. A pair is"
        " accepted at or above the threshold, equal scores are accepted together, and the FAR"
        " reached is never above the one named. FNIR by two conventions: any rank asks only that"
        " the mate is above the threshold, rank 1 also that it is the first."
    )
    if notes:
        text += "\n\nNot given: " + "; ".join(notes) + "."
    return Section("Our figures", text, blocks=tables)


def _published(*, search: bool) -> Section:
    rows = published.IDENTIFICATION if search else published.VERIFICATION
    columns = published.IDENTIFICATION_COLUMNS if search else published.VERIFICATION_COLUMNS
    table = Table(
        ["method", *columns, "read in"],
        [[row.method, *(value or None for value in row.values), row.source] for row in rows],
    )
    text = (
        "None of these was measured here. They are printed in the papers named, on other features"
        " and training data, so that a difference to our rows says nothing of the method alone."
    )
    return Section("Published by others", text, blocks=[table])


def _curves(name: str, systems: Mapping[str, Sequence[Part]]) -> Section:
    roc, det = plot_roc_and_det(systems)
    blocks: list[Block] = [
        Chart("ROC", roc, "Mean over splits; from the least FAR all splits resolve."),
        Chart("DET", det, "Both axes are logarithmic; nearer to the corner is better."),
    ]
    if next(iter(systems.values()))[0].searches is not None:
        blocks.append(Chart("CMC", plot_cmc(systems), "Share of mated searches found by a rank."))
    blocks.append(Chart("Scores", plot_score_histograms(systems), "All splits.", wide=True))
    return Section(f"Curves: {name}", blocks=blocks)


def _hardest(name: str, protocol: Protocol, systems: Mapping[str, Sequence[Part]]) -> Section:
    blocks: list[Block] = []
    files = ImageFiles(protocol.root, protocol.faces.paths)
    for system, parts in systems.items():
        part = parts[0]
        rows: list[tuple[str, list[np.ndarray | None]]] = []
        for kind, chosen, sign in (
            ("genuine", np.flatnonzero(part.pairs.same), 1.0),
            ("impostor", np.flatnonzero(~part.pairs.same), -1.0),
        ):
            for row in chosen[_least(sign * part.scores[chosen])].tolist():
                ends = int(part.pairs.first[row]), int(part.pairs.second[row])
                images = [_face_of(protocol, files, part, template) for template in ends]
                people = " and ".join(dict.fromkeys(part.templates.subjects[list(ends)]))
                rows.append((f"{kind}, {part.scores[row]:.3f}, {people}".rstrip(", "), images))
        if any(image is not None for _, images in rows for image in images):
            caption = f"{system}, split {part.split}: least genuine and highest impostor scores."
            blocks.append(Grid(["one", "other"], rows, caption))
    text = "" if blocks else "The images are not there, so no pair is shown."
    return Section(f"Hardest pairs: {name}", text, blocks=blocks)


def _least(values: np.ndarray) -> np.ndarray:
    """Places of the least few of (N,) values, the least first."""
    few = np.argpartition(values, min(_HARDEST, len(values) - 1))[:_HARDEST]
    return few[np.argsort(values[few], kind="stable")]


def _face_of(protocol: Protocol, files: ImageFiles, part: Part, template: int) -> np.ndarray | None:
    """The first face of a template, cut out where its box is known; None if it can't be read."""
    owner = part.templates.media_template[part.templates.media]
    face = int(part.templates.face[np.flatnonzero(owner == template)[0]])
    try:
        image = read_photo(files(protocol.faces.paths[face]))
    except (DaganError, OSError):
        return None
    box = protocol.faces.boxes[face]
    if np.isfinite(box).all():
        left, top = np.maximum(box[:2], 0).astype(int)
        cut = image[top : int(box[1] + box[3]), left : int(box[0] + box[2])]
        image = cut if cut.size else image
    step = max(1, min(image.shape[:2]) // _THUMBNAIL)
    return np.ascontiguousarray(image[::step, ::step])


def _poses(protocol: Protocol, yaw: np.ndarray | None) -> list[Section]:
    if yaw is None:
        return []
    split = protocol.splits[0]
    tested, trained = yaw[np.unique(split.templates.face)], yaw[split.training_faces]
    tested, trained = tested[np.isfinite(tested)], trained[np.isfinite(trained)]
    if not len(tested) or not len(trained):  # A protocol may name people to train on, not faces.
        return []
    return [
        pose_section(
            pose_histogram(trained),
            pose_histogram(tested),
            before_label="training faces",
            after_label="faces under test",
            title=f"Poses, split {split.name}",
        )
    ]


def _features(protocol: Protocol, features: Mapping[str, FaceFeatures], seed: int) -> Section:
    split = protocol.splits[0]
    owner = split.templates.media_template[split.templates.media]
    people = split.templates.subjects[owner]
    names, counts = np.unique(people[people != ""], return_counts=True)
    shown = names[np.argsort(-counts, kind="stable")[:_SHOWN_PEOPLE]]
    there = np.all([one.present for one in features.values()], axis=0)
    faces, rows = np.unique(split.templates.face, return_index=True)
    use = np.isin(people[rows], shown) & there[faces]
    if use.sum() < 4:
        return Section("Features", "Too few faces of named people for t-SNE.")
    plot = plot_tsne(
        {name: one.features[faces[use]] for name, one in features.items()}, people[rows][use], seed
    )
    caption = f"{use.sum()} faces of {len(shown)} people of split {split.name}; a colour a person."
    return Section("Features", blocks=[Chart("t-SNE", plot, caption, wide=True)])


def _skipped(protocol: Protocol, systems: Sequence[SystemScores]) -> Section:
    lines = [protocol.summary() + "."]
    for one in systems:
        for split, gone in one.dropped.items():
            lines.append(
                f"{one.name}, split {split}: without features {gone.faces} faces; left out"
                f" {gone.templates} templates, {gone.pairs} pairs, {gone.probes} probes and"
                f" {gone.gallery} gallery templates."
            )
    return Section("What was compared, what was left out", "\n\n".join(lines))
