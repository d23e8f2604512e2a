"""Simulated views against the real views of the same people, and against simpler simulators.

python -m benchmarks.simulator_identity --frll=FRLL --output=OUT.json

For the frontal photo of each person of FRLL, views at -90, -45, 45 and 90 degrees; each is compared
with the real three-quarter or profile photo of that person and of all others: dlib's 128-D
embedding and MobileFaceNet, rank-1 among the real photos of that view, how often dlib's detectors
find a face, and the yaw that a new fit to the found face reports. "at the known landmarks" leaves
the detector out: all ways are embedded at the landmarks that the simulator knows; the difference
to ours is paired, with its standard error. At the end, the yaw of our views from 15 to 60 degrees.
The simpler ways:

  mesh only    what the photo shows of the head; the rest and the surroundings grey
  even fill    what is hidden gets the mean colour of the head; surroundings kept
  300W-LP      the photo stretched over head and joined background mesh, nothing filled, hair left
               in the background (the way of Zhu et al., CVPR 2016)

FRLL is the Face Research Lab London Set (DeBruine and Jones, 2017), CC BY 4.0. MobileFaceNet is for
measuring only.
"""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from absl import flags
from tqdm import tqdm

from benchmarks.frll import real_photos
from dagan_tf.core.program import run_app
from dagan_tf.embedders.dlib_resnet import FaceEmbedder
from dagan_tf.embedders.mobilefacenet import MobileFaceNet
from dagan_tf.errors import DaganError
from dagan_tf.evaluation.identity import distance_matrix, rank1
from dagan_tf.faces.face import FaceFinder
from dagan_tf.faces.photo_io import read_photo
from dagan_tf.simulator.fitting.fit import FaceFit, fit_landmarks
from dagan_tf.simulator.render.camera import turned_upright
from dagan_tf.simulator.render.shading import Grain
from dagan_tf.simulator.scene import head_scene
from dagan_tf.simulator.scene.prepared_photo import PreparedPhoto
from dagan_tf.simulator.simulator import Simulator
from dagan_tf.simulator.view import SimulatedView

FLAGS = flags.FLAGS
flags.DEFINE_string("frll", None, "Folder of the London Set.", required=True)
flags.DEFINE_string("output", None, "Where to write the figures as JSON, if anywhere.")
flags.DEFINE_integer("people", 0, "Only the first so many people; 0 takes all.")
flags.DEFINE_integer("image_size", 224, "Side of the views, pixels.")
flags.DEFINE_string(
    "mobilefacenet",
    None,
    "TFLite file; default $DAGAN_MODELS_DIR/mobilefacenet/MobileFaceNet.tflite.",
)

REAL = {-90: "left_profile", -45: "left_3quarter", 45: "right_3quarter", 90: "right_profile"}


def no_grain(grain: Grain) -> Grain:
    return grain._replace(strength=0.0, strands=0.0 * grain.strands)


def mesh_only(prepared: PreparedPhoto) -> PreparedPhoto:
    texture = prepared.texture
    dark = replace(
        texture,
        known=np.zeros_like(texture.known),
        filling=np.full_like(texture.filling, head_scene.NEUTRAL_GREY),
        shade=np.ones_like(texture.shade),
        grain=no_grain(texture.grain),
        light=np.zeros(3),
    )
    grey = [
        plate._replace(image=np.full_like(plate.image, round(head_scene.NEUTRAL_GREY)))
        for plate in prepared.backdrop[:2]
    ]
    return replace(
        prepared, texture=dark, backdrop=prepared.backdrop._replace(dressed=grey[0], bare=grey[1])
    )


def even_fill(prepared: PreparedPhoto) -> PreparedPhoto:
    texture = prepared.texture
    mean = np.average(texture.filling, axis=0, weights=texture.known + 1e-6)
    flat = replace(
        texture,
        filling=np.broadcast_to(mean, texture.filling.shape).astype(np.float32),
        shade=np.ones_like(texture.shade),
        grain=no_grain(texture.grain),
        light=np.zeros(3),
    )
    return replace(prepared, texture=flat)


def stretched(prepared: PreparedPhoto) -> PreparedPhoto:
    texture = prepared.texture
    ones = np.ones_like(texture.visible)
    smeared = replace(texture, visible=ones, inside=ones, facing=ones, light=np.zeros(3))
    photo = prepared.backdrop.dressed._replace(image=texture.photo)
    return replace(
        prepared, texture=smeared, backdrop=prepared.backdrop._replace(dressed=photo, bare=photo)
    )


WAYS: dict[str, tuple[bool, Callable[[PreparedPhoto], PreparedPhoto]]] = {
    "ours": (True, lambda prepared: prepared),
    "mesh only": (True, mesh_only),
    "even fill": (True, even_fill),
    "300W-LP": (False, stretched),
}


def prepare(simulator: Simulator, photo: np.ndarray, fit: FaceFit, way: str) -> PreparedPhoto:
    fits_hair, change = WAYS[way]
    if fits_hair:
        return change(simulator.prepare(photo, fit))
    finding, head_scene.person_mask = head_scene.person_mask, lambda *_: None
    try:
        return change(simulator.prepare(photo, fit))
    finally:
        head_scene.person_mask = finding


class Judges:
    """Embeds views and photos; finds the face, or takes the landmarks that are known."""

    def __init__(self) -> None:
        models = Path(os.environ.get("DAGAN_MODELS_DIR", "."))
        self.finder, self.dlib = FaceFinder(), FaceEmbedder()
        path = FLAGS.mobilefacenet or models / "mobilefacenet" / "MobileFaceNet.tflite"
        self.mobile = MobileFaceNet(path)

    def judge(
        self, image: np.ndarray, known: np.ndarray | None
    ) -> tuple[str, np.ndarray | None, np.ndarray, np.ndarray] | None:
        """Detector ("" if none), landmarks found, both embeddings; None if there is no face."""
        try:
            face = self.finder.find_one(image)
        except DaganError:
            if known is None:
                return None
            return "", None, self.dlib.embed(image, known), self.mobile.embed(image, known)
        points = face.landmarks
        return (
            face.box.detector,
            points,
            self.dlib.embed(image, points),
            self.mobile.embed(image, points),
        )


def measure(
    simulator: Simulator,
    judges: Judges,
    views: dict[str, SimulatedView],
    real: dict[str, tuple[np.ndarray, np.ndarray]],
    yaw: int,
    pairs: dict[str, list[float]],
) -> dict[str, float]:
    """Figures of one way at one yaw; adds distances at the known landmarks to `pairs`."""
    people = [person for person in views if person in real]
    gallery = list(real)
    judged = {
        person: judges.judge(views[person].image, views[person].landmarks) for person in views
    }
    figures: dict[str, float] = {"views": len(people)}
    for name, place in (("dlib", 2), ("MobileFaceNet", 3)):
        probes = np.stack([judged[person][place] for person in people])
        faces = np.stack([real[person][place - 2] for person in gallery])
        own = np.array(gallery)[None, :] == np.array(people)[:, None]
        distances = distance_matrix(probes, faces)
        figures[f"{name} same"] = float(distances[own].mean())
        figures[f"{name} others"] = float(distances[~own].mean())
        figures[f"{name} rank-1"] = float(rank1(probes, people, faces, gallery).mean())
    ways = [result[0] for result in judged.values()]
    figures["found by HOG"] = ways.count("hog") / len(ways)
    figures["found by HOG or CNN"] = 1.0 - ways.count("") / len(ways)
    errors = [
        abs(fit_landmarks(simulator.model, result[1]).pose.yaw - yaw)
        for result in judged.values()
        if result[1] is not None
    ]
    figures["yaw error"] = float(np.mean(errors)) if errors else float("nan")
    for place, (name, embedder) in enumerate(
        (("dlib", judges.dlib), ("MobileFaceNet", judges.mobile))
    ):
        pairs[name] += [
            float(
                np.linalg.norm(embedder.embed(views[p].image, views[p].landmarks) - real[p][place])
            )
            for p in people
        ]
    return figures


def turned_back(
    simulator: Simulator, judges: Judges, fits: dict[str, tuple[np.ndarray, FaceFit]]
) -> dict[str, dict[str, float]]:
    """How well a new fit finds the yaw of our views, by the size of the yaw."""
    errors: dict[int, list[float]] = {15: [], 30: [], 45: [], 55: [], 60: []}
    known: dict[int, list[float]] = {size: [] for size in errors}
    missed = dict.fromkeys(errors, 0)
    for photo, fit in tqdm(fits.values(), desc="yaw", leave=False):
        prepared = simulator.prepare(photo, fit)
        for size in errors:
            for yaw in (-size, size):
                view = simulator.render(prepared, turned_upright(fit.pose, yaw))
                refit = fit_landmarks(simulator.model, view.landmarks)
                known[size].append(abs(refit.pose.yaw - yaw))
                try:
                    face = judges.finder.find_one(view.image)
                    found = fit_landmarks(simulator.model, face.landmarks)
                except DaganError:
                    missed[size] += 1
                else:
                    errors[size].append(abs(found.pose.yaw - yaw))
    return {
        str(size): {
            "mean error": float(np.mean(values)),
            "median error": float(np.median(values)),
            "mean error at the known landmarks": float(np.mean(known[size])),
            "no face": missed[size] / (len(values) + missed[size]),
        }
        for size, values in errors.items()
    }


def main(argv: list[str]) -> None:
    del argv
    simulator, judges = Simulator(image_size=FLAGS.image_size), Judges()
    photos = real_photos(FLAGS.frll, "neutral_front")
    people = list(photos)[: FLAGS.people or None]
    real = {}
    for yaw, name in REAL.items():
        items = real_photos(FLAGS.frll, f"neutral_{name}")
        real[yaw] = {}
        for person in tqdm(items, desc=f"real {name}", leave=False):
            result = judges.judge(read_photo(items[person].path), None)
            if result is not None:
                real[yaw][person] = result[2:]
    fits: dict[str, tuple[np.ndarray, FaceFit]] = {}
    for person in tqdm(people, desc="fit", leave=False):
        photo = read_photo(photos[person].path)
        fits[person] = photo, simulator.fit(photo)
    results: dict[str, dict[str, dict[str, float]]] = {}
    ours: dict[tuple[int, str], np.ndarray] = {}
    for way in WAYS:
        views: dict[int, dict[str, SimulatedView]] = {yaw: {} for yaw in REAL}
        for person, (photo, fit) in tqdm(fits.items(), desc=way, leave=False):
            prepared = prepare(simulator, photo, fit, way)
            for yaw in REAL:
                views[yaw][person] = simulator.render(prepared, turned_upright(fit.pose, yaw))
        pairs: dict[int, dict[str, list[float]]] = {
            size: {"dlib": [], "MobileFaceNet": []} for size in (45, 90)
        }
        by_yaw = {
            yaw: measure(simulator, judges, views[yaw], real[yaw], yaw, pairs[abs(yaw)])
            for yaw in REAL
        }
        results[way] = {}
        for size in (45, 90):
            left, right = by_yaw[-size], by_yaw[size]
            mean = {key: (left[key] + right[key]) / 2 for key in left}
            for name, distances in pairs[size].items():
                known = np.array(distances)
                ours.setdefault((size, name), known)
                more = known - ours[size, name]
                mean[f"{name} at the known landmarks"] = float(known.mean())
                mean[f"{name} more than ours"] = float(more.mean())
                mean[f"{name} its standard error"] = float(more.std(ddof=1) / np.sqrt(len(more)))
            results[way][str(size)] = mean
    columns = [(way, size) for size in ("45", "90") for way in results]
    print(f"{'':36}" + "".join(f"{way + ' ' + size:>14}" for way, size in columns))
    for name in results["ours"]["45"]:
        print(f"{name:36}" + "".join(f"{results[w][s][name]:14.4f}" for w, s in columns))
    results["yaw of our views"] = turned_back(simulator, judges, fits)
    for size, figures in results["yaw of our views"].items():
        print(f"yaw {size}: " + ", ".join(f"{key} {value:.3f}" for key, value in figures.items()))
    found = {name: len(real[yaw]) for yaw, name in REAL.items()}
    print(f"{len(people)} people; real photos with a face found: {found}")
    if FLAGS.output:
        Path(FLAGS.output).write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run_app(main)
