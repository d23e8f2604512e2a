import numpy as np
import pytest

from dagan_tf.errors import DaganError
from dagan_tf.metrics.roc import auc
from dagan_tf.scoring.templates.triplet_embedding import (
    embedded,
    train_triplet_embedding,
    triplet_gradient,
    triplet_loss,
)


def test_loss_by_hand():
    weights = np.diag([1.0, 2.0])
    anchor, positive, negative = np.array([[1.0, 0]]), np.array([[1.0, 0]]), np.array([[0, 1.0]])
    # s_ij = 1, s_ik = 0: p = e / (e + 1).
    assert triplet_loss(weights, anchor, positive, negative)[0] == pytest.approx(
        -np.log(np.e / (np.e + 1))
    )
    assert triplet_loss(weights, anchor, positive, positive)[0] == pytest.approx(np.log(2))
    # Along W's second axis the product counts four times.
    assert triplet_loss(weights, negative, negative, anchor)[0] == pytest.approx(
        np.log1p(np.exp(-4))
    )


def test_gradient_equals_finite_differences():
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(3, 5))
    triplets = rng.normal(size=(3, 7, 5))
    found = triplet_gradient(weights, *triplets)
    for place in np.ndindex(weights.shape):
        step = np.zeros_like(weights)
        step[place] = 1e-6
        change = triplet_loss(weights + step, *triplets) - triplet_loss(weights - step, *triplets)
        assert found[place] == pytest.approx(change.mean() / 2e-6, abs=1e-7)


def case(seed):
    """People differ in few directions, photos of one person in others, which are larger."""
    rng = np.random.default_rng(seed)
    people = np.repeat(np.arange(40), 6)
    features = 0.3 * rng.normal(size=(240, 24))
    features[:, :6] += rng.normal(size=(40, 6))[people]
    features[:, 6:12] += 2.0 * rng.normal(size=(240, 6))
    return features.astype(np.float32), people


def test_training_helps_people_it_never_saw():
    features, people = case(0)
    weights = train_triplet_embedding(features, people, dimensions=12, steps=600, rate=0.05)
    unseen, persons = case(1)
    one, two = np.triu_indices(len(unseen), 1)
    same = persons[one] == persons[two]
    raw = unseen / np.linalg.norm(unseen, axis=1, keepdims=True)
    rows = embedded(unseen, weights)
    before = auc((raw[one] * raw[two]).sum(axis=1), same)
    after = auc((rows[one] * rows[two]).sum(axis=1), same)
    assert after > before + 0.1
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-5)


def test_bad_input_is_named():
    features, people = case(0)
    with pytest.raises(DaganError, match="1 people"):
        train_triplet_embedding(features, np.zeros(240))
    with pytest.raises(DaganError, match="dimensions: got 25, expected 1 to 24"):
        train_triplet_embedding(features, people, dimensions=25)
