"""Asks whether an export answers alike in Python and as TensorFlow Serving loads it.

python -m serving.bless --model=exported/dagan

`serving.export` does this and more before it publishes; this is for exports of before, and for
copies. It loads the version twice, in processes of their own.
"""

from absl import flags

from dagan_tf.core.program import run_app

FLAGS = flags.FLAGS
flags.DEFINE_string(
    "model", None, "What serving.export wrote, path or URI: the base folder or one version."
)
flags.mark_flags_as_required(["model"])


def main(argv: list[str]) -> None:
    """Blesses the version and prints its folder; an error says why not."""
    del argv
    from dagan_tf.export.bless import bless_again
    from dagan_tf.export.versions import resolve_version

    version = resolve_version(FLAGS.model)
    difference = bless_again(version)
    print(f"{version}: blessed; largest difference between the two loaders {difference:.3g}")


if __name__ == "__main__":
    run_app(main, uses_tensorflow=True)
