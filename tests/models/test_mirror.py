"""The mean over an image and its mirror image, in every way a refiner is used."""

import numpy as np
import pytest

from dagan_tf.config import GeneratorConfig
from dagan_tf.models.generator import build_generator
from dagan_tf.models.mirror import average_mirror


@pytest.mark.parametrize("downsample", [1, 2])
def test_left_and_right_are_treated_alike(downsample):
    generator = build_generator(GeneratorConfig(filters=4, blocks=1, downsample=downsample))
    model = average_mirror(generator)
    images = np.random.default_rng(0).uniform(-1, 1, (2, 8, 12, 3)).astype(np.float32)
    answer = np.asarray(model(images))
    turned = np.asarray(generator(images[:, :, ::-1]))[:, :, ::-1]
    plain = np.asarray(generator(images))
    assert np.abs(turned - plain).max() > 0.01
    np.testing.assert_allclose(answer, (plain + turned) / 2, atol=1e-6)
    np.testing.assert_allclose(model(images[:, :, ::-1]), answer[:, :, ::-1], atol=1e-6)
    assert [id(w) for w in model.weights] == [id(w) for w in generator.weights]
