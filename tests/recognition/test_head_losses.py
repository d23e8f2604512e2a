"""Losses of the recogniser: by hand, and against NumPy written another way."""

import math

import numpy as np
import pytest
import tensorflow as tf

from dagan_tf.recognition import losses


def test_softmax_by_hand():
    # Logits (1, 0) and (0, 2): -log of e / (e + 1) and of 1 / (1 + e²).
    embeddings = tf.constant([[1.0, 0.0], [0.0, 1.0]])
    weights = tf.constant([[1.0, 0.0], [0.0, 1.0]])
    value = losses.softmax(embeddings, weights, tf.constant([0.0, 1.0]), tf.constant([0, 0]))
    expected = [math.log(math.e + math.e) - 1.0, math.log(1.0 + math.e**2)]
    np.testing.assert_allclose(value, expected, rtol=1e-6)


def test_l2_softmax_takes_every_embedding_at_one_length():
    embeddings = tf.constant([[3.0, 4.0], [30.0, 40.0]])  # At length 5: (3, 4).
    value = losses.l2_softmax(embeddings, tf.eye(2), tf.zeros(2), tf.constant([1, 1]), alpha=5.0)
    np.testing.assert_allclose(value, [math.log(1.0 + math.exp(-1.0))] * 2, rtol=1e-6)


def test_angular_margin_by_hand():
    # 60 degrees from its own person, 30 from the other; margin 30 degrees, scale 2.
    embeddings = tf.constant([[7.0 * 0.5, 7.0 * math.sqrt(0.75)]])
    weights = tf.constant([[3.0, 0.0], [0.0, 0.1]])
    value = losses.angular_margin(
        embeddings, weights, tf.constant([0]), scale=2.0, margin=math.pi / 6
    )
    own, other = 2.0 * math.cos(math.pi / 2), 2.0 * math.sqrt(0.75)
    np.testing.assert_allclose(value, [math.log(1.0 + math.exp(other - own))], rtol=1e-5)


def test_angular_margin_beyond_pi_goes_on_falling():
    margin = 0.5
    angles = np.radians([140.0, 150.0, 152.0, 160.0, 175.0])
    embeddings = tf.constant(np.stack([np.cos(angles), np.sin(angles)], axis=1), tf.float32)
    value = losses.angular_margin(
        embeddings, tf.eye(2), tf.zeros(5, tf.int32), scale=1.0, margin=margin
    ).numpy()
    target = np.sin(angles) - np.log(np.expm1(value))  # The own logit, from the loss.
    assert np.all(np.diff(target) < 0)
    np.testing.assert_allclose(target[-1], np.cos(angles[-1]) - margin * np.sin(margin), atol=1e-4)


def test_no_margin_is_softmax_of_cosines():
    rng = np.random.default_rng(0)
    embeddings, weights = rng.normal(size=(5, 4)), rng.normal(size=(4, 3))
    labels = tf.constant([0, 1, 2, 2, 1])
    ours = losses.angular_margin(
        tf.constant(embeddings, tf.float32),
        tf.constant(weights, tf.float32),
        labels,
        scale=8.0,
        margin=0.0,
    )
    unit = weights / np.linalg.norm(weights, axis=0)
    theirs = losses.l2_softmax(
        tf.constant(embeddings, tf.float32),
        tf.constant(unit, tf.float32),
        tf.zeros(3),
        labels,
        alpha=8.0,
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_triplet_by_hand():
    # On the circle at 0, 60 and 90 degrees: squared distances 1, 2 and 2 - sqrt(3).
    angles = np.radians([0.0, 60.0, 90.0])
    embeddings = tf.constant(np.stack([np.cos(angles), np.sin(angles)], axis=1) * 4, tf.float32)
    value = losses.triplet_semihard(embeddings, tf.constant([0, 0, 1]), margin=0.2)
    # Anchor 0: positive 1, negative 2 is farther: 1 - 2 + .2 < 0. Anchor 1: none is farther, so
    # the farthest, 2 - sqrt(3): 1 - .268 + .2. Two pairs, three samples.
    np.testing.assert_allclose(
        value, [0.0, 1.5 * (1.0 - (2.0 - math.sqrt(3.0)) + 0.2), 0.0], rtol=1e-5
    )


@pytest.mark.parametrize("seed", range(20))
def test_triplet_as_written_with_loops(seed):
    rng = np.random.default_rng(seed)
    embeddings, labels = rng.normal(size=(12, 3)), rng.integers(4, size=12)
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    total, pairs = 0.0, 0
    for a in range(12):
        for p in range(12):
            if a == p or labels[a] != labels[p]:
                continue
            own = ((unit[a] - unit[p]) ** 2).sum()
            far = [((unit[a] - unit[n]) ** 2).sum() for n in range(12) if labels[n] != labels[a]]
            semi = [d for d in far if d > own]
            total += max(0.0, own - (min(semi) if semi else max(far)) + 0.3)
            pairs += 1
    value = losses.triplet_semihard(
        tf.constant(embeddings, tf.float32), tf.constant(labels), margin=0.3
    )
    assert float(tf.reduce_mean(value)) == pytest.approx(total / pairs, rel=1e-4)


def test_triplet_without_negatives_or_pairs_is_zero():
    embeddings = tf.constant(np.eye(3), tf.float32)
    for labels in ([0, 0, 0], [0, 1, 2]):
        value = losses.triplet_semihard(embeddings, tf.constant(labels), margin=0.2)
        np.testing.assert_array_equal(value, np.zeros(3))
