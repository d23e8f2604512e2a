"""Refines every image of a simulated folder with an exported model.

python -m trainer.refine --model=exported/dagan --input=simulated --output=refined
"""

from absl import flags

from trainer.flags import run_app

FLAGS = flags.FLAGS
flags.DEFINE_string("model", None, "What serving.export wrote: the base folder or one version.")
flags.DEFINE_string("input", None, "Simulated folder, with its manifest.csv.")
flags.DEFINE_string("output", None, "Folder to fill; a run that was stopped is continued.")
flags.DEFINE_integer("batch_size", 8, "Images refined at once.", lower_bound=1)
flags.mark_flags_as_required(["model", "input", "output"])


def main(argv: list[str]) -> None:
    """Loads the model and refines the folder."""
    del argv
    from dagan_tf.refiner import Refiner
    from dagan_tf.refining import refine_folder

    refiner = Refiner.load(FLAGS.model, batch_size=FLAGS.batch_size)
    summary = refine_folder(
        FLAGS.input, FLAGS.output, refiner, label=refiner.label, batch_size=FLAGS.batch_size
    )
    print(
        f"refined {summary.refined} images into {FLAGS.output} with {refiner.folder} "
        f"({summary.done_before} done before, {summary.skipped} skipped)"
    )


if __name__ == "__main__":
    run_app(main)
