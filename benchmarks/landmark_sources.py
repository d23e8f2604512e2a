"""What dlib's landmarks and the face mesh's give: one table, with paired differences.

python -m benchmarks.landmark_sources --frll=FRLL --flat=DIR,DIR --people=40 --output=OUT.json

Of --people people of the London Set and as many photos of each flat folder, drawn by --seed:

  fit error    of the fit, outer-eye distances
  yaw error    degrees from the set's nominal yaw (0 or 45); unknown for everyday photos
  likeness     cosine of MobileFaceNet: for a front of the set the views at -45 and 45 degrees
               against the real photos of that person from there, for an everyday front the views
               at -30 and 30 degrees against itself. The network is told where the face is by
               either source in turn, so that none is judged at its own landmarks only
  time         milliseconds of the processor from the photo to the landmarks, one core

Differences are the mesh's less dlib's on the photos that both fit, with 95 % intervals of a
bootstrap over people (over photos where no names are known).
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from absl import flags
from tqdm import tqdm

from benchmarks.frll import real_photos
from dagan_tf.core.program import run_app
from dagan_tf.data.photos import PhotoItem, list_photos
from dagan_tf.embedders.mobilefacenet import MobileFaceNet
from dagan_tf.errors import DaganError
from dagan_tf.faces.face import FaceFinder
from dagan_tf.faces.photo_io import read_photo
from dagan_tf.faces.weights import LANDMARK_SOURCES
from dagan_tf.metrics.bootstrap import Interval, bootstrap_people, rows_of
from dagan_tf.simulator.fitting.fit import FaceFit
from dagan_tf.simulator.render.camera import turned_upright
from dagan_tf.simulator.simulator import Simulator

FLAGS = flags.FLAGS
flags.DEFINE_string("frll", None, "Folder of the London Set.", required=True)
flags.DEFINE_list("flat", [], "Folders of everyday fronts.")
flags.DEFINE_integer("people", 40, "People of the London Set, and photos of each flat folder.", 1)
flags.DEFINE_integer("seed", 0, "Of the draw.")
flags.DEFINE_integer("image_size", 224, "Side of the views, pixels.")
flags.DEFINE_string("mobilefacenet", None, "TFLite file.", required=True)
flags.DEFINE_string("output", None, "Where to write the figures as JSON, if anywhere.")

REAL = {-45.0: "neutral_left_3quarter", 45.0: "neutral_right_3quarter"}
EVERYDAY = (-30.0, 30.0)

# Name of a figure to its value, for one photo by one source.
Row = dict[str, float]


class Bench:
    """Both sources, and the network that judges their views."""

    def __init__(self) -> None:
        self.finders = {name: FaceFinder(landmarks=name) for name in LANDMARK_SOURCES}
        self.simulators = {
            name: Simulator(image_size=FLAGS.image_size, finder=finder)
            for name, finder in self.finders.items()
        }
        self.network = MobileFaceNet(FLAGS.mobilefacenet)

    def row(self, source: str, photo: np.ndarray, yaw: float | None) -> tuple[Row, FaceFit] | None:
        """Figures of a fit, and the fit; None if the simulator refuses the photo."""
        simulator = self.simulators[source]
        try:
            # The first time loads weights and the caches.
            simulator.finder.find_one(photo)
            began = time.process_time()
            face = simulator.finder.find_one(photo)
            spent = time.process_time() - began
            fit = simulator.fit(photo, face=face)
        except DaganError:
            return None
        row = {"fit error": fit.error, "time, ms": 1e3 * spent}
        if yaw is not None:
            row["yaw error"] = abs(fit.pose.yaw - yaw)
        return row, fit

    def likeness(
        self, source: str, photo: np.ndarray, fit: FaceFit, real: dict[float, np.ndarray]
    ) -> Row:
        """Mean cosine between views and real photos, at either source's landmarks."""
        simulator = self.simulators[source]
        prepared = simulator.prepare(photo, fit)
        cosines: dict[str, list[float]] = {name: [] for name in self.finders}
        for yaw, other in real.items():
            view = simulator.render(prepared, turned_upright(fit.pose, yaw)).image
            for name, finder in self.finders.items():
                first, second = (
                    self.network.embed(image, finder.find_one(image).landmarks)
                    for image in (view, other)
                )
                norms = np.linalg.norm(first) * np.linalg.norm(second)
                cosines[name].append(float(first @ second / norms))
        return {f"likeness at {name}'s": float(np.mean(values)) for name, values in cosines.items()}


def sets() -> Iterator[tuple[str, list[tuple[PhotoItem, dict[float, Path]]]]]:
    """Name of each set and its photos, each with the real ones to hold its views against."""
    draw = np.random.default_rng(FLAGS.seed)
    fronts = real_photos(FLAGS.frll, "neutral_front")
    turned = {yaw: real_photos(FLAGS.frll, view) for yaw, view in REAL.items()}
    people = [person for person in fronts if all(person in view for view in turned.values())]
    people = sorted(draw.permutation(people)[: FLAGS.people])
    yield (
        "front",
        [(fronts[one], {yaw: view[one].path for yaw, view in turned.items()}) for one in people],
    )
    yield "three-quarter", [(view[one], {}) for one in people for view in turned.values()]
    for folder in FLAGS.flat:
        items = list_photos(folder, "flat")
        chosen = sorted(draw.permutation(len(items))[: FLAGS.people])
        yield (
            Path(folder).name,
            [(items[k], dict.fromkeys(EVERYDAY, items[k].path)) for k in chosen],
        )


def table(bench: Bench, photos: list[tuple[PhotoItem, dict[float, Path]]]) -> dict[str, str | int]:
    """What is printed of a set."""
    people, rows = [], []
    refused = dict.fromkeys(LANDMARK_SOURCES, 0)
    for item, real in tqdm(photos, leave=False):
        photo = read_photo(item.path)
        held = {yaw: read_photo(path) for yaw, path in real.items()}
        both: dict[str, Row] = {}
        for source in LANDMARK_SOURCES:
            found = bench.row(source, photo, item.yaw)
            if found is None:
                refused[source] += 1
                continue
            row, fit = found
            both[source] = row | (bench.likeness(source, photo, fit, held) if held else {})
        if len(both) == len(LANDMARK_SOURCES):
            people.append(item.identity)
            rows.append(both)
    figures: dict[str, str | int] = {"photos": len(photos), "by both": len(rows)}
    figures |= {f"refused, {source}": count for source, count in refused.items()}
    dlib, mesh = LANDMARK_SOURCES
    for name in rows[0][dlib]:
        values = {source: np.array([row[source][name] for row in rows]) for source in rows[0]}
        more = values[mesh] - values[dlib]
        figures |= {f"{name}, {source}": f"{mean.mean():.4g}" for source, mean in values.items()}
        figures[f"{name}, {mesh} more"] = str(interval(more, people))
    return figures


def interval(values: np.ndarray, people: list[str]) -> Interval:
    """Mean of the values, with its interval over people."""
    return bootstrap_people(lambda drawn: float(values[rows_of(people, drawn)].mean()), people)


def main(argv: list[str]) -> None:
    del argv
    cv2.setNumThreads(1)
    bench = Bench()
    results = {}
    for name, photos in sets():
        results[name] = table(bench, photos)
        print(name, flush=True)
        for figure, value in results[name].items():
            print(f"  {figure:32} {value}", flush=True)
    if FLAGS.output:
        Path(FLAGS.output).write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run_app(main)
