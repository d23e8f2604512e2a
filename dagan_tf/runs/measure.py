"""Is a refined face nearer to real photos than a simulated one, and still the same person?

Asked of people the refiner never saw, for any photos of people from several sides. Whatever is
learned on the way is learned from the other people.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dagan_tf.core.files import write_bytes, writing_to
from dagan_tf.data.manifest import read_manifest
from dagan_tf.errors import DaganError
from dagan_tf.evaluation.bench import Bench, Question, people_of
from dagan_tf.evaluation.face_set import FaceSet
from dagan_tf.evaluation.measure import Measure, Row, as_json
from dagan_tf.metrics.bootstrap import Interval
from dagan_tf.recognition.groups import frll_groups, read_groups
from dagan_tf.reports.measure_report import table_rows, write_measure_report
from dagan_tf.reports.report import format_value

MEASURES_NAME = "measure.json"
REPORT_NAME = "report.html"


# An interval over people needs as many.
LEAST_PEOPLE = 2


@dataclass(frozen=True)
class Group:
    """Figures of the test people of one group.

    Attributes:
        kind: what people are grouped by, "sex".
        name: "female".
        people: how many of the test people.
        views: theirs.
        columns: "simulated" and "refined", each by measure.
    """

    kind: str
    name: str
    people: int
    views: int
    columns: Mapping[str, Row]

    def as_json(self) -> dict[str, object]:
        """Plain values."""
        columns = {name: as_json(row) for name, row in self.columns.items()}
        return {**vars(self), "columns": columns}


@dataclass(frozen=True, eq=False)
class Outcome:
    """What `run_measure` found.

    Attributes:
        columns: "simulated", "refined" and "real", each by measure.
        gains: by feature space, distance of the simulated minus that of the refined faces.
        facts: about the run.
        report: the HTML page.
        groups: figures by group of people.
    """

    columns: Mapping[str, Row]
    gains: Mapping[str, Interval]
    facts: Mapping[str, object]
    report: Path
    groups: Sequence[Group] = ()


def run_measure(
    question: Question,
    refined: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    model_dir: str | None = None,
    groups: Mapping[str, Mapping[str, str]] | None = None,
    samples: int = 12,
    command: str = "",
    credits: Sequence[str] = (),
) -> Outcome:
    """Measures, and writes measure.json and report.html.

    Args:
        question: what is measured.
        refined: what trainer.refine made of the simulated folder, at least of the test people.
        output: folder of the results.
        model_dir: of the refiner's training, for its curves and reconstructions.
        groups: from a person to the group by kind, as of `recognition.groups`; groups of fewer
            than two test people are left out.
        samples: rows of the page's grid: the first test people.
        command: goes into the page.
        credits: a line for each set of photos.

    Returns:
        The figures.

    Raises:
        DaganError: as `Bench`, or a test person's view that is not refined.
    """
    with writing_to(output) as folder:
        there = {row.path for row in read_manifest(refined)}
        bench = Bench(question)
        absent = [pair.view.path for pair in bench.test if pair.view.path not in there]
        if absent:
            raise DaganError(f"{refined}: {absent[0]} of a test person is not refined")
        taught = [pair for pair in bench.train if pair.view.path in there]
        own = bench.judges_of(bench.images(refined, taught)) if taught else None
        before, simulated = bench.column("simulated", bench.simulated, bench.judges)
        after, of_refined = bench.column("refined", bench.images(refined, bench.test), own)
        of_refined |= bench.against(before, after)
        columns = {"simulated": simulated, "refined": of_refined, "real": bench.real_column()}
        gains = bench.gains(before, after)
        grouped = list(_by_group(bench, {"simulated": before, "refined": after}, groups or {}))
        report = write_measure_report(
            folder / REPORT_NAME,
            bench,
            columns,
            gains,
            refined=after.images,
            model_dir=model_dir,
            samples=samples,
            command=command,
            credits=credits,
        )
        document = {
            "facts": bench.facts,
            "columns": {name: as_json(row) for name, row in columns.items()},
            "kernel gain": as_json({Measure(space): gain for space, gain in gains.items()}),
            "groups": [group.as_json() for group in grouped],
        }
        write_bytes(folder / MEASURES_NAME, f"{json.dumps(document, indent=2)}\n".encode())
        return Outcome(columns, gains, bench.facts, report, grouped)


def measure_groups(question: Question, file: str | None) -> dict[str, dict[str, str]]:
    """The groups of the people measured: of a CSV file, else those that the set itself tells.

    Raises:
        DaganError: as `recognition.groups.read_groups`.
    """
    if file:
        return read_groups(Path(file), {row.identity for row in read_manifest(question.simulated)})
    return frll_groups(Path(question.photos)) if question.layout == "frll" else {}


def _by_group(
    bench: Bench, faces: Mapping[str, FaceSet], groups: Mapping[str, Mapping[str, str]]
) -> Iterator[Group]:
    people = people_of(bench.test)
    kinds = dict.fromkeys(kind for person in np.unique(people) for kind in groups.get(person, {}))
    for kind in kinds:
        own = np.array([groups.get(person, {}).get(kind, "") for person in people])
        for name in sorted(set(own) - {""}):
            chosen = own == name
            count = len(np.unique(people[chosen]))
            if count >= LEAST_PEOPLE:
                columns = {column: bench.part(these, chosen) for column, these in faces.items()}
                yield Group(kind, name, count, int(chosen.sum()), columns)


def untrained_people(model_dir: str | None, simulated: str) -> list[str]:
    """People of a simulated folder that a training did not see."""
    if not model_dir:
        raise DaganError("give --test_people, or --model_dir to take those it was not trained on")
    from dagan_tf.pretrained.model_folder import read_identities

    seen = set(read_identities(model_dir))
    return sorted({row.identity for row in read_manifest(simulated)} - seen)


def measure_lines(outcome: Outcome) -> Iterator[str]:
    """The table as text."""
    width = yield from _table(outcome.columns)
    yield ""
    yield "kernel distance of simulated minus refined (> 0: refining helped)"
    for space, gain in outcome.gains.items():
        yield f"{space:{width}}{format_value(gain):>26}"
    for group in outcome.groups:
        yield ""
        yield f"{group.kind}: {group.name}, {group.people} people, {group.views} views"
        yield from _table(group.columns)


def _table(columns: Mapping[str, Row]) -> Generator[str, None, int]:
    """Lines; returns the width of the first column."""
    rows = table_rows(columns)
    width = max(len(str(row[0])) for row in rows) + 2
    head = [*columns, "refined better"]
    yield f"{'':{width}}" + "".join(f"{column:>26}" for column in head)
    for name, *values in rows:
        yield f"{name:{width}}" + "".join(f"{format_value(value):>26}" for value in values)
    return width
