"""How a refiner's faces fare as its training goes on, for trainings on few and on many people.

python -m benchmarks.refiner_curve --frll=FRLL --simulated=SIMULATED --test_people=... \
    --models=FEW,MORE,ALL --output=OUT

Every checkpoint of every training refines the views of the test people, whom none of them saw, and
all others. Judges that learned real from simulated on the others are asked about the views of each
checkpoint; "fresh" ones are trained anew on real and refined.
Writes `refiner_curve.json` and `refiner_curve.png`; FRLL is the Face Research Lab London Set
(DeBruine and Jones, 2017), CC BY 4.0. SIMULATED holds three-quarter views of all people.
"""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import matplotlib
import numpy as np
from absl import flags
from tqdm import tqdm

from benchmarks.frll_views import (
    Embedder,
    View,
    align_photos,
    layouts_of,
    load_images,
    load_views,
    people_of,
    smiling_gallery,
)
from dagan_tf.core.program import run_app
from dagan_tf.errors import DaganError
from dagan_tf.evaluation import comparison
from dagan_tf.evaluation.comparison import FaceSet
from dagan_tf.faces.photo_io import read_photo
from dagan_tf.metrics.resampling import Interval
from dagan_tf.reports.report import write_report
from dagan_tf.reports.sections import read_metrics
from dagan_tf.simulator.simulator import Simulator

FLAGS = flags.FLAGS
flags.DEFINE_string("frll", None, "Folder of the London Set.", required=True)
flags.DEFINE_string("simulated", None, "What trainer.simulate wrote, all people.", required=True)
flags.DEFINE_list("test_people", None, "People no training saw.", required=True)
flags.DEFINE_list("models", None, "Folders of trainings.", required=True)
flags.DEFINE_string("output", None, "Folder for the figures and the plot.", required=True)
flags.DEFINE_integer("every", 1, "Take only every so-manieth checkpoint, and the last.")

_SHOWN = {
    "AUC, conv, whole image": "AUC of a small CNN that knows simulated",
    "fresh AUC, conv, whole image": "AUC of one that knows refined",
    "kernel distance, dlib": "kernel distance, dlib",
    "kernel distance, MobileFaceNet": "kernel distance, MobileFaceNet",
    "dlib distance to three-quarter": "dlib distance, same person",
    "dlib rank-1": "dlib, rank-1",
}


class Bench:
    """The faces that every checkpoint is measured on."""

    def __init__(self) -> None:
        from dagan_tf.evaluation.conv_classifier import train_conv

        views = load_views(FLAGS.simulated)
        keys = {v.row.path: (v.real[0], f"{v.real[1]}_3quarter", v.real[2]) for v in views}
        strange = sorted(set(FLAGS.test_people) - {v.row.identity for v in views})
        if strange:
            raise DaganError(f"--test_people: {strange[0]!r} is not in {FLAGS.simulated}")
        self.size = read_photo(Path(FLAGS.simulated) / views[0].row.path).shape[0]
        simulator = Simulator(image_size=self.size)
        photos, crops, _ = align_photos(simulator, FLAGS.frll, list(keys.values()))
        views = [v for v in views if keys[v.row.path] in crops]
        self.test = [v for v in views if v.row.identity in FLAGS.test_people]
        self.train = [v for v in views if v.row.identity not in FLAGS.test_people]
        self.images = {id(part): load_images(FLAGS.simulated, part) for part in self._parts}
        models = os.environ.get("DAGAN_MODELS_DIR")
        file = Path(models or "") / "mobilefacenet" / "MobileFaceNet.tflite"
        self.embedder = Embedder(str(file) if models and file.is_file() else None)
        order = sorted({keys[v.row.path] for v in views})
        aligned = np.stack([crops[key] for key in order])
        sides = [-45.0 if key[1].startswith("left") else 45.0 for key in order]
        people = np.array([key[2] for key in order])
        real = FaceSet(aligned, people, self.embedder.embed("real", list(aligned), sides))
        self.real_test = real.of(FLAGS.test_people)
        self.real_train = real.of(np.unique(people_of(self.train)))
        simulated = FaceSet(self.images[id(self.train)], people_of(self.train), {})
        self.judges = comparison.train_judges(self.real_train, simulated, train_conv)
        whole = self.embedder.embed("photos", [photos[key] for key in order], sides)
        rows = [order.index(keys[v.row.path]) for v in self.test]
        self.same = {"three-quarter": {name: values[rows] for name, values in whole.items()}}
        self.gallery = smiling_gallery(FLAGS.frll, self.embedder)

    @property
    def _parts(self) -> tuple[list[View], list[View]]:
        return self.test, self.train

    def measure(self, refine: "keras.Model | None") -> dict[str, float]:  # type: ignore[name-defined] # noqa: F821
        """Figures of a refiner; None measures the simulated views themselves."""
        from dagan_tf.evaluation.conv_classifier import train_conv

        test, train = (_refined(refine, self.images[id(part)]) for part in self._parts)
        features = self.embedder.embed("faces", list(test), layouts_of(self.test))
        faces = FaceSet(test, people_of(self.test), features)
        fresh = self.judges
        if refine is not None:
            others = FaceSet(train, people_of(self.train), {})
            fresh = comparison.train_judges(self.real_train, others, train_conv)
        row = dict(comparison.pass_row(self.judges, self.real_test, faces))
        own = comparison.pass_row(fresh, self.real_test, faces)
        row |= {f"fresh {name}": value for name, value in own.items()}
        row |= comparison.distance_row(self.real_test, faces, self.real_train)
        row |= comparison.identity_row(faces, self.same, self.gallery)
        row["change, grey levels"] = float(
            np.abs(test.astype(float) - self.images[id(self.test)]).mean()
        )
        return {k: float(v.value if isinstance(v, Interval) else v) for k, v in row.items()}


def _refined(refiner: object, images: np.ndarray) -> np.ndarray:
    if refiner is None:
        return images
    answer = refiner.predict(  # type: ignore[attr-defined]
        images.astype(np.float32) / 127.5 - 1.0, batch_size=32, verbose=0
    )
    return np.rint((np.clip(answer, -1.0, 1.0) + 1.0) * 127.5).astype(np.uint8)


def _checkpoints(model_dir: str) -> Iterator[tuple[int, float, str]]:
    """Step, minutes of training (logging and checkpoints left out) and path, oldest first."""
    from dagan_tf.loop.checkpoints import list_checkpoints

    metrics = read_metrics(Path(model_dir) / "metrics.jsonl")
    seconds = np.cumsum(np.diff(metrics["images"], prepend=0.0) / metrics["images_per_second"])
    minutes = {0: 0.0} | {
        int(step): spent / 60.0 for step, spent in zip(metrics["step"], seconds, strict=True)
    }
    paths = sorted(list_checkpoints(model_dir), key=_step)
    for place, path in enumerate(paths):
        if place % FLAGS.every == FLAGS.every - 1 or path == paths[-1]:
            step = _step(path)
            near = min(minutes, key=lambda known: abs(known - step))
            yield step, minutes[near], path


def _step(path: str) -> int:
    return int(path.rsplit("-", 1)[1])


def _plot(results: dict[str, list[dict[str, float]]], path: Path) -> None:
    matplotlib.use("Agg")
    from matplotlib import pyplot

    shown = {key: title for key, title in _SHOWN.items() if key in next(iter(results.values()))[0]}
    figure, axes = pyplot.subplots(2, 3, figsize=(12, 6.5), layout="constrained")
    for axis, (key, title) in zip(axes.flat, shown.items(), strict=False):
        for name, rows in results.items():
            axis.plot(
                [row["minutes"] for row in rows], [row[key] for row in rows], "o-", label=name, ms=3
            )
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("minutes of training, two CPU cores")
    axes.flat[0].legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90)


def main(argv: list[str]) -> None:
    del argv
    from dagan_tf.loop.checkpoints import load_generator, read_identities

    bench = Bench()
    start = {"step": 0.0, "minutes": 0.0} | bench.measure(None)
    results: dict[str, list[dict[str, float]]] = {}
    for model_dir in FLAGS.models:
        people = len(read_identities(model_dir))
        name = f"{people} people"
        rows = results.setdefault(name if name not in results else f"{name}, {model_dir}", [start])
        for step, minutes, path in tqdm(list(_checkpoints(model_dir)), desc=model_dir):
            generator = load_generator(model_dir, checkpoint=path)
            rows.append({"step": step, "minutes": minutes} | bench.measure(generator))
    for name, rows in results.items():
        print(f"\n{name}\n| minutes | " + " | ".join(_SHOWN.values()) + " |")
        for row in rows:
            values = " | ".join(f"{row[key]:.3f}" for key in _SHOWN if key in row)
            print(f"| {row['minutes']:.1f} | {values} |")
    output = Path(FLAGS.output)
    write_report(output / "refiner_curve.json", json.dumps(results, indent=2) + "\n")
    _plot(results, output / "refiner_curve.png")
    print(output / "refiner_curve.png", file=sys.stderr)


if __name__ == "__main__":
    run_app(main)
