"""Turns a folder of face photos to other yaw angles.

python -m trainer.simulate --photos=DIR --output=DIR --yaws=-60,-30,30,60
"""

import os

from absl import flags

from trainer.flags import run_app

FLAGS = flags.FLAGS
flags.DEFINE_string("photos", None, "Folder of photos.", required=True)
flags.DEFINE_string("output", None, "Folder for views, manifest.csv, skipped.csv.", required=True)
flags.DEFINE_string("layout", "folder", "How --photos is laid out: folder, flat, frll or orl.")
flags.DEFINE_string("include", None, "Only photos whose path below --photos fits this glob.")
flags.DEFINE_list("identities", None, "Only these identities (names, comma-separated).")
flags.DEFINE_list("yaws", ["-90", "-60", "-30", "30", "60", "90"], "Yaw angles in degrees.")
flags.DEFINE_float("yaw_jitter", 0.0, "Degrees each yaw is moved at random, at most.")
flags.DEFINE_integer("seed", 0, "Seed of --yaw_jitter.")
flags.DEFINE_float("pitch", None, "Pitch in degrees; by default the photo's own.")
flags.DEFINE_integer("image_size", 224, "Side of the views in pixels.")
flags.DEFINE_enum("background", "keep", ["keep", "blur", "none"], "The photo's surroundings.")
flags.DEFINE_string("face_model", None, "npz of another 3D head; by default the packaged one.")
flags.DEFINE_integer("workers", 0, "Processes; 0 takes one a core.")


def main(argv: list[str]) -> None:
    del argv
    from dagan_tf.data.photos import list_photos
    from dagan_tf.data.simulate import SimulationSettings, simulate_folder
    from dagan_tf.errors import DaganError

    try:
        yaws = [float(yaw) for yaw in FLAGS.yaws]
    except ValueError as error:
        raise DaganError(f"--yaws: {error}; expected degrees like -60,-30,30,60") from error
    photos = list_photos(
        FLAGS.photos, FLAGS.layout, include=FLAGS.include, identities=FLAGS.identities
    )
    summary = simulate_folder(
        photos,
        FLAGS.output,
        yaws,
        SimulationSettings(
            FLAGS.image_size,
            FLAGS.background,
            FLAGS.pitch,
            FLAGS.face_model,
            FLAGS.yaw_jitter,
            FLAGS.seed,
        ),
        workers=FLAGS.workers or os.cpu_count() or 1,
    )
    print(
        f"{len(photos)} photos: {summary.made} made now, {summary.done_before} done before, "
        f"{summary.skipped} skipped; {summary.views} views in {FLAGS.output}"
    )
    if summary.skipped:
        print(f"reasons in {os.path.join(FLAGS.output, 'skipped.csv')}")


if __name__ == "__main__":
    run_app(main)
