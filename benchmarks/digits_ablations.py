"""What each part of the method does for the digits: the preset without it, over several seeds.

python -m benchmarks.digits_ablations --output=runs/ablations --seeds=3

Trains the refiner of `trainer.digits` anew for each row, from the same seeds. Printed: the accuracy
on unseen handwriting of the classifier trained on what it makes, how far it moves the printed
digits, and how they still differ from one another. A row appears when its last seed is done; what
is finished is not trained again. Two to four minutes of two cores a row and seed.
"""

import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from absl import flags

from dagan_tf.core.program import INTERRUPTED, run_app
from dagan_tf.data.digits import handwritten_digits, printed_digits

FLAGS = flags.FLAGS
flags.DEFINE_string("output", "runs/ablations", "Folder for the trainings.")
flags.DEFINE_multi_string("set", [], "Override of the preset `digits` in all rows.")
flags.DEFINE_integer("seeds", 3, "Runs of each row, with the seeds 0, 1, ...", lower_bound=1)

# The paper's form with the settings that suit it; weights and times of the others do not.
_BEGAN = [
    "loss.adversarial=began", "loss.diversity_ratio=1.5", "loss.balance_rate=0.02",
    "loss.identity_weight=0.1", "loss.identity_confidence=0", "loss.pose_weight=0.15",
    "loss.pose_downsample=2", "loss.augment=false", "loss.gradient_penalty=0",
    "training.beta_1=0.5", "training.steps=1500", "training.decay_steps=600",
]  # fmt: skip
ROWS = {
    "the preset": [],
    "unlabelled handwriting left out of the identity agent": ["loss.identity_confidence=0"],
    "without identity agent": ["loss.identity_weight=0"],
    "without pose loss": ["loss.pose_weight=0"],
    "plain GAN loss": ["loss.augment=false", "loss.gradient_penalty=0"],
    "SimGAN's patch loss": ["loss.adversarial=patch"],
    "the paper's form, BEGAN": _BEGAN,
    "the paper's, without equilibrium: k fixed at 0.5": [
        *_BEGAN, "loss.balance_rate=0", "loss.initial_balance=0.5",
    ],
    "the paper's to the letter, k_0 = 0.1": [
        *_BEGAN, "loss.adversarial=literal", "loss.initial_balance=0.1",
    ],
}  # fmt: skip


def table_row(
    name: str,
    scores: Sequence[float],
    moved: Sequence[float],
    spread: Sequence[float],
    printed: Sequence[float],
) -> str:
    """A row: the mean over the seeds, each seed, and the gain over the printed digits."""
    seeds = " ".join(f"{score:.3f}" for score in scores)
    gain = 100 * statistics.mean(np.subtract(scores, printed))
    return (
        f"| {name} | {statistics.mean(scores):.3f} | {seeds} | {gain:+.1f} "
        f"| {statistics.mean(moved):.1f} | {statistics.mean(spread):.2f} |"
    )


def main(argv: list[str]) -> int:
    del argv
    from dagan_tf.config.settings import load_config
    from dagan_tf.runs import digits

    seeds = range(FLAGS.seeds)
    size = load_config("digits", FLAGS.set).data.image_size
    _, unseen = handwritten_digits(size)
    printed = [printed_digits(digits.PRINTED, size, seed) for seed in seeds]
    accuracy = digits.classifier_accuracy
    raw = [accuracy(*printed[seed], *unseen, seed=seed) for seed in seeds]
    print(
        "| refiner | accuracy | by seed | points over printed | mean change, grey levels "
        "| spread of a pixel, refined to printed |\n|---|---|---|---|---|---|"
    )
    print(table_row("none: printed", raw, [0.0], [1.0], raw), flush=True)
    for name, overrides in ROWS.items():
        scores, moved, spread = [], [], []
        for seed in seeds:
            config = load_config("digits", [*overrides, *FLAGS.set, f"seed={seed}"])
            folder = Path(FLAGS.output) / "_".join(name.replace("'", "").split()) / f"seed_{seed}"
            found = digits.refined_digits(config, folder)
            if found is None:
                print("interrupted; the same command goes on from here", file=sys.stderr)
                return INTERRUPTED
            refined, (images, labels) = found[0], printed[seed]
            scores.append(accuracy(refined, labels, *unseen, seed=seed))
            moved.append(float(np.abs(refined.astype(float) - images).mean()))
            spread.append(float(refined.std(axis=0).mean() / images.std(axis=0).mean()))
        print(table_row(name, scores, moved, spread, raw), flush=True)
    return 0


if __name__ == "__main__":
    run_app(main, uses_tensorflow=True)
