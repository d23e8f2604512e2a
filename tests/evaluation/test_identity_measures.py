"""Identity measures by hand and against SciPy."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist, cosine

from dagan_tf.evaluation import identity


def test_paired_measures() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(5, 7)), rng.normal(size=(5, 7))
    np.testing.assert_allclose(
        identity.paired_distances(first, second), np.diag(cdist(first, second))
    )
    np.testing.assert_allclose(
        identity.paired_cosines(first, second),
        [1 - cosine(a, b) for a, b in zip(first, second, strict=True)],
    )
    with pytest.raises(ValueError, match=r"expected \(N, D\) twice"):
        identity.paired_distances(first, second[:4])


def test_distance_matrix_keeps_small_distances() -> None:
    first = np.array([[1000.0, 0.0], [1000.0, 1e-6]])
    np.testing.assert_allclose(identity.distance_matrix(first, first)[0, 1], 1e-6, rtol=1e-6)


def test_margins_by_hand() -> None:
    gallery = np.array([[0.0], [10.0], [3.0]])
    people = ["a", "b", "a"]
    # 4 is 1 from a's nearest photo and 6 from b; 7 is 4 from a and 3 from b, whose it is not.
    margins = identity.identity_margins(np.array([[4.0], [7.0]]), ["a", "a"], gallery, people)
    np.testing.assert_allclose(margins, [5.0, -1.0])
    hits = identity.rank1(np.array([[4.0], [7.0]]), ["a", "a"], gallery, people)
    np.testing.assert_array_equal(hits, [True, False])


def test_a_tie_is_a_miss() -> None:
    """A network that gives everybody the same embedding recognises nobody."""
    same = np.ones((4, 3))
    assert not identity.rank1(same, list("abcd"), same, list("abcd")).any()


def test_impossible_galleries_are_refused() -> None:
    probes = np.ones((1, 2))
    with pytest.raises(ValueError, match="person 'x' is among the probes"):
        identity.rank1(probes, ["x"], np.ones((2, 2)), ["a", "b"])
    with pytest.raises(ValueError, match="one person only"):
        identity.rank1(probes, ["a"], np.ones((2, 2)), ["a", "a"])
