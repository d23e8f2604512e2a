"""What is compared on what: the experiment, its views, and the output folder that belongs to it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dagan_tf.config.reading import ConfigError, save_config
from dagan_tf.core.files import write_text
from dagan_tf.data.manifest import MANIFEST_NAME, read_manifest
from dagan_tf.errors import DaganError
from dagan_tf.export.refiner import Refiner
from dagan_tf.folders.keep import filtered_copy
from dagan_tf.folders.refine import refine_folder
from dagan_tf.loop.checkpoints import CONFIG_NAME
from dagan_tf.pretrained.card import PRETRAINED
from dagan_tf.recognition.apart import Division
from dagan_tf.recognition.config import RecogniserConfig, load_recogniser_config
from dagan_tf.recognition.systems import SYSTEMS

RUNS_NAME = "runs"
# From which views those of a kind are made, if their folder is not given.
_SOURCES = {"pretrained": "simulated", "filtered": "refined"}


@dataclass(frozen=True)
class Experiment:
    """What is compared, on what.

    Attributes:
        train: folder of the real photos to train on.
        synthetic: folders of their views by kind: `simulated`, `refined`, `filtered`, `pretrained`.
        systems: of `SYSTEMS`.
        layout: of `train`, see `list_training`.
        poses: CSV file of their yaws, or "".
        protocol: what is tested, see `read_protocol`.
        data: folder of the protocol; "" = `train`.
        splits: number of divisions of FRLL's people.
        seeds: number of seeds.
        reserved: people never under test, always trained on.
        test_people: of FRLL, the only people under test, see `read_frll`; () divides them.
        gallery: of FRLL, expression of the gallery, see `read_frll`.
        divide: how a protocol without training people of its own is divided.
        groups: CSV file of groups of people, or ""; FRLL has its own.
        refiner: what refines the simulated views for the system `pretrained` where no folder of
            them is given: an exported model, or `pretrained`, the one in the box.
        judge: folder of the training whose discriminator filters the refined views for the system
            `filtered`, where no folder of them is given; "" = none.
        keep_percentile: of its two costs, up to which it keeps them.
    """

    train: str
    synthetic: Mapping[str, str]
    systems: Sequence[str]
    layout: str = "frll"
    poses: str = ""
    protocol: str = "frll"
    data: str = ""
    splits: int = 10
    seeds: int = 3
    reserved: Collection[str] = ()
    test_people: Collection[str] = ()
    gallery: str = "neutral"
    divide: Division = field(default_factory=Division)
    groups: str = ""
    refiner: str = PRETRAINED
    judge: str = ""
    keep_percentile: float = 90.0

    @property
    def tested(self) -> str:
        """The protocol's folder."""
        return self.data or self.train

    @property
    def one_set(self) -> bool:
        """Trained and tested people are of one folder."""
        return Path(self.tested).resolve() == Path(self.train).resolve()


def default_systems(synthetic: Collection[str], judge: str = "") -> list[str]:
    """b1 and the systems whose views are there; the refiner in the box where none was trained.

    Args:
        synthetic: kinds of views that are given.
        judge: as `Experiment`.
    """
    there = {*synthetic}
    if judge and "refined" in there:
        there.add("filtered")
    if "simulated" in there and "refined" not in there:
        there.add("pretrained")
    return [system for system, kind in SYSTEMS.items() if kind in there or system == "b1"]


def check_experiment(experiment: Experiment) -> None:
    """Refuses what cannot be run.

    Raises:
        DaganError: an unknown system or one without its views, no split or seed, a protocol
            without its folder.
    """
    for system in experiment.systems:
        if system not in SYSTEMS:
            raise DaganError(f"system {system!r}: expected some of {', '.join(SYSTEMS)}")
        kind = SYSTEMS[system]
        if kind is None or experiment.synthetic.get(kind) or _can_be_made(experiment, kind):
            continue
        made = {"pretrained": ", or --simulated", "filtered": ", or --refined and --judge"}
        raise DaganError(
            f"system {system!r} needs the folder of {kind} images: --{kind}{made.get(kind, '')}"
        )
    if min(experiment.splits, experiment.seeds) < 1:
        raise DaganError(
            f"splits = {experiment.splits}, seeds = {experiment.seeds}: expected 1 or more"
        )
    if experiment.test_people and experiment.protocol != "frll":
        raise DaganError(
            f"--test_people with --protocol={experiment.protocol}: expected frll, as other"
            " protocols name whom they test"
        )
    if not experiment.data and experiment.protocol.split("-")[0] != experiment.layout:
        raise DaganError(
            f"--protocol={experiment.protocol} without --data: expected the folder of what it"
            f" tests, as --train is in layout {experiment.layout!r}"
        )


def _can_be_made(experiment: Experiment, kind: str) -> bool:
    if kind == "filtered" and not experiment.judge:
        return False
    return bool(kind in _SOURCES and experiment.synthetic.get(_SOURCES[kind]))


def views_of(experiment: Experiment, folder: Path, *, verbose: bool = True) -> dict[str, str]:
    """The folders of views that the systems need; those that can be made and are not there are.

    Args:
        experiment: one that `check_experiment` lets pass.
        folder: the output; views are made in `pretrained/` and `filtered/` of it.
        verbose: bars on stderr.

    Raises:
        DaganError: no such model, or a folder there that was made with another one.
    """
    needed = {SYSTEMS[system] for system in experiment.systems}
    found = {kind: path for kind, path in experiment.synthetic.items() if kind in needed}
    if "pretrained" in needed and "pretrained" not in found:
        refiner = Refiner.load(experiment.refiner)
        refine_folder(
            experiment.synthetic["simulated"],
            folder / "pretrained",
            refiner,
            label=refiner.label,
            image_size=refiner.image_size,
            progress=verbose,
        )
        found["pretrained"] = str(folder / "pretrained")
    if "filtered" in needed and "filtered" not in found:
        filtered_copy(
            experiment.synthetic["refined"],
            folder / "filtered",
            experiment.judge,
            experiment.keep_percentile,
        )
        found["filtered"] = str(folder / "filtered")
    return found


def unknown_people(views: Mapping[str, str], people: Collection[str]) -> Iterator[str]:
    """A line a folder of views that show others than the people to train on.

    Args:
        views: folders by kind.
        people: of `--train`.

    Raises:
        DaganError: a folder shows none of them.
    """
    for kind, folder in views.items():
        rows = read_manifest(folder)
        strange = [place for place, row in enumerate(rows) if row.identity not in people]
        if not strange:
            continue
        # Counted as an editor does: the header is line 1.
        where = f"{Path(folder) / MANIFEST_NAME}:{strange[0] + 2}"
        named = f"{where}: person {rows[strange[0]].identity!r} is none of --train's {len(people)}"
        if len(strange) == len(rows):
            raise DaganError(f"{named}, nor is any other in it; expected {kind} views of them")
        yield f"{named}; {len(strange)} of {len(rows)} {kind} views are not trained on"


def claim_output(folder: Path, experiment: Experiment, config: RecogniserConfig) -> None:
    """Refuses to mix runs of two settings; more splits, seeds and systems may be asked for.

    Args:
        folder: the output, made if need be.
        experiment: what will be run in it.
        config: of all recognisers.

    Raises:
        DaganError: it holds runs of another experiment or configuration.
    """
    folder.mkdir(parents=True, exist_ok=True)
    facts = {
        "train": experiment.train,
        "layout": experiment.layout,
        "poses": experiment.poses,
        "protocol": experiment.protocol,
        "data": experiment.tested,
        "reserved": sorted(experiment.reserved),
        "test_people": sorted(experiment.test_people),
        "gallery": experiment.gallery,
        "divide": [experiment.divide.splits, experiment.divide.test_share, experiment.divide.seed],
    }
    mark = folder / "experiment.json"
    # What ended before anything was trained binds nobody.
    if mark.is_file() and any((folder / RUNS_NAME).glob("*/*/*")):
        before = json.loads(mark.read_text(encoding="utf-8"))
        # Folders of older versions name none.
        before["facts"].setdefault("test_people", [])
        before["facts"].setdefault("gallery", "neutral")
        for name, value in facts.items():
            if before["facts"].get(name) != value:
                raise DaganError(
                    f"{str(folder)!r} holds runs with {name} {before['facts'].get(name)!r}, now"
                    f" {value!r}; use another --output"
                )
        for kind, path in experiment.synthetic.items():
            if before["synthetic"].get(kind, path) != path:
                raise DaganError(
                    f"{str(folder)!r} holds runs with --{kind}={before['synthetic'][kind]}, now"
                    f" {path}; use another --output"
                )
        if load_recogniser_config(folder / CONFIG_NAME) != config:
            raise ConfigError(
                f"{str(folder)!r} holds runs of another configuration, see its {CONFIG_NAME};"
                " use another --output"
            )
    else:
        before = {"synthetic": {}}
    save_config(config, folder / CONFIG_NAME)
    synthetic = {**before["synthetic"], **experiment.synthetic}
    write_text(mark, json.dumps({"facts": facts, "synthetic": synthetic}, indent=1) + "\n")
