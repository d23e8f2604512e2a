"""Are refined faces nearer to real three-quarter photos than simulated ones, and still the same
people? On people the refiner never saw; writes a table, `frll_refiner.json` and `report.html`.

python -m trainer.simulate --photos=FRLL --layout=frll --include='*_front/*' --output=SIMULATED \
    --yaws=-45,45 --image_size=64
python -m trainer.refine --model=BASE --input=SIMULATED --output=REFINED
python -m benchmarks.frll_refiner --frll=FRLL --simulated=SIMULATED --refined=REFINED \
    --test_people=... --model_dir=MODEL_DIR --output=OUT

FRLL is the Face Research Lab London Set (DeBruine and Jones, 2017), CC BY 4.0. All that is learned
here is learned from the people not named in --test_people.
"""

import json
import os
import shlex
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from absl import flags
from tqdm import tqdm

from benchmarks.frll import expression, real_photos, side
from dagan_tf.data.manifest import ManifestRow, read_manifest
from dagan_tf.data.pose_histogram import pose_histogram
from dagan_tf.errors import DaganError
from dagan_tf.evaluation import comparison, kept
from dagan_tf.evaluation.comparison import FaceSet, Row
from dagan_tf.evaluation.layout import locate_faces
from dagan_tf.evaluation.plots import plot_bars
from dagan_tf.evaluation.report import (
    Block,
    Chart,
    Measurement,
    Section,
    Table,
    build_report,
    format_value,
    write_report,
)
from dagan_tf.evaluation.resampling import Interval
from dagan_tf.evaluation.sections import (
    curves_section,
    pose_section,
    read_metrics,
    samples_section,
)
from dagan_tf.faces.embedding import FaceEmbedder
from dagan_tf.faces.face import FaceFinder
from dagan_tf.faces.photo_io import read_photo
from dagan_tf.simulator.simulator import Simulator
from trainer.flags import run_app

FLAGS = flags.FLAGS
flags.DEFINE_string("frll", None, "Folder of the London Set.", required=True)
flags.DEFINE_string("output", None, "Folder for the table and the report.", required=True)
flags.DEFINE_string("simulated", None, "What trainer.simulate wrote, all people.", required=True)
flags.DEFINE_string(
    "refined", None, "What trainer.refine wrote, at least test people.", required=True
)
flags.DEFINE_list("test_people", None, "People the refiner never saw; others are for training.")
flags.DEFINE_string("model_dir", None, "Of the training, for curves and reconstructions.")
flags.DEFINE_string(
    "mobilefacenet",
    None,
    "TFLite file; default $DAGAN_MODELS_DIR/mobilefacenet/MobileFaceNet.tflite.",
)
flags.DEFINE_bool("conv", True, "Also train convolutional judges (a minute or so).")
flags.DEFINE_integer("samples", 12, "Rows of the sample grid: the first test people.")

# Beginning of a measure's name -> is more better? Others are neither.
BETTER_HIGHER = {
    "two-sample": False,
    "pass as real": True,
    "AUC": False,
    "fresh AUC": False,
    "kernel distance": False,
    "Fréchet distance": False,
    "dlib distance": False,
    "MobileFaceNet distance": False,
    "dlib rank-1": True,
    "MobileFaceNet rank-1": True,
    "yaw error": False,
}
CREDITS = (
    "Photos: Face Research Lab London Set (DeBruine and Jones, 2017, doi "
    "10.6084/m9.figshare.5047666.v5), CC BY 4.0; cropped, turned and refined here.",
    "Landmarks and the 128-D embedding: dlib's models; the 68-point model was trained on iBUG "
    "300-W, which is not for commercial use. MobileFaceNet (192-D) was used for measuring only.",
)


Photos: TypeAlias = dict[tuple[str, str, str], np.ndarray]


@dataclass(frozen=True)
class View:
    """A simulated view and the real photo it should look like, (expression, side, person)."""

    row: ManifestRow
    real: tuple[str, str, str]


class Embedder:
    """All networks at once, over landmarks found in each face."""

    def __init__(self, mobilefacenet: str | None) -> None:
        self.finder = FaceFinder()
        self.networks = {"dlib": FaceEmbedder().embed}
        if mobilefacenet:
            from dagan_tf.evaluation.mobilefacenet import MobileFaceNet

            self.networks["MobileFaceNet"] = MobileFaceNet(mobilefacenet).embed
        self.ways: dict[str, dict[str, int]] = {}
        self.landmarks: dict[str, list[np.ndarray | None]] = {}  # None: no detector found the face

    def embed(
        self, what: str, images: Sequence[np.ndarray], layouts: Sequence[float]
    ) -> dict[str, np.ndarray]:
        located = locate_faces(tqdm(images, desc=f"find {what}", unit="face"), layouts, self.finder)
        self.ways[what] = dict(Counter(located.ways.tolist()))
        self.landmarks[what] = [
            None if way == "mean layout" else points
            for way, points in zip(located.ways, located.landmarks, strict=True)
        ]
        return {
            name: np.stack(
                [
                    embed(image, points)
                    for image, points in zip(
                        tqdm(images, desc=f"{name} of {what}", unit="face"),
                        located.landmarks,
                        strict=True,
                    )
                ]
            )
            for name, embed in self.networks.items()
        }


def load_views(folder: str) -> list[View]:
    """The three-quarter views of a simulated or refined folder, in order of their path."""
    rows = sorted(read_manifest(folder), key=lambda row: row.path)
    views = []
    for row in rows:
        towards = side(row.yaw)
        if towards:
            views.append(View(row, (expression(row), towards, row.identity)))
    if not views:
        raise DaganError(f"{folder}: no three-quarter views (yaw -45 or +45)")
    return views


def load_images(folder: str, views: Sequence[View]) -> np.ndarray:
    return np.stack([read_photo(Path(folder) / view.row.path) for view in views])


def people_of(views: Sequence[View]) -> np.ndarray:
    return np.array([view.row.identity for view in views])


def align_photos(
    simulator: Simulator, frll: str, wanted: Sequence[tuple[str, str, str]]
) -> tuple[Photos, Photos, dict[tuple[str, str, str], float]]:
    """Real photos as they are, in the canonical frame, and their fitted yaw in degrees; those
    without a usable face are left out."""
    paths = {
        (mood, angle, person): item.path
        for mood, angle in sorted({key[:2] for key in wanted})
        for person, item in real_photos(frll, f"{mood}_{angle}").items()
    }
    photos, crops, yaws = {}, {}, {}
    for key in tqdm(sorted(set(wanted)), desc="align real", unit="photo"):
        if key not in paths:
            raise DaganError(f"{frll}: person {key[2]!r} has no photo {key[0]}_{key[1]}")
        photo = read_photo(paths[key])
        try:
            crops[key], fit = simulator.align(photo)
        except DaganError as error:
            print(f"left out {paths[key]}: {error}", file=sys.stderr)
            continue
        photos[key], yaws[key] = photo, fit.pose.yaw
    return photos, crops, yaws


def measure() -> tuple[dict[str, Row], Row, dict[str, object], list[Section]]:
    """All figures: the columns of the table, the gains, facts about the run, report sections."""
    views = load_views(FLAGS.simulated)
    refined_paths = {view.row.path for view in load_views(FLAGS.refined)}
    test_people = _test_people(views)
    real_keys = {
        view.row.path: (view.real[0], f"{view.real[1]}_3quarter", view.real[2]) for view in views
    }
    size = read_photo(Path(FLAGS.simulated) / views[0].row.path).shape[0]
    frontal = {view.row.path: (view.real[0], "front", view.real[2]) for view in views}

    simulator = Simulator(image_size=size)
    photos, crops, fitted_yaws = align_photos(
        simulator, FLAGS.frll, [*real_keys.values(), *frontal.values()]
    )
    views = [v for v in views if real_keys[v.row.path] in crops and frontal[v.row.path] in crops]
    test = [v for v in views if v.row.identity in test_people]
    train = [v for v in views if v.row.identity not in test_people]
    absent = [v.row.path for v in test if v.row.path not in refined_paths]
    if absent:
        raise DaganError(f"{FLAGS.refined}: {absent[0]} of a test person is not refined")
    if not train or not test:
        raise DaganError(f"{len(train)} views of training people and {len(test)} of test people")

    embedder = Embedder(_mobilefacenet())
    keys = sorted({real_keys[v.row.path] for v in views})
    yaws = {"left_3quarter": -45.0, "right_3quarter": 45.0}
    whole = embedder.embed(
        "real photos", [photos[key] for key in keys], [yaws[key[1]] for key in keys]
    )
    front_keys = sorted({frontal[v.row.path] for v in test})
    fronts = embedder.embed(
        "frontal photos", [photos[key] for key in front_keys], [0.0] * len(front_keys)
    )
    gallery_items = real_photos(FLAGS.frll, "smiling_front")
    gallery_images = [read_photo(item.path) for item in gallery_items.values()]
    gallery = FaceSet(
        np.zeros((len(gallery_images), 8, 8, 3), np.uint8),
        np.array(list(gallery_items)),
        embedder.embed("gallery", gallery_images, [0.0] * len(gallery_images)),
    )
    real_images = np.stack([crops[key] for key in keys])
    real = FaceSet(
        real_images,
        np.array([key[2] for key in keys]),
        embedder.embed("aligned real", list(real_images), [yaws[key[1]] for key in keys]),
    )
    tests = {}
    for name, folder in (("simulated", FLAGS.simulated), ("refined", FLAGS.refined)):
        images = load_images(folder, test)
        layouts = [v.row.yaw for v in test]
        tests[name] = FaceSet(images, people_of(test), embedder.embed(name, list(images), layouts))
    train_people = np.unique(people_of(train))
    real_train, real_test = real.of(train_people), real.of(sorted(test_people))
    simulated_train = FaceSet(load_images(FLAGS.simulated, train), people_of(train), {})

    conv = None
    if FLAGS.conv:
        from dagan_tf.evaluation.conv_classifier import train_conv as conv
    judges = comparison.train_judges(real_train, simulated_train, conv)
    own_judges = {"simulated": judges}
    refined_train = [v for v in train if v.row.path in refined_paths]
    if refined_train:
        faces = FaceSet(load_images(FLAGS.refined, refined_train), people_of(refined_train), {})
        own_judges["refined"] = comparison.train_judges(real_train, faces, conv)

    columns: dict[str, Row] = {}
    for name, faces in (*tests.items(), ("real", real_test)):
        row = dict(comparison.pass_row(judges, real_test, faces))
        if name in own_judges:
            own = comparison.pass_row(own_judges[name], real_test, faces)
            row |= {f"fresh {k}": v for k, v in own.items() if k.startswith("AUC")}
        if name == "real":
            row |= comparison.distance_row(real_test, real_train, real_train)
            order = [k for k in keys if k[2] in test_people]
        else:
            row |= comparison.two_sample_row(real_test, faces)
            row |= comparison.distance_row(real_test, faces, real_train)
            row |= comparison.change_row(faces, tests["simulated"])
            found_yaws = kept.fitted_yaws(simulator.model, embedder.landmarks[name])
            row |= kept.pose_row(found_yaws, np.array([v.row.yaw for v in test]), faces.people)
            order = [real_keys[v.row.path] for v in test]
        # The gallery smiles: a view of a smiling photo would find its own source in it.
        neutral = np.array([key[0] == "neutral" for key in order])
        if not neutral.any():
            raise DaganError(f"{FLAGS.simulated}: no views of neutral_front, which identity needs")
        order = [key for key in order if key[0] == "neutral"]
        references = {
            "real three-quarter": _rows(whole, keys, order),
            "real frontal": _rows(fronts, front_keys, [(k[0], "front", k[2]) for k in order]),
        }
        row |= comparison.identity_row(faces.rows(neutral), references, gallery)
        if name == "refined":
            before = tests["simulated"].rows(neutral)
            row |= kept.leakage_row(before, faces.rows(neutral), gallery)
        columns[name] = row
    gains: Row = {
        space: comparison.kernel_gain(
            real_test, tests["simulated"], tests["refined"], real_train, space
        )
        for space in (*real.embeddings, *comparison.FEATURES)
    }
    facts: dict[str, object] = {
        "image size": size,
        "training people": len(train_people),
        "test people": len(test_people),
        "test views": len(test),
        "real test photos": len(real_test.images),
        "real training photos": len(real_train.images),
        "gallery": len(gallery.people),
        "landmarks found by": embedder.ways,
    }
    sections = _samples(test, tests, crops, frontal, real_keys) + _training(
        [fitted_yaws[key] for key in sorted({frontal[v.row.path] for v in views})]
    )
    return columns, gains, facts, sections


def _rows(
    embeddings: dict[str, np.ndarray],
    keys: Sequence[tuple[str, str, str]],
    wanted: Sequence[tuple[str, str, str]],
) -> dict[str, np.ndarray]:
    places = {key: place for place, key in enumerate(keys)}
    index = [places[key] for key in wanted]
    return {name: values[index] for name, values in embeddings.items()}


def _test_people(views: Sequence[View]) -> set[str]:
    people = {view.row.identity for view in views}
    if FLAGS.test_people:
        strange = sorted(set(FLAGS.test_people) - people)
        if strange:
            raise DaganError(f"--test_people: {strange[0]!r} is not in {FLAGS.simulated}")
        return set(FLAGS.test_people)
    if not FLAGS.model_dir:
        raise DaganError("give --test_people, or --model_dir to take those it was not trained on")
    from dagan_tf.training.checkpoints import read_identities

    return people - set(read_identities(FLAGS.model_dir))


def _mobilefacenet() -> str | None:
    folder = os.environ.get("DAGAN_MODELS_DIR")
    default = Path(folder or "") / "mobilefacenet" / "MobileFaceNet.tflite"
    return FLAGS.mobilefacenet or (str(default) if folder and default.is_file() else None)


def _samples(
    test: Sequence[View],
    tests: dict[str, FaceSet],
    crops: dict[tuple[str, str, str], np.ndarray],
    frontal: dict[str, tuple[str, str, str]],
    real_keys: dict[str, tuple[str, str, str]],
) -> list[Section]:
    first: dict[str, int] = {}
    for place, view in enumerate(test):
        # Left and right in turn; of each person the first such view, whatever it looks like.
        if view.row.identity not in first and (view.row.yaw > 0) == bool(len(first) % 2):
            first[view.row.identity] = place
    places = list(first.values())[: FLAGS.samples]
    reconstructions: list[np.ndarray | None] = [None] * len(places)
    columns = ["photo", "simulated", "refined", "reconstruction", "real photo"]
    if FLAGS.model_dir:
        from dagan_tf.evaluation.reconstruction import reconstruct

        reconstructions = list(reconstruct(FLAGS.model_dir, tests["refined"].images[places]))
    rows = []
    for place, reconstruction in zip(places, reconstructions, strict=True):
        row = test[place].row
        images = [
            crops[frontal[row.path]],
            tests["simulated"].images[place],
            tests["refined"].images[place],
            reconstruction,
            crops[real_keys[row.path]],
        ]
        if not FLAGS.model_dir:
            images.pop(3)
        rows.append((f"{row.identity} at {row.yaw:+.0f}°", images))
    if not FLAGS.model_dir:
        columns.pop(3)
    caption = (
        "The first test people in the order of their names, left and right in turn; none was "
        "picked by its looks. The real photo is of the same person and was not used for the view."
    )
    return [samples_section(rows, columns=columns, caption=caption)]


def _training(frontal_yaws: Sequence[float]) -> list[Section]:
    sections = []
    if FLAGS.model_dir and (Path(FLAGS.model_dir) / "metrics.jsonl").exists():
        sections.append(curves_section(read_metrics(Path(FLAGS.model_dir) / "metrics.jsonl")))
    turned = [row.yaw for row in read_manifest(FLAGS.refined)]
    before = pose_histogram(frontal_yaws)
    after = pose_histogram([*frontal_yaws, *turned])
    sections.append(pose_section(before, after))
    return sections


def better(name: str, columns: dict[str, Row]) -> str:
    """ "yes" or "no": is the refined figure the better one; "" where neither is better."""
    kinds = [kind for kind in BETTER_HIGHER if name.startswith(kind)]
    before, after = (columns[column].get(name) for column in ("simulated", "refined"))
    if not kinds or before is None or after is None:
        return ""
    a, b = (v.value if isinstance(v, Interval) else v for v in (before, after))
    if a == b:
        return "equal"
    return "yes" if (b > a) == BETTER_HIGHER[kinds[0]] else "no"


def main(argv: list[str]) -> None:
    del argv
    columns, gains, facts, sections = measure()
    names = list(dict.fromkeys(name for row in columns.values() for name in row))
    rows = [
        [name, *(columns[column].get(name) for column in columns), better(name, columns)]
        for name in names
    ]
    width = max(map(len, names)) + 2
    print(f"{'':{width}}" + "".join(f"{column:>26}" for column in [*columns, "refined better"]))
    for name, *values in rows:
        print(f"{name:{width}}" + "".join(f"{format_value(value):>26}" for value in values))
    print("\nkernel distance of simulated minus refined (> 0: refining helped)")
    for space, gain in gains.items():
        print(f"{space:{width}}{format_value(gain):>26}")

    command = shlex.join(["python", "-m", "benchmarks.frll_refiner", *sys.argv[1:]])
    output = Path(FLAGS.output)
    page = build_report(
        [_outcome(columns, gains, rows, facts), *sections],
        title="DA-GAN on the London Set: simulated and refined against real",
        summary=(
            f"{facts['test views']} three-quarter views of {facts['test people']} people the "
            f"refiner never saw, at {facts['image size']} pixels, held against real photos of "
            f"the same people. The set is small: read the intervals (95 %, over people)."
        ),
        commands=[command],
        credits=CREDITS,
    )
    write_report(output / "report.html", page)
    numbers = {
        "facts": facts,
        "columns": {name: _plain(row) for name, row in columns.items()},
        "kernel gain": _plain(gains),
    }
    write_report(output / "frll_refiner.json", json.dumps(numbers, indent=2) + "\n")
    print(f"\n{output / 'report.html'}", file=sys.stderr)


def _plain(row: Row) -> dict[str, object]:
    return {k: asdict(v) if isinstance(v, Interval) else v for k, v in row.items()}


def _outcome(
    columns: dict[str, Row], gains: Row, rows: list[list], facts: dict[str, object]
) -> Section:
    verdicts = Counter(row[-1] for row in rows if row[-1])
    table = Table(
        ["measure", *columns, "refined better"],
        rows,
        "Real: photos of the test people before the same judges; its distances are to photos of "
        "the training people, so in the spaces of identity networks they also hold the "
        "difference between people. Pass as real: judges trained once, on real and simulated "
        "faces of the training people. They are easily fooled by whatever the simulated faces "
        "all share: to add the mean difference between real and simulated faces is enough. "
        "Fresh AUC: judges trained on real faces and the column's own kind, which know the "
        "refiner's own marks; the harder test. Two-sample: cross-validated by person on the test "
        "people alone. Identity is measured on views of neutral photos, rank-1 against "
        "everybody's smiling frontal photo. Margins still tell degrees where an AUC is 1. Kernel "
        "and Fréchet distances are on features standardised by real photos of the training "
        "people; they are neither KID nor FID.",
    )
    blocks: list[Block] = []
    for judge in [name for name in columns["real"] if name.startswith("pass as real")]:
        bars = {
            column: (row[judge].value, row[judge].low, row[judge].high)
            for column, row in columns.items()
        }
        blocks.append(Chart(judge[0].upper() + judge[1:], plot_bars(bars, x_label="share")))
    measurements = [
        Measurement(
            f"Gain in kernel distance, {space}",
            gain,
            "",
            "simulated minus refined, both to real; above 0 = refining brought faces nearer",
        )
        for space, gain in gains.items()
    ]
    text = (
        f"Of {sum(verdicts.values())} measures that know a better side, the refined faces are "
        f"better on {verdicts['yes']}, worse on {verdicts['no']}. Trained on "
        f"{facts['training people']} people, {facts['real training photos']} real photos."
    )
    return Section("Outcome", text, measurements, [table, *blocks])


if __name__ == "__main__":
    run_app(main)
