"""Turns a folder of face photos to other yaw angles.

python -m trainer.simulate --photos=DIR --output=DIR --yaws=-60,-30,30,60
python -m trainer.simulate --photos=DIR --output=DIR --balance [--dry_run]
"""

import os

from absl import flags

from dagan_tf.core.program import flag_values, run_app
from dagan_tf.faces.weights import LANDMARK_SOURCES

FLAGS = flags.FLAGS
flags.DEFINE_string("photos", None, "Folder of photos.", required=True)
flags.DEFINE_string("output", None, "Folder for views, manifest.csv, skipped.csv.", required=True)
flags.DEFINE_string(
    "layout", "folder", "How --photos is laid out: folder, flat, frll, lfw, cfp or orl."
)
flags.DEFINE_string("include", None, "Only photos whose path below --photos fits this glob.")
flags.DEFINE_list("identities", None, "Only these identities (names, comma-separated).")
flags.DEFINE_string("poses", None, "CSV file path,yaw of --photos; other photos' yaws are seen.")
flags.DEFINE_list("yaws", ["-90", "-60", "-30", "30", "60", "90"], "Yaw angles in degrees.")
flags.DEFINE_list(
    "pitch", None, "Pitch angles in degrees; by default each photo's own, turning with the head."
)
flags.DEFINE_float("yaw_jitter", 0.0, "Degrees each yaw is moved at random, at most.")
flags.DEFINE_float("pitch_jitter", 0.0, "Degrees each pitch is moved at random, at most.")
flags.DEFINE_integer("seed", 0, "Seed of the jitter and of --balance.")
flags.DEFINE_integer("image_size", 224, "Side of the views in pixels.")
flags.DEFINE_enum("background", "keep", ["keep", "blur", "none"], "The photo's surroundings.")
flags.DEFINE_string(
    "face_model",
    None,
    "Another 3D head: our npz, an ICT-FaceKit folder, BFM 2009/2017/2019, eos .bin or FLAME "
    "(docs/face-models.md); by default the packaged one.",
)
flags.DEFINE_float("min_face", 32.0, "Least width of a face in the photo, pixels.")
flags.DEFINE_enum(
    "landmarks",
    LANDMARK_SOURCES[0],
    LANDMARK_SOURCES,
    "Where landmarks come from (docs/detectors.md): dlib's are not for commercial use.",
)
flags.DEFINE_bool("depth", False, "Also write each view's depth, as a 16-bit PNG.")
flags.DEFINE_bool(
    "head", False, "Also write how far each pixel is head, and skin, for training and trainer.pair."
)
flags.DEFINE_bool("share_identity", False, "Fit all photos of a person with one shape of the head.")
flags.DEFINE_bool(
    "balance", False, "Choose the yaws so that photos and views together are spread evenly."
)
flags.DEFINE_bool("dry_run", False, "With --balance: only measure, plan and plot.")
flags.DEFINE_integer("workers", 0, "Processes; 0 takes one a core.")
flags.DEFINE_bool("beam", False, "Run as an Apache Beam pipeline instead of --workers.")
flags.DEFINE_multi_string(
    "beam_arg", [], "An argument for Beam, such as --beam_arg=--runner=FlinkRunner; repeatable."
)


def main(argv: list[str]) -> None:
    """Makes the views that are not there yet."""
    del argv
    from dagan_tf.errors import DaganError
    from dagan_tf.folders.view_maker import SimulationSettings
    from dagan_tf.runs.simulate import Photos, parse_angles, run_simulation

    yaws, pitches = (parse_angles(name, FLAGS[name].value) for name in ("yaws", "pitch"))
    if FLAGS.dry_run and not FLAGS.balance:
        raise DaganError("--dry_run: expected --balance with it")
    if FLAGS.balance and (FLAGS["yaws"].present or FLAGS["pitch"].present):
        raise DaganError("--balance chooses the yaws: expected neither --yaws nor --pitch with it")
    lines = run_simulation(
        Photos(FLAGS.photos, FLAGS.layout, FLAGS.include, FLAGS.identities, FLAGS.poses),
        FLAGS.output,
        SimulationSettings(**flag_values(SimulationSettings)),
        yaws=yaws or [],
        pitches=pitches,
        balance=FLAGS.balance,
        dry_run=FLAGS.dry_run,
        workers=FLAGS.workers or os.cpu_count() or 1,
        beam_args=FLAGS.beam_arg if FLAGS.beam else None,
    )
    for line in lines:
        print(line)


if __name__ == "__main__":
    run_app(main)
