"""Pictures of another size: means of areas, and nothing done where there is nothing to do."""

import numpy as np

from dagan_tf.faces.resizing import resized


def test_shrinking_averages_areas():
    image = np.random.default_rng(0).integers(0, 256, (6, 8, 3)).astype(np.uint8)
    means = image.reshape(3, 2, 2, 4, 3).mean((1, 3))
    np.testing.assert_allclose(resized(image, 2, 3), means, atol=0.51)


def test_enlarging_overshoots_at_an_edge_as_a_cubic_does():
    edge = np.full((8, 8), 50, np.uint8)
    edge[:, 4:] = 200
    larger = resized(edge, 32, 32)
    assert larger.shape == (32, 32)
    assert larger.min() < 50
    assert larger.max() > 200


def test_the_same_size_is_the_same_picture_and_a_view_becomes_contiguous():
    image = np.random.default_rng(0).integers(0, 256, (4, 5, 3)).astype(np.uint8)
    assert resized(image, 5, 4) is image
    mirrored = resized(image[:, ::-1], 5, 4)
    np.testing.assert_array_equal(mirrored, image[:, ::-1])
    assert mirrored.flags.c_contiguous
    assert resized(image[:, ::-1], 10, 8).shape == (8, 10, 3)
