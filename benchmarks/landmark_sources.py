"""What dlib's landmarks and the face mesh's cost: fit, yaw, time, and likeness of the views.

python -m benchmarks.landmark_sources --frll=FRLL --flat=DIR,DIR --output=OUT.json

Of photos in which both find one face: the fit's error in outer-eye distances, its yaw against the
London Set's nominal one (0 or 45 degrees), and milliseconds a photo on one core from the photo to
the landmarks. Then for the neutral frontal photo of each person of the set the views at -90, -45,
45 and 90 degrees by either fit, held against the real photo of that person from there: distance by
dlib's 128-D embedding and by MobileFaceNet, and the difference between the two sources, paired,
with its standard error. The judges find the face in view and photo themselves (with dlib's
landmarks) up to 45 degrees; in a profile's view they take the landmarks that the simulator knows.
"""

import json
import time
from pathlib import Path

import cv2
import numpy as np
from absl import flags
from tqdm import tqdm

from benchmarks.frll import real_photos
from benchmarks.simulator_identity import REAL, Judges
from dagan_tf.core.program import run_app
from dagan_tf.data.photos import PhotoItem, list_photos
from dagan_tf.errors import DaganError
from dagan_tf.faces.face import FaceFinder
from dagan_tf.faces.photo_io import read_photo
from dagan_tf.faces.weights import LANDMARK_SOURCES
from dagan_tf.simulator.fitting.fit import fit_landmarks
from dagan_tf.simulator.head.morphable_model import MorphableModel
from dagan_tf.simulator.render.camera import Pose
from dagan_tf.simulator.simulator import Simulator

FLAGS = flags.FLAGS
flags.DEFINE_list("flat", [], "Folders of other photos, each of a person of its own.")
flags.DEFINE_integer("every", 4, "Only every so many photo of each set in the first part.")

_JUDGES = ("dlib", "MobileFaceNet")
Table = dict[str, dict[str, float]]


def fits(items: list[PhotoItem], model: MorphableModel) -> Table:
    """Of each source the fit's errors, its yaws' errors where they are known, and its time."""
    finders = {name: FaceFinder(landmarks=name) for name in LANDMARK_SOURCES}
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in LANDMARK_SOURCES}
    for item in tqdm(items, leave=False):
        photo, row = read_photo(item.path), {}
        for name, finder in finders.items():
            try:
                finder.find_one(photo)  # loads the weights
                began = time.process_time()
                face = finder.find_one(photo)
                spent = time.process_time() - began
                fit = fit_landmarks(model, face.landmarks)
            except DaganError:
                break
            yaw = np.nan if item.yaw is None else abs(fit.pose.yaw - item.yaw)
            row[name] = fit.error, yaw, 1e3 * spent
        if len(row) == len(finders):
            for name, values in row.items():
                found[name].append(values)
    return {name: _summary(np.array(rows)) for name, rows in found.items()}


def _summary(rows: np.ndarray) -> dict[str, float]:
    figures = {
        "photos": float(len(rows)),
        "fit error, median": float(np.median(rows[:, 0])),
        "fit error, largest": float(rows[:, 0].max()),
        "milliseconds": float(np.median(rows[:, 2])),
    }
    if np.isfinite(rows[:, 1]).all():
        figures["yaw error, mean"] = float(rows[:, 1].mean())
        figures["yaw error, largest"] = float(rows[:, 1].max())
    return figures


def likeness(frll: str, people: int, size: int) -> Table:
    """Distances of the views to the real photos by source, and their paired difference."""
    judges = Judges()
    fronts = real_photos(frll, "neutral_front")
    simulators = {
        name: Simulator(image_size=size, finder=FaceFinder(landmarks=name))
        for name in LANDMARK_SOURCES
    }
    apart: dict[tuple[int, str], dict[str, list[float]]] = {
        (turn, judge): {name: [] for name in LANDMARK_SOURCES}
        for turn in (45, 90)
        for judge in _JUDGES
    }
    real = {yaw: real_photos(frll, f"neutral_{name}") for yaw, name in REAL.items()}
    for person in tqdm(list(fronts)[: people or None], desc="likeness", leave=False):
        photo = read_photo(fronts[person].path)
        ready = {}
        for name, simulator in simulators.items():
            fit = simulator.fit(photo)
            ready[name] = fit, simulator.prepare(photo, fit)
        for yaw, items in real.items():
            wanted = judges.judge(read_photo(items[person].path), None) if person in items else None
            if wanted is None:
                continue
            for name, simulator in simulators.items():
                fit, prepared = ready[name]
                view = simulator.render(prepared, Pose(yaw, fit.pose.pitch))
                own = _embedded(judges, view.image, view.landmarks, profile=abs(yaw) == 90)
                for judge, mine, theirs in zip(_JUDGES, own, wanted[2:], strict=True):
                    apart[abs(yaw), judge][name].append(float(np.linalg.norm(mine - theirs)))
    table: Table = {}
    for (turn, judge), distances in apart.items():
        first, *others = (np.array(distances[name]) for name in LANDMARK_SOURCES)
        row = table[f"{judge}, {turn} degrees"] = {
            name: float(np.mean(values)) for name, values in distances.items()
        }
        for name, values in zip(LANDMARK_SOURCES[1:], others, strict=True):
            more = values - first
            row[f"{name} more than {LANDMARK_SOURCES[0]}"] = float(more.mean())
            row["its standard error"] = float(more.std(ddof=1) / np.sqrt(len(more)))
        row["pairs"] = float(len(first))
    return table


def _embedded(
    judges: Judges, image: np.ndarray, known: np.ndarray, *, profile: bool
) -> tuple[np.ndarray, np.ndarray]:
    if not profile:
        judged = judges.judge(image, known)
        assert judged is not None
        return judged[2:]
    return judges.dlib.embed(image, known), judges.mobile.embed(image, known)


def main(argv: list[str]) -> None:
    del argv
    cv2.setNumThreads(1)
    model = MorphableModel.load()
    sets = {
        view: list_photos(FLAGS.frll, "frll", include=f"*_{view}/*")
        for view in ("front", "left_3quarter", "right_3quarter")
    } | {Path(folder).name: list_photos(folder, "flat") for folder in FLAGS.flat}
    results: dict[str, Table] = {}
    for name, items in sets.items():
        results[name] = fits(items[:: FLAGS.every], model)
        for source, figures in results[name].items():
            _say(f"{name}, {source}", figures)
    results["likeness"] = likeness(FLAGS.frll, FLAGS.people, FLAGS.image_size)
    for name, figures in results["likeness"].items():
        _say(name, figures)
    if FLAGS.output:
        Path(FLAGS.output).write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


def _say(name: str, figures: dict[str, float]) -> None:
    text = "  ".join(f"{key} {value:.4g}" for key, value in figures.items())
    print(f"{name:28} {text}", flush=True)


if __name__ == "__main__":
    run_app(main, uses_tensorflow=True)
