"""Recognisers scored by a protocol: features in, scores.json, report.html and lines out."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from tqdm import tqdm

from dagan_tf import __version__
from dagan_tf.core.files import write_bytes, writing_to
from dagan_tf.errors import DaganError
from dagan_tf.faces.weights import LANDMARK_SOURCES
from dagan_tf.protocols.features import FaceFeatures, read_features, write_features
from dagan_tf.protocols.image_files import ImageFiles
from dagan_tf.protocols.protocol import Protocol
from dagan_tf.protocols.readers import read_protocol
from dagan_tf.scoring.extraction import Network, absent_faces, extract
from dagan_tf.scoring.scoring import Settings, SystemScores, pair_count, score_system
from dagan_tf.scoring.templates.methods import METHODS

SCORES_NAME = "scores.json"
REPORT_NAME = "report.html"


@dataclass(frozen=True)
class Evaluation:
    """What is scored, by which protocol.

    Attributes:
        protocol: name of the protocol, as `read_protocol` takes it.
        data: the set's folder.
        features: files of the systems by name; or none, and a `model`.
        model: "dlib", or a TFLite file of MobileFaceNet; its features are kept in the output.
        methods: of `templates.methods`; every system is scored by each.
        settings: what is measured; its seed also divides FRLL's people.
        skip_missing: leave out faces without image or features, and count them, instead of an
            error.
        landmarks: where those that a `model` is given come from, of `LANDMARK_SOURCES`.
    """

    protocol: str
    data: str
    features: Mapping[str, str] = field(default_factory=dict)
    model: str | None = None
    methods: Sequence[str] = ("mean",)
    settings: Settings = field(default_factory=Settings)
    skip_missing: bool = False
    landmarks: str = LANDMARK_SOURCES[0]


@dataclass(frozen=True, eq=False)
class Scored:
    """What `run_protocol` found.

    Attributes:
        protocol: what was compared.
        systems: the scores, one for each system and method.
        report: the HTML page; None if none was asked for.
        absent: one line about faces without features of the model; empty if there are none.
    """

    protocol: Protocol
    systems: tuple[SystemScores, ...]
    report: Path | None
    absent: str = ""


def parse_systems(items: Sequence[str]) -> dict[str, str]:
    """Files by name, of the texts NAME=FILE.npz of --features.

    Raises:
        DaganError: a text is no such, or two have one name.
    """
    found: dict[str, str] = {}
    for item in items:
        name, equals, path = item.partition("=")
        if not (name and equals and path) or name in found:
            raise DaganError(f"--features: got {item!r}, expected NAME=FILE.npz, each name once")
        found[name] = path
    return found


def parse_rates(flag: str, texts: Sequence[str]) -> tuple[float, ...]:
    """Shares in (0, 1] of a flag's texts.

    Raises:
        DaganError: there are none, or one is no such share; the message names the flag.
    """
    try:
        rates = tuple(float(text) for text in texts)
    except ValueError:
        rates = ()
    if not rates or not all(0 < rate <= 1 for rate in rates):
        raise DaganError(f"--{flag}: got {texts}, expected shares in (0, 1]")
    return rates


def run_protocol(
    evaluation: Evaluation,
    output: str | os.PathLike[str],
    *,
    command: str = "",
    report: bool = True,
) -> Scored:
    """Scores all systems, writes scores.json and report.html; bars on stderr.

    Args:
        evaluation: what is scored.
        output: folder of the results; features in it of the same model and images are used again.
        command: goes into both files.
        report: whether to write report.html.

    Raises:
        DaganError: unusable input; or neither or both of features and model.
    """
    if bool(evaluation.features) == bool(evaluation.model):
        raise DaganError("expected either --features or --model")
    methods, settings = evaluation.methods, evaluation.settings
    unknown = [method for method in methods if method not in METHODS]
    if unknown or not methods:
        raise DaganError(f"--methods: got {methods}, expected some of {', '.join(METHODS)}")
    folder = Path(output)
    protocol = read_protocol(evaluation.protocol, evaluation.data, settings.seed)
    with writing_to(folder):
        found = _features(evaluation, protocol, folder)
        systems = []
        total = pair_count(protocol) * len(found) * len(methods)
        with tqdm(total=total, unit="pair", unit_scale=True, desc=protocol.name) as bar:
            for name, faces in found.items():
                for method in methods:
                    label = name if len(methods) == 1 else f"{name}, {method}"
                    systems.append(
                        score_system(label, protocol, faces, method, settings, advance=bar.update)
                    )
        made = datetime.now(timezone.utc)
        document = {
            "protocol": protocol.name,
            "summary": protocol.summary(),
            "data": evaluation.data,
            "command": command,
            "seed": settings.seed,
            "date": made.isoformat(timespec="seconds"),
            "version": __version__,
            "systems": {one.name: one.as_json() for one in systems},
        }
        write_bytes(folder / SCORES_NAME, f"{json.dumps(document, indent=2)}\n".encode())
        page = None
        if report:
            # Plots are slow to import.
            from dagan_tf.reports.protocol_report import write_protocol_report

            page = write_protocol_report(
                folder / REPORT_NAME,
                protocol,
                systems,
                found,
                data=evaluation.data,
                seed=settings.seed,
                dlib=evaluation.model is not None,
                command=command,
                made=made,
            )
        absent = ""
        if evaluation.model:
            (faces,) = found.values()
            absent = absent_faces(protocol, faces.present)
        return Scored(protocol, tuple(systems), page, absent)


def score_lines(scored: Scored) -> Iterator[str]:
    """What the protocol holds; then tab-separated system, part, measure and figure, or why not."""
    yield scored.protocol.summary()
    if scored.absent:
        yield f"left out: {scored.absent}"
    for one in scored.systems:
        for part, measures in one.figures.items():
            for measure in measures:
                spread = one.spread(part, measure)
                if spread is not None:
                    yield f"{one.name}\t{part}\t{measure}\t{spread}"
            for measure, why in one.refused[part].items():
                yield f"{one.name}\t{part}\t{measure}\tnot given: {why}"
        lost = [gone for gone in one.dropped.values() if gone.faces]
        if lost:
            pairs, probes = sum(gone.pairs for gone in lost), sum(gone.probes for gone in lost)
            yield f"{one.name}\tskipped for want of features: {pairs} pairs, {probes} probes"


def _features(evaluation: Evaluation, protocol: Protocol, folder: Path) -> dict[str, FaceFeatures]:
    """Each system's features of the protocol's faces."""
    files = {name: Path(file) for name, file in evaluation.features.items()}
    if evaluation.model:
        name = Path(evaluation.model).stem
        mark = _mark(evaluation.model, evaluation.landmarks, protocol)[:12]
        files = {name: _extracted(evaluation, protocol, folder / f"features-{name}-{mark}.npz")}
    skip = evaluation.skip_missing
    return {
        name: read_features(file, protocol.faces, skip_missing=skip) for name, file in files.items()
    }


def _mark(model: str, landmarks: str, protocol: Protocol) -> str:
    """Stands for a network and what it sees: another file, folder, image or box is another mark."""
    faces, network = protocol.faces, Path(model)
    facts = [__version__, model, landmarks, str(protocol.root.resolve())]
    if network.is_file():
        facts.append(hashlib.sha256(network.read_bytes()).hexdigest())
    files = ImageFiles(protocol.root, faces.paths)
    for path, sighting, box in zip(faces.paths, faces.sightings, faces.boxes, strict=True):
        try:
            stamp = files(path).stat().st_mtime_ns
        except OSError:
            stamp = 0  # An error, or left out, when it is read.
        facts.append(f"{path}\0{sighting}\0{box.tolist()}\0{stamp}")
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()


def _extracted(evaluation: Evaluation, protocol: Protocol, file: Path) -> Path:
    """The model's features file, made if it is not there."""
    if file.exists():
        return file
    assert evaluation.model
    if not evaluation.skip_missing:
        ImageFiles(protocol.root, protocol.faces.paths).check(protocol.faces.paths)
    network, parts = _network(evaluation.model), file.with_name(f"{file.stem}-parts")
    with tqdm(total=len(protocol.faces), unit="face", desc="features") as bar:
        made = extract(
            protocol,
            network,
            parts=parts,
            skip_missing=evaluation.skip_missing,
            landmarks=evaluation.landmarks,
            advance=bar.update,
        )
    write_features(file, protocol.faces, made.features, made.present, made.yaw)
    shutil.rmtree(parts)
    return file


def _network(model: str) -> Network:
    if model == "dlib":
        from dagan_tf.embedders.dlib_resnet import FaceEmbedder

        return FaceEmbedder()
    from dagan_tf.embedders.mobilefacenet import MobileFaceNet

    return MobileFaceNet(model)
