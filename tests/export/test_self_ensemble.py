"""The mean over transforms of the image, in every way a refiner is used."""

import numpy as np
import pytest

from dagan_tf.config.settings import GeneratorConfig
from dagan_tf.errors import DaganError
from dagan_tf.export.self_ensemble import self_ensemble
from dagan_tf.gan.generator import build_generator


def images_of(height, width):
    return np.random.default_rng(0).uniform(-1, 1, (2, height, width, 3)).astype(np.float32)


def by_hand(generator, images):
    """The four answers, each of the image cut out `pixels` farther of one that goes on for ever."""
    height, width = images.shape[1:3]
    weight = np.zeros((height, width))
    for row in range(height):
        for column in range(width):
            border = min(row, column, height - 1 - row, width - 1 - column)
            weight[row, column] = min(max((border - 3) / 4, 0), 1)
    total = np.array(generator(images), np.float64)
    for pixels in (1, 2, 3):
        wide = np.pad(images, ((0, 0), (0, pixels), (0, pixels), (0, 0)), mode="edge")
        answer = np.asarray(generator(np.ascontiguousarray(wide[:, pixels:, pixels:])))
        total[:, pixels:, pixels:] += (
            weight[pixels:, pixels:, None] * answer[:, : height - pixels, : width - pixels]
        )
    return total / (1 + 3 * weight[..., None])


@pytest.mark.parametrize("downsample", [1, 2])
def test_left_and_right_are_treated_alike(downsample):
    generator = build_generator(GeneratorConfig(filters=4, blocks=1, downsample=downsample))
    model = self_ensemble(generator, ["mirror"])
    images = images_of(8, 12)
    answer = np.asarray(model(images))
    turned = np.asarray(generator(images[:, :, ::-1]))[:, :, ::-1]
    plain = np.asarray(generator(images))
    assert np.abs(turned - plain).max() > 0.01
    np.testing.assert_allclose(answer, (plain + turned) / 2, atol=1e-6)
    np.testing.assert_allclose(model(images[:, :, ::-1]), answer[:, :, ::-1], atol=1e-6)
    assert [id(w) for w in model.weights] == [id(w) for w in generator.weights]


def test_moved_images_count_inside_and_not_at_the_border():
    generator = build_generator(GeneratorConfig(filters=4, blocks=1, downsample=2))
    model = self_ensemble(generator, ["shift"])
    images = images_of(20, 24)
    expected = by_hand(generator, images)
    plain = np.asarray(generator(images))
    assert np.abs(plain - expected)[:, 4:-4, 4:-4].max() > 0.01
    np.testing.assert_allclose(model(images), expected, atol=1e-5)
    np.testing.assert_array_equal(np.asarray(model(images))[:, :4], plain[:, :4])
    assert [id(w) for w in model.weights] == [id(w) for w in generator.weights]


def test_a_pixel_of_its_own_has_no_moved_answer():
    generator = build_generator(GeneratorConfig(filters=4, blocks=1, downsample=1))
    images = images_of(1, 2)
    np.testing.assert_array_equal(self_ensemble(generator, ["shift"])(images), generator(images))


def test_both_are_averaged():
    generator = build_generator(GeneratorConfig(filters=4, blocks=1, downsample=2))
    images = images_of(20, 20)
    turned = by_hand(generator, np.ascontiguousarray(images[:, :, ::-1]))[:, :, ::-1]
    expected = (by_hand(generator, images) + turned) / 2
    for names in (["mirror", "shift"], ["shift", "mirror"]):
        np.testing.assert_allclose(self_ensemble(generator, names)(images), expected, atol=1e-5)


def test_an_unknown_transform_is_refused():
    generator = build_generator(GeneratorConfig(filters=4, blocks=1))
    with pytest.raises(DaganError, match="'rotate'; expected of mirror, shift"):
        self_ensemble(generator, ["mirror", "rotate"])
