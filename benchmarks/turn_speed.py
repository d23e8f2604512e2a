"""A photo to six refined views, from the file to the PNGs: photos a second and each stage's share.

python -m benchmarks.turn_speed [--photos=DIR] [--model=pretrained]

Without --photos it turns the public-domain NASA portrait that scikit-image ships, so many times as
--count says. First `turn_files`, what `python -m dagan_tf` does, of all photos; then the stages one
by one, in the order it runs them. Processor seconds stand beside the wall clock's, which other work
on the machine lengthens; with two idle cores the wall clock's is what counts.
"""

import os
import tempfile
import time
from pathlib import Path

import numpy as np
from absl import flags

from benchmarks.stages import Stages
from dagan_tf.core.program import run_app

FLAGS = flags.FLAGS
flags.DEFINE_string("photos", None, "Folder of photos, flat or one folder a person.")
flags.DEFINE_string("model", "pretrained", "The refiner in the box, or what serving.export wrote.")
flags.DEFINE_integer("count", 12, "Photos to turn.", 1)
flags.DEFINE_integer("rounds", 3, "Times all are turned; the fastest counts.", 1)

YAWS = (-90.0, -60.0, -30.0, 30.0, 60.0, 90.0)


def print_shares(stages: Stages) -> None:
    """Means a photo, and the share of each."""
    wall = {name: 1e3 * float(np.mean(times)) for name, times in stages.wall.items()}
    processor = {name: 1e3 * float(np.mean(times)) for name, times in stages.processor.items()}
    print("| stage | ms a photo | share | CPU ms | share |")
    print("|---|---|---|---|---|")
    for name in wall:
        print(
            f"| {name} | {wall[name]:.1f} | {wall[name] / sum(wall.values()):.0%} "
            f"| {processor[name]:.1f} | {processor[name] / sum(processor.values()):.0%} |"
        )
    print(f"| all | {sum(wall.values()):.1f} | | {sum(processor.values()):.1f} | |")


def stage_by_stage(files: list[Path], output: Path) -> Stages:
    """What `turn_files` does with each photo, timed."""
    from dagan_tf.export.refiner import Refiner
    from dagan_tf.faces.photo_io import read_photo, write_png
    from dagan_tf.simulator.render.camera import turned_upright
    from dagan_tf.simulator.simulator import Simulator

    refiner = Refiner.load(FLAGS.model)
    simulator = Simulator(image_size=refiner.image_size or 224)
    stages = Stages()
    for number, file in enumerate([files[0], *files]):  # The first one warms up.
        if number == 1:
            stages = Stages()
        photo = stages.run("read the file", lambda file=file: read_photo(file))
        face = stages.run("detect, landmarks", lambda photo=photo: simulator.finder.find_one(photo))
        fit = stages.run("fit", lambda photo=photo, face=face: simulator.fit(photo, face=face))
        prepared = stages.run(
            "read the photo", lambda photo=photo, fit=fit: simulator.prepare(photo, fit)
        )
        poses = [turned_upright(fit.pose, yaw) for yaw in YAWS]
        views = stages.run(
            "six views",
            lambda prepared=prepared, poses=poses: [
                simulator.render(prepared, pose).image for pose in poses
            ],
        )
        refined = stages.run("refine six", lambda views=views: refiner(np.stack(views)))
        stages.run(
            "twelve PNGs",
            lambda views=views, refined=refined: [
                write_png(output / f"{place}.png", image)
                for place, image in enumerate([*views, *refined])
            ],
        )
    return stages


def main(argv: list[str]) -> None:
    del argv
    from dagan_tf.data.photos import list_photos, portrait_file
    from dagan_tf.runs.turn import turn_files

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        if FLAGS.photos:
            found = [item.path for item in list_photos(FLAGS.photos, "folder")][: FLAGS.count]
        else:
            found = [portrait_file()] * FLAGS.count
        files = []
        for number, file in enumerate(found):
            files.append(folder / f"{number:03d}{file.suffix}")
            files[-1].symlink_to(file)
        turn_files(files[:1], folder / "warm", YAWS, model=FLAGS.model)
        speeds = []
        for _ in range(FLAGS.rounds):
            wall, processor = time.perf_counter(), time.process_time()
            left_out = turn_files(files, folder / "out", YAWS, model=FLAGS.model)
            wall, processor = time.perf_counter() - wall, time.process_time() - processor
            speeds.append((wall / len(files), processor / len(files)))
        stages = stage_by_stage(files, folder / "out")
        sizes = sum(path.stat().st_size for path in (folder / "out" / "refined").iterdir())
    wall, processor = min(speeds)
    print(f"{len(files)} photos, {len(left_out)} left out; load average {os.getloadavg()[0]:.1f}")
    print(
        f"turn_files: {1 / wall:.2f} photos a second on {os.cpu_count()} cores,"
        f" {processor:.3f} processor seconds a photo; {sizes / len(files) / 1e3:.0f} kB of PNGs"
    )
    print_shares(stages)


if __name__ == "__main__":
    run_app(main, uses_tensorflow=True)
