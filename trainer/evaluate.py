"""Scores recognisers by a face recognition protocol: features in, scores.json and report.html out.

python -m trainer.evaluate --protocol=frll --data=FRLL --model=dlib --output=OUT
python -m trainer.evaluate --protocol=ijba --data=IJB-A --features=b-1=b1.npz,DA-GAN=dagan.npz \
    --methods=mean,softmax,nan,svm,tpe --output=OUT

A features file is an .npz with `features` (N, D) and `paths` (N,) as the protocol's files name the
images; `sightings` (N,) where an image shows several people, `yaw` (N,) in degrees if known.
"""

import shlex
import sys

from absl import flags

from dagan_tf.core.program import run_app
from dagan_tf.faces.weights import LANDMARK_SOURCES

FLAGS = flags.FLAGS
flags.DEFINE_string(
    "protocol",
    None,
    "frll, lfw, cfp, cfp-ff, ijba, ijba-search, ijbb, ijbb-search, ijbc, ijbc-search, or a CSV file"
    " of pairs or of gallery and probes.",
    required=True,
)
flags.DEFINE_string(
    "data",
    None,
    "The set's folder, or the one around it; for a CSV file that of the images.",
    required=True,
)
flags.DEFINE_list("features", [], "NAME=FILE.npz of each system.")
flags.DEFINE_string("model", None, "Instead of features: dlib, or a TFLite file of MobileFaceNet.")
flags.DEFINE_enum(
    "landmarks",
    LANDMARK_SOURCES[0],
    LANDMARK_SOURCES,
    "Where landmarks come from (docs/detectors.md): dlib's are not for commercial use.",
)
flags.DEFINE_list("methods", ["mean"], "Template methods: mean, softmax, nan, svm, tpe, pose.")
flags.DEFINE_string("output", None, "Folder for scores.json and report.html.", required=True)
flags.DEFINE_enum("missing", "refuse", ["refuse", "skip"], "Faces without image or features.")
flags.DEFINE_list("fars", ["0.1", "0.01", "0.001"], "False accept rates of TAR.")
flags.DEFINE_list("fpirs", ["0.1", "0.01"], "False positive identification rates of FNIR.")
flags.DEFINE_integer("bootstrap", 0, "Rounds over people, where there is one split.", lower_bound=0)
flags.DEFINE_integer("seed", 0, "Of FRLL's divisions, of methods that are trained, of t-SNE.")
flags.DEFINE_bool("report", True, "Also write report.html.")


def main(argv: list[str]) -> None:
    """Reads, scores, writes."""
    del argv
    from dagan_tf.runs.protocol import (
        Evaluation,
        parse_rates,
        parse_systems,
        run_protocol,
        score_lines,
    )
    from dagan_tf.scoring.scoring import Settings

    scored = run_protocol(
        Evaluation(
            FLAGS.protocol,
            FLAGS.data,
            features=parse_systems(FLAGS.features),
            model=FLAGS.model,
            methods=FLAGS.methods,
            settings=Settings(
                fars=parse_rates("fars", FLAGS.fars),
                fpirs=parse_rates("fpirs", FLAGS.fpirs),
                bootstrap=FLAGS.bootstrap,
                seed=FLAGS.seed,
            ),
            skip_missing=FLAGS.missing == "skip",
            landmarks=FLAGS.landmarks,
        ),
        FLAGS.output,
        command=shlex.join(["python", "-m", "trainer.evaluate", *sys.argv[1:]]),
        report=FLAGS.report,
    )
    for line in score_lines(scored):
        print(line)
    if scored.report:
        print(f"report: {scored.report}")


if __name__ == "__main__":
    run_app(main)
