"""How long `trainer.recognise` takes on many people, fine-tuned, and in how much memory.

python -m benchmarks.recogniser_speed --backbone=MobileFaceNet.tflite [--people=450] [--photos=10]
    [--views=40] [--steps=2000] [--real=DIR --layout=frll] [--whole]

Makes up crops of that number (noise: what they show costs nothing), measures how fast the frozen
layers go through --sample of them and a steady stretch of the training on all of them, and prints
images and steps a second, the time that all of it would take, and the most memory held. With
--real the photos of a folder are aligned for the first part; --whole does all that it projects.
"""

import json
import tempfile
import time
from pathlib import Path

import numpy as np
from absl import flags

from dagan_tf.core.program import run_app

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
flags.DEFINE_integer("workers", 2, "Processes that align.")
flags.DEFINE_string("folder", None, "Where the made-up crops go; by default a temporary folder.")

_CHUNK = 500


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


def align_seconds(folder: Path) -> float:
    """Seconds a photo, of every pose in the folder's share, by all workers."""
    from dagan_tf.recognition.config import CropConfig
    from dagan_tf.recognition.crops import make_crops
    from dagan_tf.recognition.people import list_training

    faces = list_training(FLAGS.real, FLAGS.layout)
    some = faces[:: max(1, len(faces) // 64)][:64]
    settings = CropConfig(image_size=112, alignment="five_points")
    # The first time starts the workers and compiles.
    make_crops(some[:4], {}, folder / "first", settings, workers=FLAGS.workers, progress=False)
    began = time.monotonic()
    make_crops(some, {}, folder / "some", settings, workers=FLAGS.workers, progress=False)
    return (time.monotonic() - began) / len(some)


def step_seconds(log: Path, batch_size: int) -> float:
    """Median of the log's lines after the first, which has the tracing in it."""
    lines = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    return batch_size / float(np.median([line["images_per_second"] for line in lines[1:]]))


def main(argv: list[str]) -> None:
    del argv
    from dagan_tf.loop.callbacks import peak_memory_mb
    from dagan_tf.recognition.config import load_recogniser_config
    from dagan_tf.recognition.crops import Crops, ImageRow, Store
    from dagan_tf.recognition.features import frozen_layers
    from dagan_tf.recognition.sampling import TrainingSet
    from dagan_tf.recognition.stacked import Stacked
    from dagan_tf.recognition.training import train_recogniser

    whole, total_steps = FLAGS.whole, FLAGS.steps
    steps = total_steps if whole else FLAGS.stretch
    config = load_recogniser_config(
        "mobilefacenet",
        [
            f"network.backbone={FLAGS.backbone}",
            *FLAGS.set,
            f"training.steps={steps}",
            f"training.log_every={max(1, min(steps, FLAGS.stretch) // 4)}",
        ],
    )
    each = FLAGS.photos + FLAGS.views
    count = FLAGS.people * each
    parts: list[tuple[str, float]] = []
    with tempfile.TemporaryDirectory(dir=FLAGS.folder) as scratch:
        root = Path(scratch)
        if FLAGS.real:
            a_photo = align_seconds(root / "aligned")
            number = FLAGS.people * FLAGS.photos
            print(f"aligning: {1 / a_photo:.1f} photos a second, {FLAGS.workers} processes")
            parts.append((f"aligning {number} photos", number * a_photo))
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
        points = np.zeros((count, 68, 2), np.float32)
        values: np.ndarray | Stacked = images
        if config.network.frozen:
            seen = count if whole else FLAGS.sample

            def layers(number: int, mark: str) -> Stacked:
                store = Store(root / "crops", mark, images[:number], points, rows[:number])
                return frozen_layers(Crops([store]), config)

            layers(32, "first")  # Builds and traces.
            began = time.monotonic()
            values = layers(seen, "timed")
            taken = time.monotonic() - began
            print(f"frozen layers: {seen / taken:.1f} images a second, building included")
            parts.append((f"frozen layers of {count} images", taken / seen * count))
            if not whole:
                # As many as there would be, not one of them computed.
                shape = (count, *values.shape[1:])
                values = np.lib.format.open_memmap(
                    root / "values.npy", mode="w+", dtype=values.dtype, shape=shape
                )
            gigabytes = count * np.prod(values.shape[1:]) * values.dtype.itemsize / 1e9
            print(f"they take {gigabytes:.2f} GB on disk, read by rows")
        data = TrainingSet(
            values,
            np.arange(count),
            np.array([row.identity for row in rows]),
            np.array([row.yaw for row in rows]),
            np.array([row.kind == "simulated" for row in rows]),
        )
        batch_size = config.training.batch_size
        began = time.monotonic()
        train_recogniser(config, data, root / "run", verbose=whole)
        taken = time.monotonic() - began
        a_step = step_seconds(root / "run" / "metrics.jsonl", batch_size)
        print(f"training: {1 / a_step:.2f} steps and {batch_size / a_step:.0f} images a second")
        begun = taken - a_step * steps
        parts.append((f"{total_steps} steps", begun + a_step * total_steps))
    for name, seconds in parts:
        print(f"{name}: {seconds / 60:.1f} min")
    print(
        f"total {sum(seconds for _, seconds in parts) / 60:.1f} min"
        f"{'' if whole else ' (projected)'}, most memory {peak_memory_mb():.0f} MB"
    )


if __name__ == "__main__":
    run_app(main, uses_tensorflow=True)
