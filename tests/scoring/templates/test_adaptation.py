import numpy as np
import pytest
from scipy.optimize import minimize

from dagan_tf.errors import DaganError
from dagan_tf.scoring.templates.adaptation import adapted_scores


def margin(positives, negatives, query):
    """Of a squared-hinge SVM, minimised by SciPy; the offset is penalised, as liblinear does."""
    samples = np.concatenate([positives, negatives])
    samples = np.concatenate([samples, np.ones((len(samples), 1))], axis=1)
    signs = np.repeat([1.0, -1.0], [len(positives), len(negatives)])
    weights = np.repeat(
        [len(signs) / (2 * len(positives)), len(signs) / (2 * len(negatives))],
        [len(positives), len(negatives)],
    )

    def loss(w):
        return w @ w / 2 + (weights * np.maximum(0, 1 - signs * (samples @ w)) ** 2).sum()

    found = minimize(loss, np.zeros(samples.shape[1]), tol=1e-12).x
    return query @ found[:-1] + found[-1]


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


@pytest.fixture
def case():
    rng = np.random.default_rng(0)
    media = unit(rng.normal(size=(4, 3)))
    return media, np.array([0, 0, 1, 2]), unit(rng.normal(size=(6, 3)))


def test_a_pair_is_the_mean_of_what_both_svms_say(case):
    media, owner, negatives = case
    score = adapted_scores(media, owner, np.array([0]), np.array([1]), negatives, betas=(0.0,))
    there = margin(media[:2], negatives, media[2])
    back = np.mean([margin(media[2:3], negatives, row) for row in media[:2]])
    assert score[0] == pytest.approx((there + back) / 2, abs=2e-3)


def test_gallery_templates_have_each_other_for_negatives(case):
    media, owner, negatives = case
    score = adapted_scores(
        media, owner, np.array([0]), np.array([1]), negatives, gallery=[1, 2], betas=(0.0,)
    )
    there = margin(media[:2], negatives, media[2])
    more = np.concatenate([negatives, media[3:]])
    back = np.mean([margin(media[2:3], more, row) for row in media[:2]])
    assert score[0] == pytest.approx((there + back) / 2, abs=2e-3)


def test_the_same_person_scores_higher():
    rng = np.random.default_rng(1)
    centres = unit(rng.normal(size=(20, 16)))
    media = unit(np.repeat(centres[:2], 6, axis=0) + 0.15 * rng.normal(size=(12, 16)))
    owner = np.repeat([0, 1, 2, 3], 3)
    negatives = unit(np.repeat(centres[2:], 3, axis=0) + 0.15 * rng.normal(size=(54, 16)))
    first, second = np.array([0, 2, 0, 1]), np.array([1, 3, 2, 3])
    scores = adapted_scores(media, owner, first, second, negatives)
    assert scores[:2].min() > 0 > scores[2:].max()


def test_bad_input_is_named(case):
    media, owner, negatives = case
    with pytest.raises(DaganError, match="negatives have shape"):
        adapted_scores(media, owner, np.array([0]), np.array([1]), negatives[:0])
    with pytest.raises(DaganError, match="which has no media"):
        adapted_scores(media, owner, np.array([0]), np.array([9]), negatives)
