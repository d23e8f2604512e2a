import numpy as np
import pytest

from dagan_tf.errors import DaganError
from dagan_tf.scoring.templates.aggregation import Aggregator, classification, train_aggregator
from tests.helpers.toy_templates import templates_of


def test_two_attentions_by_hand():
    # q = (ln 3, 0): the first face weighs 3/4, r0 = (3/4, 1/4). W picks r0's second value, so
    # q1 = (tanh 1/4, 0) and the first face weighs e^tanh(1/4) against 1.
    aggregator = Aggregator(np.array([np.log(3), 0]), np.array([[0, 1.0], [0, 0]]), np.zeros(2))
    weight = np.exp(np.tanh(0.25))
    expected = np.array([weight, 1.0]) / (weight + 1.0)
    np.testing.assert_allclose(aggregator(np.eye(2)), expected, rtol=1e-12)
    np.testing.assert_allclose(aggregator(np.eye(2)[::-1]), expected, rtol=1e-12)


def test_an_untrained_one_is_the_mean():
    plain = Aggregator(np.zeros(2), np.zeros((2, 2)), np.zeros(2))
    np.testing.assert_allclose(plain(np.array([[1.0, 0], [0, 1], [0, 1]])), [1 / 3, 2 / 3])
    templates = templates_of([0, 1, 2, 3], [0, 1, 1, 2], [0, 0, 1])
    features = np.array([[1.0, 0], [0, 2], [0, 4], [3, 4]], np.float32)
    found = plain.templates(features, templates)
    np.testing.assert_allclose(found, [[1 / 5**0.5, 2 / 5**0.5], [0.6, 0.8]], atol=1e-6)


def test_gradients_equal_finite_differences():
    rng = np.random.default_rng(0)
    values = [
        rng.normal(size=3),
        rng.normal(size=(3, 3)),
        rng.normal(size=3),
        rng.normal(size=(4, 3)),
    ]
    faces, person = rng.normal(size=(5, 6, 3)), np.array([0, 3, 1, 1, 2])

    def loss():
        return classification(Aggregator(*values[:3]), values[3], faces, person)[0]

    _, gradients = classification(Aggregator(*values[:3]), values[3], faces, person)
    for value, gradient in zip(values, gradients, strict=True):
        for place in np.ndindex(value.shape):
            value[place] += 1e-6
            above = loss()
            value[place] -= 2e-6
            below = loss()
            value[place] += 1e-6
            assert gradient[place] == pytest.approx((above - below) / 2e-6, abs=1e-7)


def test_training_learns_to_overlook_useless_faces():
    rng = np.random.default_rng(1)
    people = np.repeat(np.arange(30), 10)

    def faces(centres):
        useless = rng.random(len(people)) < 0.5
        features = centres[people] + 0.3 * rng.normal(size=(len(people), 12))
        features[useless] = 1.5 * rng.normal(size=(useless.sum(), 12))
        features[:, 0] = np.where(useless, 3.0, -3.0)  # what gives them away
        return features, useless

    features, _ = faces(rng.normal(size=(30, 12)))
    trained = train_aggregator(features, people, steps=400, rate=0.02)
    unseen, useless = faces(rng.normal(size=(30, 12)))
    rows = unseen / np.linalg.norm(unseen, axis=1, keepdims=True)
    pair = np.stack([rows[useless][:20], rows[~useless][:20]], axis=1)
    shares = [np.linalg.lstsq(two.T, trained(two), rcond=None)[0] for two in pair]
    assert np.mean(shares, axis=0)[1] > 0.6


def test_bad_input_is_named():
    with pytest.raises(DaganError, match="1 people of 4 faces"):
        train_aggregator(np.ones((4, 2)), np.zeros(4))
