"""How long `trainer.recognise` takes on many people, fine-tuned, and in how much memory.

python -m benchmarks.recogniser_speed --backbone=MobileFaceNet.tflite [--people=450] [--photos=10]
    [--views=40] [--steps=2000] [--real=DIR --layout=frll] [--synthetic=DIR] [--parts=LIST]
    [--whole]

Makes up crops of that number (noise: what they show costs nothing), measures how fast the frozen
layers go through --sample of them and a steady stretch of the training on all of them, and prints,
part by part, seconds on the clock and of the processor, what all of it would take, and the most
memory held. --real's photos are aligned for the crops of real photos, --synthetic's views, made by
trainer.simulate, for theirs. --whole does all that it projects; --parts some of crops, layers,
training. Where other work is running the clock says little: then processor seconds, divided by the
cores, are what a quiet machine would need at best.
"""

import os
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from absl import flags

from dagan_tf.core.program import run_app
from dagan_tf.data.manifest import MANIFEST_NAME, read_manifest
from dagan_tf.errors import DaganError

if TYPE_CHECKING:
    from dagan_tf.recognition.config import RecogniserConfig
    from dagan_tf.recognition.crops import ImageRow
    from dagan_tf.recognition.sampling import TrainingSet
    from dagan_tf.recognition.stacked import Stacked

FLAGS = flags.FLAGS
flags.DEFINE_string("backbone", None, "MobileFaceNet's TFLite file.", required=True)
flags.DEFINE_integer("people", 450, "People.")
flags.DEFINE_integer("photos", 10, "Real photos of each.")
flags.DEFINE_integer("views", 40, "Synthetic views of each.")
flags.DEFINE_integer("steps", 2000, "Steps of the training.")
flags.DEFINE_multi_string("set", [], "As of trainer.recognise, over the preset mobilefacenet.")
flags.DEFINE_integer("sample", 512, "Crops that the frozen layers are timed on.")
flags.DEFINE_integer("stretch", 80, "Steps that are timed, a quarter of them to warm up.")
flags.DEFINE_bool("whole", False, "Time everything, nothing projected.")
flags.DEFINE_string("real", None, "Folder of photos to align a sample of.")
flags.DEFINE_string("layout", "frll", "How it is laid out.")
flags.DEFINE_string("synthetic", None, "Folder of views to align a sample of.")
flags.DEFINE_list("parts", ["crops", "layers", "training"], "What is measured.")
flags.DEFINE_integer("workers", 2, "Processes that align.")
flags.DEFINE_string("folder", None, "Where the made-up crops go; by default a temporary folder.")

_CHUNK = 500
# Photos, and views, that are aligned as a sample.
_ALIGNED = 400


class Cost(NamedTuple):
    """Seconds on the clock and of the processor, this process's and its children's."""

    clock: float
    processor: float

    def times(self, factor: float) -> "Cost":
        """So many times as much."""
        return Cost(self.clock * factor, self.processor * factor)


def cost_of(work: Callable[[], object]) -> Cost:
    """What a call costs; children count as far as they have ended."""

    def processor() -> float:
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(one.ru_utime + one.ru_stime for one in used)

    clock, before = time.monotonic(), processor()
    work()
    return Cost(time.monotonic() - clock, processor() - before)


def made_up_crops(folder: Path, count: int, size: int) -> np.ndarray:
    """(count, size, size, 3) uint8 noise on disk, as a store of crops has it."""
    from dagan_tf.recognition.crops import CROPS_NAME

    folder.mkdir(parents=True, exist_ok=True)
    crops = np.lib.format.open_memmap(
        folder / CROPS_NAME, mode="w+", dtype=np.uint8, shape=(count, size, size, 3)
    )
    noise = np.random.default_rng(0).integers(0, 256, (_CHUNK, size, size, 3), dtype=np.uint8)
    for start in range(0, count, _CHUNK):
        crops[start : start + _CHUNK] = np.roll(noise, start, axis=1)[: count - start]
    crops.flush()
    return np.load(folder / CROPS_NAME, mmap_mode="r")


def align_costs(folder: Path) -> dict[str, Cost]:
    """What a photo, and a view, costs to align, as far as there are some, by all workers."""
    from dagan_tf.recognition.config import CropConfig
    from dagan_tf.recognition.crops import make_crops
    from dagan_tf.recognition.people import list_training

    settings = CropConfig(image_size=112, alignment="five_points")
    faces = list_training(FLAGS.real, FLAGS.layout)
    some = faces[:: max(1, len(faces) // _ALIGNED)][:_ALIGNED]

    def align(name: str, number: int, views: dict[str, Path]) -> None:
        make_crops(
            some[:number], views, folder / name, settings, workers=FLAGS.workers, progress=False
        )

    # The first time compiles; the workers' beginning is taken off below.
    align("first", 4, {})
    least = cost_of(lambda: align("least", 2, {}))
    whole = cost_of(lambda: align("some", len(some), {}))
    found = {"photo": _less(whole, least).times(1.0 / (len(some) - 2))}
    if FLAGS.synthetic:
        shown = sample_of_views(Path(FLAGS.synthetic), folder / "views", _ALIGNED)
        both = cost_of(lambda: align("least", 2, {"simulated": folder / "views"}))
        found["view"] = _less(both, least).times(1.0 / shown)
    return found


def _less(whole: Cost, part: Cost) -> Cost:
    return Cost(*(max(1e-6, a - b) for a, b in zip(whole, part, strict=True)))


def sample_of_views(folder: Path, output: Path, count: int) -> int:
    """Links some views of a folder, evenly chosen; returns how many."""
    rows = read_manifest(folder)
    chosen = set(range(0, len(rows), max(1, len(rows) // count)))
    header, *lines = (folder / MANIFEST_NAME).read_text("utf-8").splitlines(keepends=True)
    output.mkdir()
    kept = [line for number, line in enumerate(lines) if number in chosen]
    (output / MANIFEST_NAME).write_text("".join([header, *kept]), "utf-8")
    for number in chosen:
        link = output / rows[number].path
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to((folder / rows[number].path).resolve())
    return len(kept)


def crops_part(folder: Path, say: Callable[[str, Cost, int], None]) -> None:
    """Aligns samples and says what all would cost."""
    numbers = {"photo": FLAGS.photos, "view": FLAGS.views}
    for name, cost in align_costs(folder).items():
        print(f"crops: {1 / cost.clock:.1f} {name}s a second, {FLAGS.workers} processes")
        number = FLAGS.people * numbers[name]
        say(f"crops of {number} {name}s", cost.times(number), number)


def layers_part(
    root: Path,
    images: np.ndarray,
    rows: "list[ImageRow]",
    config: "RecogniserConfig",
    say: Callable[[str, Cost, int], None],
) -> "Stacked":
    """What the frozen layers give: of all with --whole, else of the sample."""
    from dagan_tf.recognition.crops import Crops, Store
    from dagan_tf.recognition.features import frozen_layers

    points = np.zeros((len(rows), 68, 2), np.float32)

    def layers(number: int, mark: str) -> "Stacked":
        store = Store(root / "crops", mark, images[:number], points, rows[:number])
        return frozen_layers(Crops([store]), config.network)

    seen = len(rows) if FLAGS.whole else FLAGS.sample
    begun = cost_of(lambda: layers(8, "first"))  # Builds and traces.
    kept: list[Stacked] = []
    cost = _less(cost_of(lambda: kept.append(layers(seen, "timed"))), begun).times(1.0 / seen)
    print(f"frozen layers: {1 / cost.clock:.1f} images and their mirror images a second")
    say(f"frozen layers of {len(rows)} images", cost.times(len(rows)), len(rows))
    return kept[0]


def training_part(
    root: Path, data: "TrainingSet", steps: int, say: Callable[[str, Cost, int], None]
) -> None:
    """Trains the steps, or with no --whole a stretch of them, after a shorter one to begin with."""
    from dagan_tf.recognition.training import train_recogniser

    least, most = max(8, FLAGS.stretch // 4), steps if FLAGS.whole else FLAGS.stretch
    begun = cost_of(lambda: train_recogniser(_config(least), data, root / "first", verbose=False))
    cost = cost_of(lambda: train_recogniser(_config(most), data, root / "run", verbose=FLAGS.whole))
    a_step = _less(cost, begun).times(1.0 / (most - least))
    batch = _config(most).training.batch_size
    print(f"training: {1 / a_step.clock:.2f} steps and {batch / a_step.clock:.0f} images a second")
    start = _less(begun, a_step.times(least))
    say(f"{steps} steps", Cost(*(s + steps * o for s, o in zip(start, a_step, strict=True))), steps)


def _config(steps: int) -> "RecogniserConfig":
    from dagan_tf.recognition.config import load_recogniser_config

    return load_recogniser_config(
        "mobilefacenet",
        [f"network.backbone={FLAGS.backbone}", *FLAGS.set, f"training.steps={steps}"],
    )


def main(argv: list[str]) -> None:
    del argv
    from dagan_tf.loop.callbacks import peak_memory_mb
    from dagan_tf.recognition.crops import ImageRow
    from dagan_tf.recognition.sampling import TrainingSet

    unknown = set(FLAGS.parts) - {"crops", "layers", "training"}
    if unknown:
        raise DaganError(f"--parts: {min(unknown)!r}; expected some of crops, layers, training")
    if "crops" in FLAGS.parts and not FLAGS.real:
        raise DaganError("--parts with crops: expected --real, a folder of photos to align")
    config = _config(FLAGS.steps)
    each = FLAGS.photos + FLAGS.views
    count = FLAGS.people * each
    total = Cost(0.0, 0.0)

    def say(name: str, cost: Cost, number: int) -> None:
        nonlocal total
        total = Cost(total.clock + cost.clock, total.processor + cost.processor)
        print(
            f"{name}: {cost.clock / 60:.1f} min on the clock, {cost.processor / 60:.1f} of the"
            f" processor ({1000 * cost.processor / number:.1f} ms each),"
            f" {peak_memory_mb():.0f} MB at most until now, load {os.getloadavg()[0]:.1f}",
            flush=True,
        )

    with tempfile.TemporaryDirectory(dir=FLAGS.folder) as scratch:
        root = Path(scratch)
        if "crops" in FLAGS.parts:
            crops_part(root / "aligned", say)
        images = made_up_crops(root / "crops", count, config.crops.image_size)
        rows = [
            ImageRow(
                str(number),
                str(number // each),
                90.0 * (number % 2),
                "real" if number % each < FLAGS.photos else "simulated",
            )
            for number in range(count)
        ]
        values: np.ndarray | Stacked = images
        if config.network.frozen and {"layers", "training"} & set(FLAGS.parts):
            values = layers_part(root, images, rows, config, say)
            gigabytes = count * np.prod(values.shape[1:]) * values.dtype.itemsize / 1e9
            print(f"they take {gigabytes:.2f} GB on disk, read by rows")
            if len(values) < count:
                # As many as there would be, not one of them computed.
                shape = (count, *values.shape[1:])
                values = np.lib.format.open_memmap(
                    root / "values.npy", mode="w+", dtype=values.dtype, shape=shape
                )
        if "training" in FLAGS.parts:
            data = TrainingSet(
                values,
                np.arange(count),
                np.array([row.identity for row in rows]),
                np.array([row.yaw for row in rows]),
                np.array([row.kind == "simulated" for row in rows]),
            )
            training_part(root, data, FLAGS.steps, say)
    print(
        f"total {total.clock / 60:.1f} min on the clock, {total.processor / 60:.1f} of the"
        f" processor{'' if FLAGS.whole else ' (projected)'}, most memory {peak_memory_mb():.0f} MB"
    )


if __name__ == "__main__":
    run_app(main, uses_tensorflow=True)
