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
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
from absl import flags

from benchmarks.frll_noise import noise_row
from benchmarks.frll_outcome import CREDITS, better, outcome_section
from benchmarks.frll_views import (
    Embedder,
    View,
    align_photos,
    layouts_of,
    load_images,
    load_views,
    people_of,
    rows_of,
    smiling_gallery,
)
from dagan_tf.core.program import run_app
from dagan_tf.data.manifest import read_manifest
from dagan_tf.errors import DaganError
from dagan_tf.evaluation import comparison, kept
from dagan_tf.evaluation.comparison import FaceSet, Row
from dagan_tf.faces.photo_io import read_photo
from dagan_tf.metrics.pose_histogram import pose_histogram
from dagan_tf.metrics.resampling import Interval
from dagan_tf.reports.report import (
    Section,
    build_report,
    format_value,
    write_report,
)
from dagan_tf.reports.sections import (
    curves_section,
    pose_section,
    read_metrics,
    samples_section,
)
from dagan_tf.simulator.simulator import Simulator

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
flags.DEFINE_integer(
    "noise_draws",
    0,
    "Measure likeness so often again, each time with noise of one grey level (10 s a draw).",
)
flags.DEFINE_integer("samples", 12, "Rows of the sample grid: the first test people.")


flags.register_validator(
    "noise_draws", lambda draws: draws == 0 or draws > 1, "expected 0 or at least 2"
)


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
    gallery = smiling_gallery(FLAGS.frll, embedder)
    real_images = np.stack([crops[key] for key in keys])
    real = FaceSet(
        real_images,
        np.array([key[2] for key in keys]),
        embedder.embed("aligned real", list(real_images), [yaws[key[1]] for key in keys]),
    )
    tests = {}
    for name, folder in (("simulated", FLAGS.simulated), ("refined", FLAGS.refined)):
        images = load_images(folder, test)
        features = embedder.embed(name, list(images), layouts_of(test))
        tests[name] = FaceSet(images, people_of(test), features)
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

    own_photos = np.stack([crops[real_keys[v.row.path]] for v in test])
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
            row |= comparison.own_photo_row(faces, own_photos)
            found_yaws = kept.fitted_yaws(simulator.model, embedder.landmarks[name])
            row |= kept.pose_row(found_yaws, np.array([v.row.yaw for v in test]), faces.people)
            order = [real_keys[v.row.path] for v in test]
        # The gallery smiles: a view of a smiling photo would find its own source in it.
        neutral = np.array([key[0] == "neutral" for key in order])
        if not neutral.any():
            raise DaganError(f"{FLAGS.simulated}: no views of neutral_front, which identity needs")
        order = [key for key in order if key[0] == "neutral"]
        references = {
            "real three-quarter": rows_of(whole, keys, order),
            "real frontal": rows_of(fronts, front_keys, [(k[0], "front", k[2]) for k in order]),
        }
        row |= comparison.identity_row(faces.rows(neutral), references, gallery)
        if name == "refined":
            before = tests["simulated"].rows(neutral)
            row |= kept.leakage_row(before, faces.rows(neutral), gallery)
            row |= comparison.approach_row(before, faces.rows(neutral), references)
        if name != "real" and FLAGS.noise_draws:
            embed = partial(_embed_noisy, embedder, layouts_of(test))
            likeness = partial(
                _likeness,
                real=(real_test, real_train),
                neutral=neutral,
                references=references,
                gallery=gallery,
            )
            row |= noise_row(faces, FLAGS.noise_draws, embed, likeness)
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


def _test_people(views: Sequence[View]) -> set[str]:
    people = {view.row.identity for view in views}
    if FLAGS.test_people:
        strange = sorted(set(FLAGS.test_people) - people)
        if strange:
            raise DaganError(f"--test_people: {strange[0]!r} is not in {FLAGS.simulated}")
        return set(FLAGS.test_people)
    if not FLAGS.model_dir:
        raise DaganError("give --test_people, or --model_dir to take those it was not trained on")
    from dagan_tf.loop.checkpoints import read_identities

    return people - set(read_identities(FLAGS.model_dir))


def _embed_noisy(
    embedder: Embedder, layouts: list[float], images: np.ndarray
) -> dict[str, np.ndarray]:
    features = embedder.embed("noisy", list(images), layouts)
    # How its landmarks were found is no fact about the faces.
    del embedder.ways["noisy"], embedder.landmarks["noisy"]
    return features


def _likeness(
    faces: FaceSet,
    real: tuple[FaceSet, FaceSet],
    neutral: np.ndarray,
    references: dict[str, dict[str, np.ndarray]],
    gallery: FaceSet,
) -> Row:
    row = comparison.distance_row(real[0], faces, real[1], list(faces.embeddings))
    return row | comparison.identity_row(faces.rows(neutral), references, gallery)


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
    back = None
    if FLAGS.model_dir:
        from dagan_tf.evaluation.reconstruction import reconstruct

        back = reconstruct(FLAGS.model_dir, tests["refined"].images[places])
    columns = ["photo", "simulated", "refined", "real photo"]
    if back is not None:
        columns.insert(3, "reconstruction")
    rows = []
    for number, place in enumerate(places):
        row = test[place].row
        images = [
            crops[frontal[row.path]],
            tests["simulated"].images[place],
            tests["refined"].images[place],
            crops[real_keys[row.path]],
        ]
        if back is not None:
            images.insert(3, back[number])
        rows.append((f"{row.identity} at {row.yaw:+.0f}°", images))
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
        [outcome_section(columns, gains, rows, facts), *sections],
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


if __name__ == "__main__":
    run_app(main)
