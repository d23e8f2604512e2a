import numpy as np
import pytest
from scipy import stats

from dagan_tf.metrics.pose_histogram import pose_histogram


def test_default_bins_are_centred_at_multiples_of_fifteen():
    histogram = pose_histogram([-90, -82.6, -82.5, 0, 7.4, 7.5, 97.5])
    assert len(histogram.counts) == 13
    np.testing.assert_array_equal(
        (histogram.edges[:-1] + histogram.edges[1:]) / 2, np.arange(-90, 91, 15)
    )
    assert histogram.counts.tolist() == [2, 1, 0, 0, 0, 0, 2, 1, 0, 0, 0, 0, 1]
    assert histogram.outside == 0


def test_views_beyond_the_edges_are_counted_apart():
    histogram = pose_histogram([0, 120, -98])
    assert histogram.counts.sum() == 1
    assert histogram.outside == 2


def test_entropy_agrees_with_scipy():
    yaws = np.random.default_rng(0).normal(0, 30, 500)
    histogram = pose_histogram(yaws)
    expected = stats.entropy(histogram.counts) / np.log(13)
    assert histogram.entropy == pytest.approx(expected, rel=1e-12)
    assert 0.5 < histogram.entropy < 1


def test_entropy_bounds():
    assert pose_histogram(np.arange(-90, 91, 15)).entropy == pytest.approx(1)
    assert pose_histogram([3, 4, 5]).entropy == 0
    assert pose_histogram([]).entropy == 0
    assert pose_histogram([1], edges=[0, 2]).entropy == 0
    # Two of four bins, evenly: log 2 / log 4.
    assert pose_histogram([0, 1], edges=[0, 1, 2, 3, 4]).entropy == pytest.approx(0.5)


def test_bad_input():
    with pytest.raises(ValueError, match="not finite"):
        pose_histogram([0, float("nan")])
    with pytest.raises(ValueError, match="rising"):
        pose_histogram([0], edges=[0, 0, 1])
