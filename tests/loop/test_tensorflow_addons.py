"""tensorflow-addons as an independent implementation of what is ours too (TensorFlow 2.15 only)."""

import warnings

import numpy as np
import pytest
import tensorflow as tf

from dagan_tf.core.keras_compat import KERAS_3
from dagan_tf.faces.alignment import invert_similarity, warp_similarity
from dagan_tf.gan.losses import identity_perception
from dagan_tf.recognition.losses import triplet_semihard
from tests.gan.test_dagan import make, run

if KERAS_3:
    pytest.skip("tensorflow-addons ended with TensorFlow 2.15", allow_module_level=True)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    tfa = pytest.importorskip("tensorflow_addons")


def test_the_averaged_refiner_is_moving_average_s():
    model = run(make(["training.optimizer_wrapper=tfa.MovingAverage", "training.ema_decay=0.9"]), 5)
    slots = [
        model.generator_optimizer.get_slot(weight, "average")
        for weight in model.generator.trainable_variables
    ]
    for ours, theirs in zip(model.averages, slots, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)
    assert not np.allclose(model.averages[0], model.generator.trainable_variables[0])


def test_sigmoid_identity_loss_is_the_focal_loss_without_focus():
    rng = np.random.default_rng(0)
    logits = tf.constant(rng.normal(0, 3, (6, 5)), tf.float32)
    labels = tf.constant(rng.integers(0, 5, 6), tf.int32)
    summed = tfa.losses.sigmoid_focal_crossentropy(
        tf.one_hot(labels, 5), logits, alpha=0.0, gamma=0.0, from_logits=True
    )
    ours = identity_perception(logits, labels, "sigmoid")
    np.testing.assert_allclose(5 * ours, summed, rtol=1e-5)


def test_the_triplet_loss_is_triplet_semi_hard_loss():
    rng = np.random.default_rng(1)
    embeddings = tf.math.l2_normalize(tf.constant(rng.normal(size=(24, 5)), tf.float32), axis=1)
    labels = tf.constant(rng.integers(0, 5, 24), tf.int32)
    theirs = tfa.losses.triplet_semihard_loss(
        labels, embeddings, margin=0.3, distance_metric="squared-L2"
    )
    ours = tf.reduce_mean(triplet_semihard(embeddings, labels, margin=0.3))
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def _their_warp(photo, matrix, size, interpolation):
    # Theirs takes the way from output to input pixels, as eight numbers.
    flat = [*invert_similarity(matrix).ravel(), 0.0, 0.0]
    # Theirs makes an output of the input's size: that is cut or filled up here.
    side = max(size, *photo.shape[:2])
    padded = np.zeros((side, side, 3), np.uint8)
    padded[: photo.shape[0], : photo.shape[1]] = photo
    warped = tfa.image.transform(padded, flat, interpolation=interpolation)
    return np.asarray(warped)[:size, :size]


@pytest.mark.parametrize(
    "matrix",
    [
        [[1, 0, 3], [0, 1, -2]],
        [[0, -1, 15], [1, 0, 0]],
        [[-1, 0, 15], [0, -1, 15]],
    ],
    ids=["shift", "quarter turn", "half turn"],
)
def test_moves_of_whole_pixels_equal_theirs(matrix):
    photo = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    matrix = np.array(matrix, np.float64)
    ours = warp_similarity(photo, matrix, 16, border="black")
    np.testing.assert_array_equal(ours, _their_warp(photo, matrix, 16, "nearest"))
    assert ours.any()


@pytest.mark.parametrize(("scale", "degrees"), [(1.0, 20), (1.6, -35), (0.8, 70)])
def test_a_smooth_photo_is_warped_as_theirs_is(scale, degrees):
    y, x = np.mgrid[:96, :96]
    waves = [np.sin(x / 17), np.cos(y / 13), np.sin((x + y) / 19)]
    photo = np.round(127.5 + 100 * np.stack(waves, axis=-1)).astype(np.uint8)
    angle = np.deg2rad(degrees)
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = np.column_stack([linear, 32 - linear @ [48, 48]])  # Its middle goes to (32, 32).
    ours = warp_similarity(photo, matrix, 64).astype(int)
    theirs = _their_warp(photo, matrix, 64, "bilinear").astype(int)
    inside = slice(12, 52)  # Both see the photo there, at all three scales.
    difference = np.abs(ours - theirs)[inside, inside]
    assert difference.max() <= 3
    assert difference.mean() < 0.8  # Theirs rounds down, ours to nearest.
