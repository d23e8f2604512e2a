"""Is a refined face nearer to real photos than a simulated one, and still the same person?

python -m trainer.measure --photos=DIR --layout=frll --simulated=DIR --refined=DIR \
    --test_people=... --output=DIR

--photos holds people from several sides; a view is held against a photo of its person within 7.5
degrees. All that is learned here is learned from the people not named in --test_people. OUTPUT gets
measure.json (of --trainings: curve.json) and report.html; the table goes to standard output.
"""

import shlex
import sys

from absl import flags

from dagan_tf.core.program import run_app
from dagan_tf.faces.weights import LANDMARK_SOURCES

FLAGS = flags.FLAGS
flags.DEFINE_string("photos", None, "Folder of real photos.", required=True)
flags.DEFINE_string(
    "layout", "folder", "How --photos is laid out: folder, flat, frll, lfw, cfp or orl."
)
flags.DEFINE_string("simulated", None, "What trainer.simulate wrote, all people.", required=True)
flags.DEFINE_string("refined", None, "What trainer.refine wrote of it.")
flags.DEFINE_list(
    "trainings", [], "Instead of --refined: model folders, whose checkpoints refine the views."
)
flags.DEFINE_integer("every", 1, "Of --trainings: only every n-th checkpoint, and the last.", 1)
flags.DEFINE_list("test_people", [], "People the refiner never saw; or give --model_dir.")
flags.DEFINE_string("model_dir", None, "The refiner's training: its curves, whom it never saw.")
flags.DEFINE_string(
    "groups",
    None,
    "CSV of person and groups, for figures by group too; of layout frll that of the set itself.",
)
flags.DEFINE_list("yaws", [], "Only views within 7.5 degrees of these; by default all.")
flags.DEFINE_string(
    "mobilefacenet",
    None,
    "TFLite file of a second network; by default that in the folder DAGAN_MODELS_DIR names.",
)
flags.DEFINE_bool(
    "conv", True, "Also teach convolutional judges (at 224 pixels half an hour and more)."
)
flags.DEFINE_integer(
    "noise_draws",
    0,
    "Measure likeness so often again, each time with noise of one grey level (10 s a draw).",
)
flags.register_validator("noise_draws", lambda n: n == 0 or n > 1, "expected 0 or at least 2")
flags.DEFINE_enum(
    "landmarks",
    LANDMARK_SOURCES[0],
    LANDMARK_SOURCES,
    "Where landmarks come from (docs/detectors.md): dlib's are not for commercial use.",
)
flags.DEFINE_integer("samples", 12, "Rows of the sample grid: the first test people.")
flags.DEFINE_string("output", None, "Folder for measure.json and report.html.", required=True)


def main(argv: list[str]) -> None:
    """Measures, writes, prints the table."""
    del argv
    from dagan_tf.errors import DaganError
    from dagan_tf.evaluation.bench import Question
    from dagan_tf.runs.measure import measure_groups, measure_lines, run_measure, untrained_people

    if bool(FLAGS.refined) == bool(FLAGS.trainings):
        raise DaganError("expected either --refined or --trainings")
    command = shlex.join(["python", "-m", "trainer.measure", *sys.argv[1:]])
    question = Question(
        FLAGS.photos,
        FLAGS.layout,
        FLAGS.simulated,
        FLAGS.test_people or untrained_people(FLAGS.model_dir, FLAGS.simulated),
        yaws=[float(yaw) for yaw in FLAGS.yaws],
        mobilefacenet=FLAGS.mobilefacenet,
        conv=FLAGS.conv,
        noise_draws=FLAGS.noise_draws,
        landmarks=FLAGS.landmarks,
    )
    if FLAGS.trainings:
        from dagan_tf.runs.measure_curve import curve_lines, run_curve

        every = FLAGS.every
        curves = run_curve(question, FLAGS.trainings, FLAGS.output, every=every, command=command)
        lines = curve_lines(curves)
    else:
        lines = measure_lines(
            run_measure(
                question,
                FLAGS.refined,
                FLAGS.output,
                model_dir=FLAGS.model_dir,
                groups=measure_groups(question, FLAGS.groups),
                samples=FLAGS.samples,
                command=command,
            )
        )
    print("\n".join(lines))


if __name__ == "__main__":
    run_app(main)
