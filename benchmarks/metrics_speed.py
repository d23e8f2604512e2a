"""How fast the metrics are, against scikit-learn and SciPy, side by side in one run.

python -m benchmarks.metrics_speed

TAR at FAR of 15 million scores; the Fréchet distance of 2048-d features; an evaluation as large as
IJB-C 1:1 (469,375 features of 512 numbers, 23,124 templates, 15,658,489 pairs; random features),
with its peak memory. Everything is random from a seed.
"""

import resource
import time

import numpy as np
from absl import flags
from scipy.linalg import sqrtm
from sklearn.metrics import roc_curve
from tqdm import tqdm

from dagan_tf.core.program import run_app
from dagan_tf.evaluation.realism import frechet_distance
from dagan_tf.metrics.templates import media_means, pair_scores
from dagan_tf.metrics.verification import operating_points

FLAGS = flags.FLAGS
flags.DEFINE_integer("scores", 15_000_000, "Scores of the TAR at FAR.")
flags.DEFINE_integer("rounds", 3, "Times ours is measured; the median counts.")
flags.DEFINE_bool("ijbc", True, "Also the evaluation as large as IJB-C.")

FARS = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2)


def seconds(work, rounds):  # type: ignore[no-untyped-def]
    """Median seconds and the last result."""
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        result = work()
        times.append(time.perf_counter() - began)
    return float(np.median(times)), result


def tar_at_far() -> None:
    rng = np.random.default_rng(0)
    same = rng.random(FLAGS.scores) < 0.00125
    scores = (0.1 * rng.standard_normal(FLAGS.scores) + 0.4 * same).astype(np.float32)
    ours, points = seconds(lambda: operating_points(scores, same, FARS), FLAGS.rounds)
    theirs, curve = seconds(lambda: roc_curve(same, scores, drop_intermediate=False), 1)
    far, tar, _ = curve
    worst = max(
        abs(point.tar - tar[far <= asked].max()) for asked, point in zip(FARS, points, strict=True)
    )
    print(
        f"TAR at {len(FARS)} FARs of {FLAGS.scores:,} scores: ours {ours:.3f} s, scikit-learn's "
        f"roc_curve {theirs:.2f} s, ratio {theirs / ours:.1f}; largest difference {worst:.1e}"
    )


def frechet() -> None:
    rng = np.random.default_rng(1)
    scale = np.linspace(0.1, 2.0, 2048)
    first = rng.standard_normal((5000, 2048)) * scale
    second = (0.1 + 1.1 * rng.standard_normal((5000, 2048))) * scale

    def by_sqrtm() -> float:
        one, two = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
        apart = first.mean(axis=0) - second.mean(axis=0)
        root = np.trace(sqrtm(one @ two)).real
        return float(apart @ apart + np.trace(one) + np.trace(two) - 2.0 * root)

    ours, value = seconds(lambda: frechet_distance(first, second), FLAGS.rounds)
    theirs, expected = seconds(by_sqrtm, 1)
    print(
        f"Fréchet distance, 2 x 5000 x 2048: ours {ours:.2f} s, SciPy's sqrtm {theirs:.2f} s, "
        f"ratio {theirs / ours:.1f}; relative difference {abs(value / expected - 1):.1e}"
    )


def ijbc() -> None:
    rng = np.random.default_rng(2)
    faces, templates, pairs, media = 469_375, 23_124, 15_658_489, 140_000
    features = rng.standard_normal((faces, 512), dtype=np.float32)
    media_template = np.concatenate(
        [np.arange(templates), rng.integers(0, templates, media - templates)]
    )
    groups = np.concatenate([np.arange(media), rng.integers(0, media, faces - media)])
    first, second = rng.integers(0, templates, (2, pairs))
    same = rng.random(pairs) < 0.00125
    began = time.perf_counter()
    with tqdm(total=faces + pairs, unit="row", unit_scale=True, desc="IJB-C size") as bar:
        means = media_means(features, np.arange(faces), groups, media_template, advance=bar.update)
        scores = pair_scores(means, first, second, advance=bar.update)
    operating_points(scores, same, FARS)
    spent = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"IJB-C size: {spent:.1f} s, peak memory of the process {peak:.2f} GiB")


def main(argv: list[str]) -> None:
    del argv
    if FLAGS.ijbc:
        ijbc()  # first: the peak memory is the process's
    tar_at_far()
    frechet()


if __name__ == "__main__":
    run_app(main)
