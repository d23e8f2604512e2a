"""Compares b-1, b-2 and DA-GAN: one recogniser, trained on three sets, tested on other people.

python -m trainer.recognise --photos=FRLL --layout=frll --simulated=DIR --refined=DIR
    --systems=b1,b2,dagan --config=face-64 --output=DIR

b1 sees the real photos up to crops.max_yaw, b2 also the simulated views of the same people, dagan
the refined ones instead. Frontal gallery, three-quarter and profile probes, people disjoint.
OUTPUT gets crops/, runs/SYSTEM/split-N/seed-N/, scores.json and report.html. Ctrl-C loses nothing;
the same command goes on.
"""

import shlex
import sys

from absl import flags

from dagan_tf.core.program import run_app

_PHOTOS = flags.DEFINE_string("photos", None, "Folder of real photos.")
_LAYOUT = flags.DEFINE_enum("layout", "frll", ["frll"], "Layout of --photos.")
_SIMULATED = flags.DEFINE_string("simulated", "", "Folder made by trainer.simulate, for b2.")
_REFINED = flags.DEFINE_string("refined", "", "Folder made by trainer.refine, for dagan.")
_SYSTEMS = flags.DEFINE_list("systems", ["b1", "b2", "dagan"], "Of b1, b2 and dagan.")
_CONFIG = flags.DEFINE_string(
    "config",
    "face-64",
    "Preset (face-64, face-112, dlib-discriminant, dlib-softmax) or path of a YAML file.",
)
_SET = flags.DEFINE_multi_string(
    "set", [], "Override, e.g. --set=training.steps=2000; may be repeated, the last one wins."
)
_SPLITS = flags.DEFINE_integer("splits", 10, "Divisions of the people into trained and tested.")
_SEEDS = flags.DEFINE_integer("seeds", 3, "Seeds a split; a solved head has but one.")
_RESERVED = flags.DEFINE_list(
    "reserved", [], "People never tested, always trained on: those the refiner was trained on."
)
_DEVICES = flags.DEFINE_list("devices", [], "As of trainer.task.")
_OUTPUT = flags.DEFINE_string("output", None, "Folder of the results.")


def main(_: list[str]) -> int:
    from dagan_tf.recognition.config import load_recogniser_config
    from dagan_tf.runs.recognisers import Experiment, run_experiment, summary

    synthetic = {"simulated": _SIMULATED.value, "refined": _REFINED.value}
    runs, gains = run_experiment(
        Experiment(
            _PHOTOS.value,
            {kind: path for kind, path in synthetic.items() if path},
            _SYSTEMS.value,
            _SPLITS.value,
            _SEEDS.value,
            _RESERVED.value,
        ),
        load_recogniser_config(_CONFIG.value, _SET.value),
        _OUTPUT.value,
        command=shlex.join(["python", "-m", "trainer.recognise", *sys.argv[1:]]),
        devices=_DEVICES.value,
    )
    for system, kinds in summary(runs).items():
        for probes, measures in kinds.items():
            text = "  ".join(f"{m} {mean:.3f} ± {std:.3f}" for m, (mean, std) in measures.items())
            print(f"{system:6} {probes:14} {text}")
    print("paired, 95 % over splits [allowing for shared people]:")
    for gain in gains:
        half = gain.high - gain.mean
        corrected = gain.corrected_high - gain.mean
        print(
            f"{gain.better} over {gain.base}, {gain.probes}, {gain.measure}:"
            f" {gain.mean:+.3f} ± {half:.3f} [± {corrected:.3f}]"
        )
    return 0


if __name__ == "__main__":
    flags.mark_flags_as_required(["photos", "output"])
    run_app(main, uses_tensorflow=True)
