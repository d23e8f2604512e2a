"""Compares b-1, b-2 and DA-GAN: one recogniser, trained on three sets, tested on other people.

python -m trainer.recognise --train=FRLL --layout=frll --simulated=DIR --refined=DIR
    --systems=b1,b2,dagan --config=face-64 --output=DIR
python -m trainer.recognise --train=PHOTOS --layout=folder --simulated=DIR --refined=DIR
    --protocol=cfp --data=CFP --config=mobilefacenet --set=network.backbone=FILE.tflite --output=DIR

b1 sees the real photos up to crops.max_yaw, b2 also the simulated views of the same people, dagan
the refined ones instead; filtered, pretrained and real are their bounds. Nobody who is tested is
trained on. OUTPUT gets crops/, runs/SYSTEM/split-N/seed-N/, scores.json and report.html. Ctrl-C
loses nothing; the same command goes on.
"""

import os
import shlex
import sys

from absl import flags

from dagan_tf.core.program import run_app

_TRAIN = flags.DEFINE_string("train", None, "Folder of real photos of people to train on.")
_LAYOUT = flags.DEFINE_string(
    "layout",
    "folder",
    "Layout of --train: folder, frll, lfw, cfp, ijba, ijbb, ijbc, or another of trainer.simulate.",
)
_POSES = flags.DEFINE_string("poses", "", "CSV file path,yaw of --train; else yaws are fitted.")
_SIMULATED = flags.DEFINE_string("simulated", "", "Folder made by trainer.simulate, for b2.")
_REFINED = flags.DEFINE_string("refined", "", "Folder made by trainer.refine, for dagan.")
_FILTERED = flags.DEFINE_string(
    "filtered", "", "Folder made by trainer.refine --keep_percentile, for filtered."
)
_PRETRAINED = flags.DEFINE_string(
    "pretrained", "", "Views refined by a refiner that was not trained on these photos."
)
_REFINER = flags.DEFINE_string(
    "refiner",
    "pretrained",
    "What makes them of --simulated where --pretrained is not given: the refiner in the box, or"
    " what serving.export wrote.",
)
_JUDGE = flags.DEFINE_string(
    "judge",
    "",
    "Folder of the training whose discriminator filters --refined where --filtered is not given.",
)
_KEEP = flags.DEFINE_float(
    "keep_percentile",
    90.0,
    "As of trainer.refine, for --judge.",
    lower_bound=0.0,
    upper_bound=100.0,
)
_PROTOCOL = flags.DEFINE_string("protocol", "", "As of trainer.evaluate; by default the layout.")
_DATA = flags.DEFINE_string("data", "", "Folder of the protocol, by default --train.")
_SYSTEMS = flags.DEFINE_list(
    "systems",
    [],
    "Of b1, b2, dagan, filtered, pretrained and real; by default b1 and those whose views are"
    " given, pretrained in the place of dagan where --refined is not.",
)
_CONFIG = flags.DEFINE_string(
    "config",
    "face-64",
    "Preset (face-64, face-112, mobilefacenet, dlib-discriminant, dlib-softmax) or path of a YAML"
    " file.",
)
_SET = flags.DEFINE_multi_string(
    "set", [], "Override, e.g. --set=training.steps=2000; may be repeated, the last one wins."
)
_SPLITS = flags.DEFINE_integer("splits", 10, "Divisions of FRLL's people.")
_DIVIDE = flags.DEFINE_integer(
    "divide",
    0,
    "Splits of a protocol that names no people to train on: in each a part of its people is tested"
    " and the others of --train are trained on. 0 tests them all.",
)
_TEST_SHARE = flags.DEFINE_float("test_share", 0.2, "That part.")
_SEEDS = flags.DEFINE_integer("seeds", 3, "Seeds a split; a solved head has but one.")
_RESERVED = flags.DEFINE_list(
    "reserved", [], "People never tested, always trained on: those the refiner was trained on."
)
_TEST_PEOPLE = flags.DEFINE_list(
    "test_people",
    [],
    "Of FRLL, the only people tested: those the refiner was not trained on. Each split trains on"
    " two in three of the others.",
)
_GALLERY = flags.DEFINE_enum(
    "gallery",
    "neutral",
    ["neutral", "smiling", "both"],
    "Of FRLL, the fronts' expression; probes have the other one. both: either, twice the pairs.",
)
_GROUPS = flags.DEFINE_string(
    "groups", "", "CSV file with a column person and others: figures by group, too."
)
_DEVICES = flags.DEFINE_list("devices", [], "As of trainer.task.")
_CROPS = flags.DEFINE_string(
    "crops", "", "Folder of aligned crops and features, to share between runs; OUTPUT/crops else."
)
_WORKERS = flags.DEFINE_integer("workers", 0, "Processes that align photos; 0 takes one a core.")
_OUTPUT = flags.DEFINE_string("output", None, "Folder of the results.")


def main(_: list[str]) -> int:
    """Trains and tests what is still to be done, and prints the comparison."""
    from dagan_tf.recognition.apart import Division
    from dagan_tf.recognition.config import load_recogniser_config
    from dagan_tf.runs.experiment import Experiment, default_systems
    from dagan_tf.runs.recogniser_table import summary_lines
    from dagan_tf.runs.recognisers import run_experiment

    folders = (_SIMULATED, _REFINED, _FILTERED, _PRETRAINED)
    given = {folder.name: folder.value for folder in folders if folder.value}
    runs, gains = run_experiment(
        Experiment(
            _TRAIN.value,
            given,
            _SYSTEMS.value or default_systems(given, _JUDGE.value),
            layout=_LAYOUT.value,
            poses=_POSES.value,
            protocol=_PROTOCOL.value or _LAYOUT.value,
            data=_DATA.value,
            splits=_SPLITS.value,
            seeds=_SEEDS.value,
            reserved=_RESERVED.value,
            test_people=_TEST_PEOPLE.value,
            gallery=_GALLERY.value,
            divide=Division(_DIVIDE.value, _TEST_SHARE.value),
            groups=_GROUPS.value,
            refiner=_REFINER.value,
            judge=_JUDGE.value,
            keep_percentile=_KEEP.value,
        ),
        load_recogniser_config(_CONFIG.value, _SET.value),
        _OUTPUT.value,
        command=shlex.join(["python", "-m", "trainer.recognise", *sys.argv[1:]]),
        devices=_DEVICES.value,
        kept=_CROPS.value,
        workers=_WORKERS.value or os.cpu_count() or 1,
    )
    print(*summary_lines(runs, gains), sep="\n")
    return 0


if __name__ == "__main__":
    flags.mark_flags_as_required(["train", "output"])
    run_app(main, uses_tensorflow=True)
