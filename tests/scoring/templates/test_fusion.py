import numpy as np
import pytest
from scipy.special import softmax

from dagan_tf.errors import DaganError
from dagan_tf.scoring.templates.fusion import fused, mean_scores, media_encodings, softmax_scores
from tests.helpers.toy_templates import templates_of

# Template 0: a still and a video of two frames; template 1: one still.
FEATURES = np.array([[1.0, 0], [0, 2], [0, 4], [3, 4]], np.float32)
TEMPLATES = templates_of([0, 1, 2, 3], [0, 1, 1, 2], [0, 0, 1])
FIRST, SECOND = np.array([0]), np.array([1])


def test_media_encodings_by_hand():
    expected = [[1, 0], [0, 1], [0.6, 0.8]]
    np.testing.assert_allclose(media_encodings(FEATURES, TEMPLATES), expected, atol=1e-6)


def test_media_mean_by_hand():
    # Media means (1, 0) and (0, 3) before scaling; their mean is along (1, 3).
    expected = (1 * 0.6 + 3 * 0.8) / np.sqrt(10)
    assert mean_scores(FEATURES, TEMPLATES, FIRST, SECOND)[0] == pytest.approx(expected)


def test_softmax_fusion_by_hand():
    media = media_encodings(FEATURES, TEMPLATES)
    owner = TEMPLATES.media_template
    # The two scores are .6 and .8; β = 0 is their mean, a huge β their maximum.
    for beta, expected in ((0.0, 0.7), (1000.0, 0.8), (np.log(3) / 0.2, 0.75)):
        score = softmax_scores(media, owner, FIRST, SECOND, betas=(beta,))
        assert score[0] == pytest.approx(expected)
    both = softmax_scores(media, owner, FIRST, SECOND, betas=(0.0, 1000.0))
    assert both[0] == pytest.approx(0.75)


def test_fused_equals_scipy_and_stands_large_betas():
    scores = np.random.default_rng(0).normal(size=(4, 5))
    for beta in (-3.0, 2.0, 10.0):
        expected = (softmax(beta * scores) * scores).sum()
        assert fused(scores, (beta,)) == pytest.approx(expected, abs=1e-12)
    assert fused(scores, (1e6,)) == pytest.approx(scores.max())


def test_bad_input_is_named():
    media, owner = media_encodings(FEATURES, TEMPLATES), TEMPLATES.media_template
    with pytest.raises(DaganError, match="pair 0 names template 0 or 7, which has no media"):
        softmax_scores(media, owner, FIRST, np.array([7]))
    with pytest.raises(DaganError, match="betas are"):
        softmax_scores(media, owner, FIRST, SECOND, betas=(np.nan,))
    media[1, 0] = np.nan
    with pytest.raises(DaganError, match="row 1"):
        softmax_scores(media, owner, FIRST, SECOND)
