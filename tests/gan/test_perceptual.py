"""The distance in the layers of dlib's network: nothing between equals."""

import numpy as np
import pytest
import tensorflow as tf

from dagan_tf.embedders.dlib_graph import FaceEmbedding
from dagan_tf.gan import perceptual
from dagan_tf.gan.perceptual import PerceptualDistance


@pytest.fixture(scope="module")
def distance():
    return PerceptualDistance()


def faces(astronaut, noise=0.0):
    """Two crops of a portrait's face, (2, 64, 64, 3)."""
    crops = np.stack([astronaut[60:124, 190:254], astronaut[90:154, 180:244]]) / 127.5 - 1.0
    draws = np.random.default_rng(0).normal(0, 1, crops.shape)
    return tf.constant(crops + noise * draws, tf.float32)


def test_it_grows_with_the_difference_one_image_at_a_time(distance, astronaut):
    target = faces(astronaut)
    np.testing.assert_allclose(distance(target, target), [0, 0], atol=1e-6)
    little, much = (np.asarray(distance(faces(astronaut, n), target)) for n in (0.02, 0.1))
    assert np.all(little > 0)
    assert np.all(little < 0.7 * much)
    one = tf.concat([faces(astronaut, 0.1)[:1], target[1:]], axis=0)
    np.testing.assert_allclose(distance(one, target), [much[0], 0], rtol=1e-3, atol=1e-6)


def test_it_is_the_sum_over_layers_of_what_differs_over_what_is_there(distance, astronaut):
    own, target = faces(astronaut, 0.05), faces(astronaut)
    side = round(64 * perceptual._ENLARGED)
    network, wanted = FaceEmbedding(), 0.0
    layers = [network.activations(tf.image.resize(x, [side, side]), 5) for x in (own, target)]
    assert [tuple(layer.shape[3:]) for layer in layers[0]] == [(32,)] * 4 + [(64,)] * 2
    for index in (0, 3, 5):
        ours, theirs = (np.asarray(found[index], np.float64) for found in layers)
        size = np.abs(theirs).mean(axis=(1, 2, 3)) + 1e-3
        wanted += np.abs(ours - theirs).mean(axis=(1, 2, 3)) / size
    np.testing.assert_allclose(distance(own, target), wanted, rtol=1e-4)


def test_its_gradient_leads_to_the_target(distance, astronaut):
    target = faces(astronaut)
    images = tf.Variable(faces(astronaut, 0.1))
    with tf.GradientTape() as tape:
        before = tf.reduce_sum(distance(images, target))
    step = tape.gradient(before, images)
    images.assign_sub(1e-3 * step / tf.reduce_max(tf.abs(step)))
    assert float(tf.reduce_sum(distance(images, target))) < float(before)
