"""Beyond faces: refines printed digits towards handwriting and counts what a reader gains.

python -m trainer.digits --output=runs/digits

Trains one refiner a seed on printed digits and unlabelled handwriting, then prints the accuracy on
unseen handwriting of the same small classifier trained on the printed digits, on the refined ones
and on labelled handwriting. Ctrl-C saves; the same command goes on from there.
"""

import sys
from pathlib import Path

from absl import flags

from dagan_tf.core.program import INTERRUPTED, run_app

_OUTPUT = flags.DEFINE_string("output", "runs/digits", "Folder for everything the run makes.")
_CONFIG = flags.DEFINE_string("config", "digits", "Preset or YAML file of the training.")
_SET = flags.DEFINE_multi_string(
    "set", [], "Override of the config, e.g. --set=training.steps=100."
)
_SEEDS = flags.DEFINE_integer("seeds", 1, "Runs, with the seeds 0, 1, ...", lower_bound=1)


def main(argv: list[str]) -> int:
    """Refines and reads once a seed; prints a line a seed and the means."""
    del argv
    from dagan_tf.config.settings import load_config
    from dagan_tf.runs.digits import digits_lines, run_digits

    results = []
    for seed in range(_SEEDS.value):
        config = load_config(_CONFIG.value, [*_SET.value, f"seed={seed}"])
        result = run_digits(config, Path(_OUTPUT.value) / f"seed_{seed}")
        if result is None:
            print("interrupted; the same command goes on from here", file=sys.stderr)
            return INTERRUPTED
        results.append(result)
        heading, *_, mean = digits_lines(results)
        row = digits_lines([result])[1]
        print(f"{heading}\n{row}" if seed == 0 else row, flush=True)
    print(mean)
    return 0


if __name__ == "__main__":
    run_app(main, uses_tensorflow=True)
