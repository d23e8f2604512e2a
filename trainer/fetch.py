"""Brings a data set of face photos and lays out its folders.

python -m trainer.fetch --dataset=frll --output=FRLL
"""

from absl import flags

from dagan_tf.core.program import run_app

FLAGS = flags.FLAGS
flags.DEFINE_enum(
    "dataset", "frll", ["frll"], "frll: Face Research Lab London Set (CC BY 4.0), 289 MB."
)
flags.DEFINE_string("output", None, "Folder for the photos.", required=True)
flags.DEFINE_string("article", None, "Address of the figshare article in its API; for a mirror.")


def main(argv: list[str]) -> int:
    """Fetches the set; a second call goes on where the first one stopped."""
    del argv
    from dagan_tf.data.fetch import FRLL_ARTICLE, fetch_frll

    photos = fetch_frll(FLAGS.output, FLAGS.article or FRLL_ARTICLE)
    print(f"{photos} photos in {FLAGS.output}; credit as in {FLAGS.output}/ATTRIBUTION.md")
    return 0


if __name__ == "__main__":
    run_app(main, uses_tensorflow=False)
