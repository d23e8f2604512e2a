"""Octaves of texture: they add up, and each holds what is as fine as it says."""

import numpy as np

from dagan_tf.gan.octaves import SIDES, brightness, mean_around, octaves


def test_octaves_and_what_is_coarser_make_up_the_image():
    image = np.random.default_rng(0).normal(0, 1, (1, 24, 24, 1)).astype(np.float32)
    coarse = image
    for side in SIDES:
        coarse = mean_around(coarse, side)
    whole = octaves(image).numpy().sum(axis=-1, keepdims=True) + coarse.numpy()
    np.testing.assert_allclose(whole, image, atol=1e-5)


def test_the_finer_the_stripes_the_earlier_the_octave():
    columns = np.arange(96)
    strongest = []
    for period in (2, 7, 16):
        stripes = np.cos(2 * np.pi * columns / period).astype(np.float32)
        image = np.broadcast_to(stripes, (1, 96, 96))[..., None]
        power = np.square(octaves(image).numpy()[0, 20:-20, 20:-20]).mean(axis=(0, 1))
        strongest.append(int(power.argmax()))
    assert strongest == [0, 1, 2]


def test_brightness_of_grey_is_its_level_and_green_counts_most():
    assert np.allclose(brightness(np.full((1, 2, 2, 3), 0.3, np.float32)), 0.3)
    red, green, blue = (float(brightness(np.eye(3, dtype=np.float32)[i])[0]) for i in range(3))
    assert green > red > blue
