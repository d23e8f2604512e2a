"""Random cases with ties; what our measures say of them, and what scikit-learn and SciPy say.

A measure's values are lists in one order everywhere, so that they can be compared one by one.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.linalg
import scipy.optimize
import scipy.spatial.distance
import scipy.stats
from sklearn import metrics
from sklearn.metrics.pairwise import (
    paired_cosine_distances,
    paired_euclidean_distances,
    polynomial_kernel,
)

from dagan_tf.evaluation.identity import paired_cosines, paired_distances
from dagan_tf.evaluation.realism import frechet_distance, kernel_distance
from dagan_tf.metrics.identification import cmc, open_set, search
from dagan_tf.metrics.roc import auc, equal_error_rate, roc
from dagan_tf.metrics.verification import OperatingPoint, operating_points

FARS = (0.05, 0.1, 0.3, 1.0)
FPIR = 0.5

# From a measure's name to its values.
Values = dict[str, list[float]]


@dataclass(frozen=True, eq=False)
class Case:
    """One problem of every kind; scores and features are rounded, so tied, in every other one.

    Attributes:
        scores: (N,) float32 or float64 of pairs.
        same: (N,) bool, at least two of each kind.
        table: (P, G) scores of searches.
        probes: (P,) int subjects; the first is in the gallery, the second and third are not.
        gallery: (G,) int subjects, each once.
        real: (K, D) features, K > 3 D.
        fake: (K, D) features.
    """

    scores: np.ndarray
    same: np.ndarray
    table: np.ndarray
    probes: np.ndarray
    gallery: np.ndarray
    real: np.ndarray
    fake: np.ndarray

    def points(self) -> tuple[OperatingPoint, ...]:
        """Ours at the FARs that the impostors resolve."""
        impostors = int((~self.same).sum())
        fars = [far for far in FARS if far * impostors >= 1]
        return operating_points(self.scores, self.same, fars)


def random_case(seed: int) -> Case:
    """Draws a case."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(6, 120))
    same = rng.random(count) < rng.uniform(0.2, 0.8)
    same[:4] = True, False, True, False
    scores = rng.normal(size=count) + same
    gallery = rng.permutation(int(rng.integers(2, 12)))
    probes = rng.integers(0, 2 * len(gallery), int(rng.integers(4, 30)))
    probes[:3] = 0, len(gallery), len(gallery) + 1
    table = rng.normal(size=(len(probes), len(gallery)))
    table += probes[:, None] == gallery[None, :]
    width = int(rng.integers(1, 8))
    real, fake = rng.normal(size=(2, int(rng.integers(4 * width, 60)), width)) + 3.0
    fake = 0.2 + 1.1 * fake
    if seed % 2:
        places = int(rng.integers(0, 2))
        scores, table, real, fake = (np.round(x, places) for x in (scores, table, real, fake))
        # Rounding may leave a feature without spread or a row at 0.
        real[0], fake[0] = 5.0, -5.0
        real[1], fake[1] = np.arange(1, width + 1), np.arange(width, 0, -1) ** 2
        real, fake = np.where(real == 0, 1.0, real), np.where(fake == 0, 1.0, fake)
    dtype = np.float32 if seed % 3 else np.float64
    return Case(scores.astype(dtype), same, table, probes, gallery, real, fake)


def ours(case: Case) -> Values:
    """What the package says."""
    points = case.points()
    curve = roc(case.scores, case.same)
    found = search(case.table, case.probes, case.gallery)
    point = open_set(found, FPIR)
    return {
        "TAR at FAR": [one.tar for one in points],
        "FAR reached": [one.far for one in points],
        "AUC": [auc(case.scores, case.same)],
        "EER": [equal_error_rate(case.scores, case.same)],
        "ROC": [*curve.far, *curve.tar],
        "ranks": [float(rank) for rank in found.rank if rank],
        "CMC": cmc(found, range(1, len(case.gallery) + 1)).tolist(),
        "TPIR, any rank": [point.tpir_any_rank],
        "TPIR, rank 1": [point.tpir_rank1],
        "FPIR reached": [point.fpir],
        "kernel distance": [kernel_distance(case.real, case.fake)],
        "Fréchet distance": [frechet_distance(case.real, case.fake)],
        "identity cosine": paired_cosines(case.real, case.fake).tolist(),
        "identity distance": paired_distances(case.real, case.fake).tolist(),
    }


def by_scikit_learn(case: Case) -> Values:
    """What scikit-learn has."""
    far, tar, _ = metrics.roc_curve(case.same, case.scores, drop_intermediate=False)
    within = [far <= point.asked for point in case.points()]

    def off_diagonal(rows: np.ndarray) -> float:
        gram = kernel(rows, rows)
        return float(gram[~np.eye(len(gram), dtype=bool)].mean())

    def kernel(one: np.ndarray, two: np.ndarray) -> np.ndarray:
        return polynomial_kernel(one, two, degree=3, gamma=1 / one.shape[1], coef0=1)

    cross = float(kernel(case.real, case.fake).mean())
    return {
        "TAR at FAR": [float(tar[some].max()) for some in within],
        "FAR reached": [float(far[some].max()) for some in within],
        "AUC": [float(metrics.roc_auc_score(case.same, case.scores))],
        "ROC": [*far, *tar],
        "kernel distance": [off_diagonal(case.real) + off_diagonal(case.fake) - 2 * cross],
        "identity cosine": (1 - paired_cosine_distances(case.real, case.fake)).tolist(),
        "identity distance": paired_euclidean_distances(case.real, case.fake).tolist(),
    }


def by_scipy(case: Case) -> Values:
    """What SciPy has, or gives the means for."""
    genuine, impostor = case.scores[case.same], case.scores[~case.same]
    wins = scipy.stats.mannwhitneyu(genuine, impostor).statistic
    far, tar, _ = metrics.roc_curve(case.same, case.scores, drop_intermediate=False)
    places = np.arange(len(far))

    def excess(place: float) -> float:
        return float(np.interp(place, places, far) + np.interp(place, places, tar) - 1)

    crossing = scipy.optimize.brentq(excess, 0, len(far) - 1, xtol=1e-14)
    ranks = [
        float(scipy.stats.rankdata(-row, method="max")[np.flatnonzero(case.gallery == probe)[0]])
        for row, probe in zip(case.table, case.probes, strict=True)
        if probe in case.gallery
    ]
    one, two = np.cov(case.real, rowvar=False), np.cov(case.fake, rowvar=False)
    one, two = np.atleast_2d(one), np.atleast_2d(two)
    apart = case.real.mean(axis=0) - case.fake.mean(axis=0)
    root = np.trace(np.atleast_2d(scipy.linalg.sqrtm(one @ two))).real
    pairs = list(zip(case.real, case.fake, strict=True))
    return {
        "AUC": [float(wins) / (len(genuine) * len(impostor))],
        "EER": [float(np.interp(crossing, places, far))],
        "ranks": ranks,
        "CMC": (1 + np.arange(len(case.gallery)) >= np.array(ranks)[:, None]).mean(axis=0).tolist(),
        "Fréchet distance": [float(apart @ apart + np.trace(one) + np.trace(two) - 2 * root)],
        "identity cosine": [1 - scipy.spatial.distance.cosine(a, b) for a, b in pairs],
        "identity distance": [float(scipy.spatial.distance.euclidean(a, b)) for a, b in pairs],
    }


ORACLES: dict[str, Callable[[Case], Values]] = {
    "scikit-learn": by_scikit_learn,
    "SciPy": by_scipy,
}


def difference(mine: list[float], theirs: list[float]) -> float:
    """Greatest |a - b| / max(1, |b|); infinite where the lengths differ or a value is NaN."""
    if len(mine) != len(theirs) or not len(mine):
        return float("inf")
    one, two = np.array(mine, dtype=np.float64), np.array(theirs, dtype=np.float64)
    gaps = np.abs(one - two) / np.maximum(1.0, np.abs(two))
    return float(np.where(np.isnan(gaps), np.inf, gaps).max())
