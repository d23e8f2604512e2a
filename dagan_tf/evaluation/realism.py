"""How near a set of synthetic faces is to a set of real ones.

Two families. *Classifiers*: how well can a classifier tell the sets apart (two-sample test,
Lopez-Paz and Oquab, ICLR 2017), and how many faces pass as real before a classifier that was
trained on other people. *Distances* between feature clouds: the kernel distance with KID's
formula (Binkowski et al., ICLR 2018) and the Fréchet distance with FID's (Heusel et al., NIPS
2017). Neither is KID or FID, which are defined on one Inception network's features; print the
feature space beside the number.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigvalsh
from scipy.linalg.blas import dsyrk
from scipy.linalg.lapack import dpotrf, dsygst
from sklearn.linear_model import LogisticRegression

from dagan_tf.metrics.roc import win_rate

# From (N, ...) samples to (N,) logits, > 0 = taken for real.
LogitFunction = Callable[[np.ndarray], np.ndarray]
# From real samples, synthetic samples and a seed to a trained classifier.
Trainer = Callable[[np.ndarray, np.ndarray, int], LogitFunction]


@dataclass(frozen=True)
class TwoSampleTest:
    """Outcome of `two_sample_test`.

    Attributes:
        auc: Area under the ROC curve on held-out people, mean over folds; 0.5 = real and
            synthetic cannot be told apart, 1 = always told apart.
        accuracy: Mean of the shares of real and of synthetic faces judged correctly.
        real_logits: (N,) held-out logit of each real sample, mean over repeats; > 0 = real.
        fake_logits: (M,) the same of each synthetic sample.
    """

    auc: float
    accuracy: float
    real_logits: np.ndarray
    fake_logits: np.ndarray

    @property
    def margin(self) -> float:
        """Mean real minus mean synthetic logit: still tells degrees apart where AUC is 1."""
        return float(self.real_logits.mean() - self.fake_logits.mean())


def train_logistic(real: np.ndarray, fake: np.ndarray, seed: int = 0) -> LogitFunction:
    """Trains ridge-penalised logistic regression with both classes weighted alike.

    Features are standardised and divided by the square root of their number, so that the
    penalty (C = 10) means the same in every feature space.

    Args:
        real: (N, D) features of real samples.
        fake: (M, D) features of synthetic samples.
        seed: Unused, since the problem is convex; there for the `Trainer` signature.

    Returns:
        The classifier.
    """
    del seed
    _check_features(real, fake)
    samples = np.concatenate([real, fake]).astype(np.float64)
    mean, spread = samples.mean(axis=0), samples.std(axis=0)
    scale = np.where(spread > 1e-9, spread, np.inf) * np.sqrt(samples.shape[1])
    labels = np.repeat([1, 0], [len(real), len(fake)])
    model = LogisticRegression(C=10.0, class_weight="balanced", max_iter=2000)
    model.fit((samples - mean) / scale, labels)

    def logits(features: np.ndarray) -> np.ndarray:
        return model.decision_function((features - mean) / scale)

    return logits


def two_sample_test(
    real: np.ndarray,
    fake: np.ndarray,
    real_people: Sequence[str] | np.ndarray,
    fake_people: Sequence[str] | np.ndarray,
    *,
    train: Trainer = train_logistic,
    folds: int = 5,
    repeats: int = 5,
    seed: int = 0,
) -> TwoSampleTest:
    """Trains classifiers to tell real from synthetic, each tested on people it never saw.

    Args:
        real: (N, ...) real samples: features, or whatever `train` takes.
        fake: (M, ...) synthetic samples.
        real_people: (N,) whose photo it is. All samples of a person lie in the same fold, or the
            classifier could know a person instead of a difference.
        fake_people: (M,) the same for the synthetic samples.
        train: Trains one classifier.
        folds: Parts the people are divided into; at most the number of people.
        repeats: Divisions averaged over.
        seed: Of the divisions.

    Returns:
        AUC, accuracy and held-out logits.

    Raises:
        ValueError: Fewer people than folds, or a fold without both kinds.
    """
    real_people, fake_people = np.asarray(real_people), np.asarray(fake_people)
    _check_people(real, real_people, "real")
    _check_people(fake, fake_people, "fake")
    people = np.union1d(real_people, fake_people)
    if not 2 <= folds <= len(people):
        raise ValueError(f"folds is {folds}; expected 2 to {len(people)}, the number of people")
    generator = np.random.default_rng(seed)
    real_logits, fake_logits = np.zeros(len(real)), np.zeros(len(fake))
    aucs, accuracies = [], []
    for repeat in range(repeats):
        for part in np.array_split(generator.permutation(people), folds):
            real_held, fake_held = np.isin(real_people, part), np.isin(fake_people, part)
            if not (real_held.any() and fake_held.any()):
                raise ValueError(
                    f"the people {', '.join(map(str, part))} have no real or no synthetic face; "
                    f"use fewer than {folds} folds"
                )
            logits = train(real[~real_held], fake[~fake_held], seed + repeat)
            on_real, on_fake = logits(real[real_held]), logits(fake[fake_held])
            real_logits[real_held] += on_real / repeats
            fake_logits[fake_held] += on_fake / repeats
            aucs.append(win_rate(on_real, on_fake))
            accuracies.append(((on_real > 0).mean() + (on_fake <= 0).mean()) / 2)
    return TwoSampleTest(float(np.mean(aucs)), float(np.mean(accuracies)), real_logits, fake_logits)


def kernel_distance(real: np.ndarray, fake: np.ndarray) -> float:
    """Squared maximum mean discrepancy with the kernel (x·y / D + 1)³, unbiased.

    KID's formula, over all pairs instead of random subsets. The estimate is unbiased at any
    sample size, so it may be below 0 where the sets are alike.

    Args:
        real: (N, D) features, N > 1.
        fake: (M, D) features, M > 1.

    Returns:
        The distance; 0 = same distribution, as far as cubic statistics see.
    """
    return Grams.of(real, fake).distance()


@dataclass(frozen=True, eq=False)
class Grams:
    """Kernel values between all samples, from which the distance of any subsets is cheap.

    Attributes:
        real: (N, N) between real samples.
        fake: (M, M) between synthetic samples.
        cross: (N, M) between both.
    """

    real: np.ndarray
    fake: np.ndarray
    cross: np.ndarray

    @classmethod
    def of(cls, real: np.ndarray, fake: np.ndarray) -> "Grams":
        """Computes the kernel (x·y / D + 1)³ of (N, D) and (M, D) features."""
        real, fake = _check_features(real, fake)
        return cls(
            *(
                (a @ b.T / a.shape[1] + 1.0) ** 3
                for a, b in ((real, real), (fake, fake), (real, fake))
            )
        )

    def distance(
        self, real_rows: np.ndarray | None = None, fake_rows: np.ndarray | None = None
    ) -> float:
        """Returns `kernel_distance`, of the given rows only if any are given."""
        real, fake, cross = self.real, self.fake, self.cross
        if real_rows is not None:
            real, cross = real[np.ix_(real_rows, real_rows)], cross[real_rows]
        if fake_rows is not None:
            fake, cross = fake[np.ix_(fake_rows, fake_rows)], cross[:, fake_rows]
        return float(_mean_of_pairs(real) + _mean_of_pairs(fake) - 2.0 * cross.mean())


def frechet_distance(real: np.ndarray, fake: np.ndarray) -> float:
    """Fréchet distance of the two Gaussians fitted to the sets.

    |μ1 - μ2|² + tr(Σ1 + Σ2 - 2 (Σ1 Σ2)^½). The trace of the root is the sum of the singular
    values of X Yᵀ / sqrt((N-1)(M-1)), X and Y being the centred samples: no matrix root, no
    added epsilon, exact where there are fewer samples than features.

    The estimate is biased upwards at small sample sizes, badly so below about ten samples a
    feature: compare only sets of equal sizes, and beside a real-against-real figure.

    Args:
        real: (N, D) features, N > 1.
        fake: (M, D) features, M > 1.

    Returns:
        The distance, at least 0.
    """
    real, fake = _check_features(real, fake)
    real_offset, fake_offset = real.mean(axis=0), fake.mean(axis=0)
    first = (real - real_offset) / np.sqrt(len(real) - 1)
    second = (fake - fake_offset) / np.sqrt(len(fake) - 1)
    offset = ((real_offset - fake_offset) ** 2).sum()
    traces = np.vdot(first, first) + np.vdot(second, second)
    return float(max(offset + traces - 2.0 * _trace_of_root(first, second), 0.0))


# Below this share of the largest, the square roots of eigenvalues lose digits that singular values
# of the factors keep.
_LEAST_EIGENVALUE = 1e-9


def _trace_of_root(first: np.ndarray, second: np.ndarray) -> float:
    """tr((AᵀA BᵀB)^½) of A (N, D) and B (M, D): the sum of the singular values of A Bᵀ."""
    if min(len(first), len(second)) > first.shape[1]:
        # All by SciPy: NumPy's BLAS has threads of its own, and the two would wait for each other.
        root, failed = dpotrf(dsyrk(1.0, first.T, lower=1), lower=1, overwrite_a=1)
        if not failed:  # or there are features that depend on each other
            # Lᵀ Σ2 L by LAPACK's reduction, which makes use of symmetry and triangle: a quarter of
            # the work of two products.
            product, _ = dsygst(
                dsyrk(1.0, second.T, lower=1), root, itype=2, lower=1, overwrite_a=1
            )
            squares = eigvalsh(product, driver="evd", overwrite_a=True, check_finite=False)
            if squares[0] > _LEAST_EIGENVALUE * squares[-1]:
                return float(np.sqrt(squares).sum())
    factors = [
        rows if len(rows) <= rows.shape[1] else np.asarray(np.linalg.qr(rows, mode="r"))
        for rows in (first, second)
    ]
    return float(np.linalg.svd(factors[0] @ factors[1].T, compute_uv=False).sum())


def diversity(samples: np.ndarray, people: Sequence[str] | np.ndarray) -> float:
    """Mean L1 distance a value between samples of different people.

    Refined faces that are much less diverse than their inputs have collapsed.

    Args:
        samples: (N, ...) images or features.
        people: (N,) whose sample it is; at least two people.

    Returns:
        The mean, in the units of the samples.
    """
    people = np.asarray(people)
    flat = np.asarray(samples, dtype=np.float32).reshape(len(samples), -1)
    sums, pairs = 0.0, 0
    for row in range(len(flat)):
        others = np.flatnonzero(people[row + 1 :] != people[row]) + row + 1
        sums += float(np.abs(flat[others] - flat[row]).mean(axis=1, dtype=np.float64).sum())
        pairs += len(others)
    if not pairs:
        raise ValueError("diversity needs samples of at least 2 people")
    return sums / pairs


def _mean_of_pairs(gram: np.ndarray) -> float:
    return float(gram.sum() - np.trace(gram)) / (len(gram) * (len(gram) - 1))


def _check_features(real: np.ndarray, fake: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    real, fake = np.asarray(real, dtype=np.float64), np.asarray(fake, dtype=np.float64)
    for name, features in (("real", real), ("fake", fake)):
        if features.ndim != 2 or len(features) < 2:
            raise ValueError(f"{name} has shape {features.shape}; expected (N, D) with N > 1")
        if not np.isfinite(features).all():
            raise ValueError(f"{name} holds values that are not finite")
    if real.shape[1] != fake.shape[1]:
        raise ValueError(f"real has {real.shape[1]} features and fake {fake.shape[1]}")
    return real, fake


def _check_people(samples: np.ndarray, people: np.ndarray, name: str) -> None:
    if len(samples) != len(people):
        raise ValueError(f"{name} has {len(samples)} samples but {len(people)} people named")
