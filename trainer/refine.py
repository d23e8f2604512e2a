"""Refines every image of a simulated folder with an exported model.

python -m trainer.refine --model=exported/dagan --input=simulated --output=refined

Views of another size than the model was trained at are refined at that size; the change is enlarged
and added to the view. To have small faces, refine larger ones and --shrink_to the size wanted.
"""

from absl import flags

from dagan_tf.core.program import run_app

FLAGS = flags.FLAGS
flags.DEFINE_string(
    "model",
    "pretrained",
    "The refiner in the box, or what serving.export wrote, path or URI: base folder or version.",
)
flags.DEFINE_string("input", None, "Simulated folder, with its manifest.csv.")
flags.DEFINE_string("output", None, "Folder to fill; a run that was stopped is continued.")
flags.DEFINE_integer("batch_size", 8, "Images refined at once.", lower_bound=1)
flags.DEFINE_integer(
    "shrink_to",
    None,
    "Write the refined images at this side in pixels, smaller than that of the views.",
    lower_bound=1,
)
flags.DEFINE_float(
    "keep_percentile",
    100.0,
    "Keep the images up to this percentile of the discriminator's realism error and of the identity"
    " cost; the others move to OUTPUT/rejected/manifest.csv. Needs --model_dir.",
    lower_bound=0.0,
    upper_bound=100.0,
)
flags.DEFINE_string("model_dir", None, "The training's folder, whose discriminator judges.")
flags.mark_flags_as_required(["input", "output"])


def main(argv: list[str]) -> None:
    """Loads the model and refines the folder."""
    del argv
    from dagan_tf.errors import DaganError
    from dagan_tf.export.refiner import Refiner
    from dagan_tf.folders.keep import filter_folder, make_scorer
    from dagan_tf.folders.refine import refine_folder

    if FLAGS.keep_percentile < 100 and not FLAGS.model_dir:
        raise DaganError("--keep_percentile needs --model_dir, whose discriminator judges")
    if FLAGS.keep_percentile < 100 and FLAGS.shrink_to:
        raise DaganError(
            "--keep_percentile with --shrink_to: the discriminator judges images of the size it was"
            " trained at; expected one of the two"
        )
    scorer = make_scorer(FLAGS.model_dir) if FLAGS.keep_percentile < 100 else None
    refiner = Refiner.load(FLAGS.model, batch_size=FLAGS.batch_size)
    summary = refine_folder(
        FLAGS.input,
        FLAGS.output,
        refiner,
        label=refiner.label,
        image_size=refiner.image_size,
        shrink_to=FLAGS.shrink_to,
        batch_size=FLAGS.batch_size,
    )
    print(
        f"refined {summary.refined} images into {FLAGS.output} with {refiner.source} "
        f"({summary.done_before} done before, {summary.skipped} skipped)"
    )
    if scorer:
        kept = filter_folder(FLAGS.output, scorer, FLAGS.keep_percentile)
        print(f"kept {kept} images by the discriminator's scores, see {FLAGS.output}/scores.csv")


if __name__ == "__main__":
    run_app(main, uses_tensorflow=True)
