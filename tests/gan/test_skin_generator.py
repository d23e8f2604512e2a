"""The refiner that changes skin only: identity at first, the rest kept, sizes, matte."""

import keras
import numpy as np
import pytest

from dagan_tf.config.reading import ConfigError
from dagan_tf.config.sections import GeneratorConfig
from dagan_tf.config.settings import load_config
from dagan_tf.gan.generator import build_generator
from dagan_tf.gan.skin_generator import STRIDE

TINY = GeneratorConfig(filters=4, input_skip=True, downsample=2, form="skin")


def images(height=32, width=64):
    return np.random.default_rng(0).uniform(-1, 1, (2, height, width, 3)).astype(np.float32)


def stirred():
    model = build_generator(TINY)
    rng = np.random.default_rng(1)
    model.set_weights([rng.normal(0, 0.2, w.shape) for w in model.get_weights()])
    return model


def test_untrained_it_is_the_identity_at_any_size_of_its_stride():
    assert TINY.stride == STRIDE == 16
    model = build_generator(TINY)
    for x in (images(), images(48, 16)):
        np.testing.assert_array_equal(model(x), x)


def test_where_the_matte_says_no_skin_nothing_changes():
    model = stirred()
    x = images(64, 64)
    kernel, bias = model.get_layer("matte").get_weights()
    model.get_layer("matte").set_weights([0 * kernel, bias + 1000])
    assert np.abs(model(x) - x).mean() > 1e-3
    model.get_layer("matte").set_weights([0 * kernel, bias - 1000])
    np.testing.assert_array_equal(model(x), x)


@pytest.mark.parametrize("part", ["light", "hue", "detail"])
def test_each_part_of_the_change_reaches_the_image(part):
    model = stirred()
    before = np.asarray(model(images()))
    model.get_layer(part).set_weights([0 * w for w in model.get_layer(part).get_weights()])
    assert np.abs(np.asarray(model(images())) - before).max() > 1e-3


def test_weights_survive_a_clone():
    model = stirred()
    twin = keras.models.clone_model(model)
    twin.set_weights(model.get_weights())
    np.testing.assert_allclose(twin(images()), model(images()), atol=1e-6)


@pytest.mark.parametrize(
    ("override", "text"),
    [
        ("data.image_size=232", "232 is no multiple of 16, as generator.form = 'skin' needs"),
        ("data.crop=120", "data.crop = 120 is no multiple of 16, as generator.form = 'skin'"),
        ("data.crop=240", "data.crop = 240: expected at most data.image_size = 224, or 0"),
        ("loss.adversarial=began", r"gradient_penalty = [0-9.]+ with loss.adversarial = 'began'"),
        ("generator.input_skip=false", "expected generator.input_skip = true and generator.down"),
        (
            "generator.form=residual",
            r"matte_weight = [0-9.]+: expected 0 with generator.form = 'resid",
        ),
    ],
)
def test_settings_that_do_not_fit(override, text):
    with pytest.raises(ConfigError, match=text):
        load_config("face-224", [override])
