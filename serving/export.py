"""Exports a trained generator as the next version of a model, as TensorFlow Serving wants it.

python -m serving.export --model_dir=runs/dagan --output=exported/dagan

The SavedModel is loaded in a process of its own and compared with the trained generator first; if
it answers anything else, nothing is published.
"""

from absl import flags

from dagan_tf.core.program import run_app

FLAGS = flags.FLAGS
flags.DEFINE_string(
    "model_dir", "pretrained", "What trainer.task wrote, or the refiner in the box, pretrained."
)
flags.DEFINE_string(
    "output", None, "Base folder, path or URI; the model becomes OUTPUT/<next version>."
)
flags.DEFINE_bool("ema", True, "Export the running mean of the weights, not the last ones.")
flags.DEFINE_list(
    "average",
    [],
    "Average its answers over the image's mirror image (mirror, twice the time), over the image "
    "moved by 1 to 3 pixels (shift, four times) or both (mirror,shift): better likeness.",
)
flags.DEFINE_list(
    "format",
    ["saved_model"],
    "saved_model, which is always written, and besides it onnx, litert or both.",
)
flags.DEFINE_enum(
    "precision",
    "float32",
    ["float32", "bfloat16"],
    "What the SavedModel computes in; the other formats keep float32.",
)
flags.DEFINE_string("training_data", None, "For the model card: the photos it was trained on.")
flags.DEFINE_string("licence", None, "For the model card: the licence of the weights.")
flags.mark_flag_as_required("output")


def main(argv: list[str]) -> None:
    """Exports and prints the folder of the new version."""
    del argv
    from dagan_tf.export.write import export_model_dir

    version = export_model_dir(
        FLAGS.model_dir,
        FLAGS.output,
        ema=FLAGS.ema,
        average=FLAGS.average,
        precision=FLAGS.precision,
        formats=FLAGS.format,
        training_data=FLAGS.training_data,
        licence=FLAGS.licence,
    )
    print(version)


if __name__ == "__main__":
    run_app(main, uses_tensorflow=True)
