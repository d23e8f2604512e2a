import numpy as np
import pytest

from dagan_tf.errors import DaganError
from dagan_tf.metrics.templates import media_means, normalised, pair_scores


def test_a_video_counts_as_much_as_a_still():
    features = np.array([[1.0, 0], [0, 1], [0, 1], [0, 1], [3, 4]], np.float32)
    # Template 0: a still (face 0) and a video of three frames; template 1: one still.
    means = media_means(
        features,
        face=np.array([0, 1, 2, 3, 4]),
        media=np.array([0, 1, 1, 1, 2]),
        media_template=np.array([0, 0, 1]),
    )
    np.testing.assert_allclose(means, [[np.sqrt(0.5), np.sqrt(0.5)], [0.6, 0.8]], rtol=1e-6)


def test_media_means_equal_a_loop_whatever_the_order():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(300, 8)).astype(np.float32)
    media_template = np.sort(rng.integers(0, 40, 120))
    media_template[:40] = np.arange(40)
    media = np.concatenate([np.arange(120), rng.integers(0, 120, 380)])
    face = rng.integers(0, 300, 500)
    order = rng.permutation(500)
    found = media_means(features, face[order], media[order], media_template)
    for template in range(40):
        groups = [
            features[face[media == m]].mean(axis=0)
            for m in np.flatnonzero(media_template == template)
        ]
        mean = np.mean(groups, axis=0)
        np.testing.assert_allclose(found[template], mean / np.linalg.norm(mean), atol=1e-5)


@pytest.mark.parametrize("count", [50, 40_000])
def test_pair_scores_equal_dot_products(count):
    rng = np.random.default_rng(1)
    templates = normalised(rng.normal(size=(1500, 16)))
    first, second = rng.integers(0, 1500, (2, count))
    done = []
    scores = pair_scores(templates, first, second, advance=done.append)
    np.testing.assert_allclose(scores, (templates[first] * templates[second]).sum(1), atol=1e-5)
    assert sum(done) == count


def test_bad_features_are_named():
    features = np.ones((3, 2), np.float32)
    features[2, 1] = np.nan
    with pytest.raises(DaganError, match="row 2 hold values that are not finite"):
        media_means(features, np.arange(3), np.arange(3), np.arange(3))
    with pytest.raises(DaganError, match="media group 1 is empty"):
        media_means(np.ones((2, 2)), np.array([0, 1]), np.array([0, 2]), np.array([0, 0, 1]))
    with pytest.raises(DaganError, match="row 1 are all 0"):
        normalised(np.array([[1.0, 0], [0, 0]]))
    with pytest.raises(DaganError, match="second names a row outside the 2 templates"):
        pair_scores(np.ones((2, 2)), np.array([0]), np.array([2]))
