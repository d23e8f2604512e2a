"""Photos in, their faces from other sides out, with the refiner in the box.

python -m dagan_tf PHOTO... --yaws=-60,-30,30,60 --output=DIR

DIR gets simulated/, refined/ and contact_sheet.png.
"""

import functools
import sys

from absl import flags

from dagan_tf.core.program import BAD_INPUT, run_app
from dagan_tf.core.quiet import start_tensorflow
from dagan_tf.faces.weights import LANDMARK_SOURCES

FLAGS = flags.FLAGS
flags.DEFINE_list("yaws", ["-60", "-30", "30", "60"], "Angles to turn to, degrees.")
flags.DEFINE_string("output", None, "Folder for the pictures.", required=True)
flags.DEFINE_string(
    "model", "pretrained", "The refiner in the box, or what serving.export wrote, path or URI."
)
flags.DEFINE_enum(
    "landmarks",
    LANDMARK_SOURCES[0],
    LANDMARK_SOURCES,
    "Where landmarks come from (docs/detectors.md): dlib's are not for commercial use.",
)
flags.DEFINE_integer(
    "image_size", None, "Side of the views, pixels; default: that of the model's training.", 16
)


def main(argv: list[str]) -> int:
    """Turns all photos; what cannot be shown is named, the rest done."""
    from dagan_tf.errors import DaganError
    from dagan_tf.runs.turn import turn_files

    loading = functools.partial(start_tensorflow, verbose=FLAGS.verbose)

    try:
        yaws = [float(yaw) for yaw in FLAGS.yaws]
    except ValueError:
        raise DaganError(f"--yaws: got {FLAGS.yaws}, expected degrees, e.g. -30,30") from None
    photos = argv[1:]
    left_out = turn_files(
        photos,
        FLAGS.output,
        yaws,
        model=FLAGS.model,
        image_size=FLAGS.image_size,
        landmarks=FLAGS.landmarks,
        # A process that has TensorFlow already gains little by another one.
        meanwhile=None if "tensorflow" in sys.modules else loading,
    )
    for reason in left_out.values():
        print(f"left out: {reason}", file=sys.stderr)
    print(
        f"{len(photos) - len(left_out)} of {len(photos)} photos turned to all sides: {FLAGS.output}"
    )
    return BAD_INPUT if left_out else 0


if __name__ == "__main__":
    run_app(main, arguments="PHOTO...")
