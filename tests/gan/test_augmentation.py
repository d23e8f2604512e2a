"""What the discriminator sees, against NumPy."""

import numpy as np
import tensorflow as tf

from dagan_tf.gan.augmentation import augment

SIDE = 16
IMAGES = np.random.default_rng(3).uniform(-1, 1, (2, SIDE, SIDE, 3)).astype(np.float32)


def draws(**values):
    names = ("brightness", "colour", "contrast", "down", "right")
    return np.array([[values.get(name, 0.5) for name in names]] * 2, np.float32)


def changed(**values):
    return augment(tf.constant(IMAGES), tf.constant(draws(**values))).numpy()


def test_a_half_leaves_images_as_they_are():
    np.testing.assert_allclose(changed(), IMAGES, atol=1e-6)


def test_brightness_colour_and_contrast():
    np.testing.assert_allclose(changed(brightness=0.9), IMAGES + 0.08, atol=1e-6)
    grey = IMAGES.mean(axis=3, keepdims=True)
    np.testing.assert_allclose(changed(colour=0.0), grey + 0.8 * (IMAGES - grey), atol=1e-6)
    mean = IMAGES.mean(axis=(1, 2, 3), keepdims=True)
    np.testing.assert_allclose(changed(contrast=0.75), mean + 1.05 * (IMAGES - mean), atol=1e-6)


def test_moves_by_whole_pixels_mirrored_at_the_edge():
    # S / 8 = 2 pixels at most: 0 is 2 up or left, 0.999 is 2 down or right.
    padded = np.pad(IMAGES, ((0, 0), (2, 2), (2, 2), (0, 0)), "reflect")
    for down, top in ((0.0, 4), (0.3, 3), (0.999, 0)):
        for right, left in ((0.0, 4), (0.999, 0)):
            want = padded[:, top : top + SIDE, left : left + SIDE]
            np.testing.assert_allclose(changed(down=down, right=right), want, atol=1e-6)


def test_each_image_has_its_own_draws():
    mixed = draws()
    mixed[1, 0] = 0.9
    got = augment(tf.constant(IMAGES), tf.constant(mixed)).numpy()
    np.testing.assert_allclose(got[0], IMAGES[0], atol=1e-6)
    np.testing.assert_allclose(got[1], IMAGES[1] + 0.08, atol=1e-6)


def test_gradients_come_back_to_where_the_pixels_came_from():
    x = tf.constant(IMAGES)
    with tf.GradientTape() as tape:
        tape.watch(x)
        corner = augment(x, tf.constant(draws(down=0.999, right=0.999)))[:, 8, 8, 1]
    gradient = tape.gradient(corner, x).numpy()
    assert np.unravel_index(np.abs(gradient[0]).argmax(), gradient[0].shape) == (6, 6, 1)
