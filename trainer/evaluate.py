"""Scores recognisers by a face recognition protocol: features in, scores.json and report.html out.

python -m trainer.evaluate --protocol=frll --data=FRLL --model=dlib --output=OUT
python -m trainer.evaluate --protocol=ijba --data=IJB-A --features=b-1=b1.npz,DA-GAN=dagan.npz \
    --methods=mean,softmax,nan,svm,tpe --output=OUT

A features file is an .npz with `features` (N, D) and `paths` (N,) as the protocol's files name the
images; `sightings` (N,) where an image shows several people, `yaw` (N,) in degrees if known.
"""

import datetime
import json
import os
import shlex
import shutil
import sys
from pathlib import Path

from absl import flags

from dagan_tf.core.program import run_app

FLAGS = flags.FLAGS
flags.DEFINE_string(
    "protocol",
    None,
    "frll, lfw, cfp, cfp-ff, ijba, ijba-search, ijbb, ijbb-search, ijbc or ijbc-search.",
    required=True,
)
flags.DEFINE_string("data", None, "The set's folder.", required=True)
flags.DEFINE_list("features", [], "NAME=FILE.npz of each system.")
flags.DEFINE_string("model", None, "Instead of features: dlib, or a TFLite file of MobileFaceNet.")
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
    from tqdm import tqdm

    from dagan_tf import __version__
    from dagan_tf.errors import DaganError
    from dagan_tf.protocols.building import check_images
    from dagan_tf.protocols.features import read_features, write_features
    from dagan_tf.protocols.readers import read_protocol
    from dagan_tf.reports.protocol_report import CREDITS, recognition_sections
    from dagan_tf.reports.report import build_report, write_report
    from dagan_tf.scoring.scoring import Settings, pair_count, score_system
    from dagan_tf.scoring.templates.methods import METHODS

    if bool(FLAGS.features) == bool(FLAGS.model):
        raise DaganError("expected either --features or --model")
    unknown = [method for method in FLAGS.methods if method not in METHODS]
    if unknown or not FLAGS.methods:
        raise DaganError(f"--methods: got {FLAGS.methods}, expected some of {', '.join(METHODS)}")
    settings = Settings(
        fars=_rates("fars"), fpirs=_rates("fpirs"), bootstrap=FLAGS.bootstrap, seed=FLAGS.seed
    )
    skip = FLAGS.missing == "skip"
    output = Path(FLAGS.output)
    protocol = read_protocol(FLAGS.protocol, FLAGS.data, FLAGS.seed)
    output.mkdir(parents=True, exist_ok=True)
    found = {}
    if FLAGS.model:
        file = output / f"features-{Path(FLAGS.model).stem}.npz"
        if not file.exists():
            from dagan_tf.scoring.extraction import extract

            if not skip:
                check_images(protocol.root, protocol.faces)
            network, parts = _network(), file.with_name(f"{file.stem}-parts")
            with tqdm(total=len(protocol.faces), unit="face", desc="features") as bar:
                made = extract(
                    protocol, network, parts=parts, skip_missing=skip, advance=bar.update
                )
            write_features(file, protocol.faces, made.features, made.present, made.yaw)
            shutil.rmtree(parts)
        found[Path(FLAGS.model).stem] = read_features(file, protocol.faces, skip_missing=skip)
    for item in FLAGS.features:
        name, equals, path = item.partition("=")
        if not (name and equals and path) or name in found:
            raise DaganError(f"--features: got {item!r}, expected NAME=FILE.npz, each name once")
        found[name] = read_features(path, protocol.faces, skip_missing=skip)
    systems = []
    total = pair_count(protocol) * len(found) * len(FLAGS.methods)
    with tqdm(total=total, unit="pair", unit_scale=True, desc=protocol.name) as bar:
        for name, faces in found.items():
            for method in FLAGS.methods:
                label = name if len(FLAGS.methods) == 1 else f"{name}, {method}"
                systems.append(
                    score_system(label, protocol, faces, method, settings, advance=bar.update)
                )
    command = shlex.join(["python", "-m", "trainer.evaluate", *sys.argv[1:]])
    made_at = datetime.datetime.now(datetime.timezone.utc)
    document = {
        "protocol": protocol.name,
        "summary": protocol.summary(),
        "data": str(FLAGS.data),
        "command": command,
        "seed": FLAGS.seed,
        "date": made_at.isoformat(timespec="seconds"),
        "version": __version__,
        "systems": {one.name: one.as_json() for one in systems},
    }
    partial = output / ".scores.json.tmp"
    partial.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    os.replace(partial, output / "scores.json")
    print(protocol.summary())
    for one in systems:
        for part, measures in one.figures.items():
            for measure in measures:
                spread = one.spread(part, measure)
                if spread is not None:
                    print(f"{one.name}\t{part}\t{measure}\t{spread}")
            for measure, why in one.refused[part].items():
                print(f"{one.name}\t{part}\t{measure}\tnot given: {why}")
        lost = [gone for gone in one.dropped.values() if gone.faces]
        if lost:
            pairs, probes = sum(g.pairs for g in lost), sum(g.probes for g in lost)
            print(f"{one.name}\tskipped for want of features: {pairs} pairs, {probes} probes")
    if FLAGS.report:
        html = build_report(
            recognition_sections(protocol, systems, found, seed=FLAGS.seed),
            title=protocol.name,
            summary=f"{protocol.summary()}. Data: {FLAGS.data}. Seed {FLAGS.seed}.",
            commands=[command],
            credits=[
                credit
                for name, credit in CREDITS.items()
                if protocol.name.startswith(name) or (name == "dlib" and FLAGS.model)
            ],
            made=made_at,
        )
        print(f"report: {write_report(output / 'report.html', html)}")


def _rates(name: str) -> tuple[float, ...]:
    from dagan_tf.errors import DaganError

    try:
        rates = tuple(float(text) for text in FLAGS[name].value)
    except ValueError:
        rates = ()
    if not rates or not all(0 < rate <= 1 for rate in rates):
        raise DaganError(f"--{name}: got {FLAGS[name].value}, expected shares in (0, 1]")
    return rates


def _network():  # type: ignore[no-untyped-def]
    if FLAGS.model == "dlib":
        from dagan_tf.embedders.dlib_resnet import FaceEmbedder

        return FaceEmbedder()
    from dagan_tf.embedders.mobilefacenet import MobileFaceNet

    return MobileFaceNet(FLAGS.model)


if __name__ == "__main__":
    run_app(main)
