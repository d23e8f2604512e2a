"""The realism measures against scikit-learn, SciPy and sets whose answer is known."""

import itertools

import numpy as np
import pytest
import scipy.linalg
from sklearn.metrics import roc_auc_score
from sklearn.metrics.pairwise import polynomial_kernel

from dagan_tf.evaluation import realism
from dagan_tf.metrics.roc import win_rate


@pytest.fixture
def sets() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(40, 6)), rng.normal(0.5, 1.5, size=(30, 6))


def test_kernel_distance_is_kid_s_formula(sets) -> None:
    real, fake = sets

    def kernel(a, b):
        return polynomial_kernel(a, b, degree=3, gamma=1 / 6, coef0=1)

    def off_diagonal(gram):
        return gram[~np.eye(len(gram), dtype=bool)].mean()

    expected = (
        off_diagonal(kernel(real, real))
        + off_diagonal(kernel(fake, fake))
        - 2 * kernel(real, fake).mean()
    )
    assert realism.kernel_distance(real, fake) == pytest.approx(expected, rel=1e-12)


def test_kernel_distance_by_hand() -> None:
    # One feature: k(0, 0) = 1, k(1, 1) = 8, k(0, 1) = 1. Pairs apart: 1 + 8 - 2 * 1.
    assert realism.kernel_distance(np.zeros((2, 1)), np.ones((2, 1))) == pytest.approx(7.0)


def test_kernel_distance_is_unbiased_at_small_samples() -> None:
    rng = np.random.default_rng(1)
    values = [
        realism.kernel_distance(rng.normal(size=(5, 3)), rng.normal(size=(6, 3)))
        for _ in range(3000)
    ]
    error = np.std(values) / np.sqrt(len(values))
    assert abs(np.mean(values)) < 4 * error
    assert np.min(values) < 0


def test_frechet_distance_agrees_with_the_matrix_root(sets) -> None:
    real, fake = sets
    first, second = np.cov(real, rowvar=False), np.cov(fake, rowvar=False)
    root = scipy.linalg.sqrtm(first @ second).real
    expected = ((real.mean(0) - fake.mean(0)) ** 2).sum() + np.trace(first + second - 2 * root)
    assert realism.frechet_distance(real, fake) == pytest.approx(expected, rel=1e-9)


def test_frechet_distance_by_hand() -> None:
    # Variances 2 and 8, means 0 and 3: 9 + 2 + 8 - 2 * 4.
    real, fake = np.array([[-1.0], [1.0]]), np.array([[1.0], [5.0]])
    assert realism.frechet_distance(real, fake) == pytest.approx(11.0)


def test_frechet_distance_with_fewer_samples_than_features() -> None:
    rng = np.random.default_rng(2)
    real, fake = rng.normal(size=(8, 50)), rng.normal(size=(9, 50))
    first, second = np.cov(real, rowvar=False), np.cov(fake, rowvar=False)
    eigenvalues = np.linalg.eigvals(first @ second)
    cross = np.sqrt(np.maximum(eigenvalues.real, 0)).sum()
    expected = ((real.mean(0) - fake.mean(0)) ** 2).sum() + np.trace(first + second) - 2 * cross
    assert realism.frechet_distance(real, fake) == pytest.approx(expected, rel=1e-4)
    assert realism.frechet_distance(real, real) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("measure", [realism.kernel_distance, realism.frechet_distance])
def test_distances_refuse_bad_features(measure) -> None:
    good = np.ones((3, 4))
    for bad, message in [
        (np.ones((3, 5)), "4 features and fake 5"),
        (np.ones((1, 4)), r"fake has shape \(1, 4\)"),
        (np.full((3, 4), np.nan), "fake holds values that are not finite"),
    ]:
        with pytest.raises(ValueError, match=message):
            measure(good, bad)


def test_auc_counts_ties_half() -> None:
    real, fake = np.array([1.0, 2.0, 2.0]), np.array([0.0, 2.0])
    wins = [1.0 if r > f else 0.5 if r == f else 0.0 for r, f in itertools.product(real, fake)]
    assert win_rate(real, fake) == pytest.approx(np.mean(wins))


def test_auc_agrees_with_scikit_learn() -> None:
    rng = np.random.default_rng(8)
    real, fake = rng.integers(0, 9, 50) + 1.0, rng.integers(0, 9, 70) * 1.0
    expected = roc_auc_score(np.repeat([1, 0], [50, 70]), np.concatenate([real, fake]))
    assert win_rate(real, fake) == pytest.approx(expected, rel=1e-12)


def _people_set(rng, people: int, each: int, shift: float, person_spread: float):
    centres = rng.normal(0, person_spread, size=(people, 8))
    features = np.repeat(centres, each, axis=0) + rng.normal(size=(people * each, 8))
    features[:, 0] += shift
    return features, np.repeat([f"{i:03d}" for i in range(people)], each)


def test_two_sample_test_grows_with_the_difference() -> None:
    aucs, margins = [], []
    for shift in (0.0, 1.0, 6.0):
        rng = np.random.default_rng(3)
        real, people = _people_set(rng, 30, 4, 0.0, 0.1)
        fake, _ = _people_set(rng, 30, 4, shift, 0.1)
        outcome = realism.two_sample_test(real, fake, people, people, repeats=2)
        aucs.append(outcome.auc)
        margins.append(outcome.margin)
    assert aucs[0] == pytest.approx(0.5, abs=0.1)
    # Two Gaussians one sigma apart: AUC of the best rule is Phi(1 / sqrt 2) = 0.76.
    assert aucs[1] == pytest.approx(0.74, abs=0.06)
    assert aucs[2] > 0.99
    assert margins == sorted(margins)


def test_two_sample_test_never_trains_on_a_person_it_judges() -> None:
    rng = np.random.default_rng(4)
    # The first feature is the person's number: what `train` saw can be read off its samples.
    people = np.repeat(np.arange(10), 3)
    samples = np.stack([people, rng.normal(size=30)], axis=1).astype(float)

    def train(real, fake, seed):
        seen = set(real[:, 0]) | set(fake[:, 0])

        def logits(held):
            assert not seen & set(held[:, 0])
            return np.zeros(len(held))

        return logits

    names = people.astype(str)
    outcome = realism.two_sample_test(samples, samples, names, names, train=train)
    assert outcome.auc == 0.5
    assert outcome.accuracy == 0.5
    assert outcome.margin == 0.0


def test_two_sample_test_refuses_bad_folds() -> None:
    samples, people = np.ones((4, 2)), ["a", "b", "c", "d"]
    with pytest.raises(ValueError, match="folds is 5; expected 2 to 4, the number of people"):
        realism.two_sample_test(samples, samples, people, people)
    with pytest.raises(ValueError, match="4 samples but 3 people"):
        realism.two_sample_test(samples, samples, people[:3], people)
    with pytest.raises(ValueError, match="no real or no synthetic"):
        realism.two_sample_test(samples, samples, people, ["a", "a", "b", "b"], folds=4)


def test_a_classifier_trained_once_passes_faces_in_between() -> None:
    rng = np.random.default_rng(5)
    real, _ = _people_set(rng, 40, 4, 4.0, 0.3)
    fake, _ = _people_set(rng, 40, 4, 0.0, 0.3)
    half_way, _ = _people_set(rng, 40, 4, 2.0, 0.3)
    logits = realism.train_logistic(real, fake)
    rates = [(logits(features) > 0).mean() for features in (fake, half_way, real)]
    assert rates[0] < 0.1 < rates[1] < 0.9 < rates[2]


def test_constant_features_are_harmless() -> None:
    rng = np.random.default_rng(6)
    real, fake = rng.normal(1, 1, (20, 3)), rng.normal(-1, 1, (20, 3))
    real[:, 2] = fake[:, 2] = 7.0
    assert np.isfinite(realism.train_logistic(real, fake)(real)).all()


def test_diversity_counts_other_people_only() -> None:
    samples = np.array([[0, 0], [100, 100], [2, 4]], dtype=np.uint8)
    # a-b: 100, a-c: left out (same person), b-c: (98 + 96) / 2.
    assert realism.diversity(samples, ["a", "b", "a"]) == pytest.approx((100 + 97) / 2)
    with pytest.raises(ValueError, match="at least 2 people"):
        realism.diversity(samples, ["a", "a", "a"])


@pytest.mark.parametrize("kind", ["many", "few", "dependent", "ill-conditioned"])
def test_frechet_distance_is_scipy_s_whatever_the_shape(kind):
    rng = np.random.default_rng(3)
    count = 20 if kind == "few" else 400
    first, second = rng.normal(size=(count, 30)), 0.2 + 1.3 * rng.normal(size=(count, 30))
    if kind == "dependent":
        first[:, 3] = first[:, 4]
    if kind == "ill-conditioned":
        first[:, 3] *= 1e-7
        second[:, 3] *= 1e-7
    one, two = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    # Eigenvalues of the product: its root's trace without the root, for singular matrices too.
    root = np.sqrt(np.maximum(np.linalg.eigvals(one @ two).real, 0.0)).sum()
    apart = first.mean(axis=0) - second.mean(axis=0)
    expected = apart @ apart + np.trace(one) + np.trace(two) - 2 * root
    # The oracle's own rounding: the root of an eigenvalue that should be 0.
    assert realism.frechet_distance(first, second) == pytest.approx(expected, rel=2e-6)
    if kind == "many":
        assert realism.frechet_distance(first, second) == pytest.approx(expected, rel=1e-10)
