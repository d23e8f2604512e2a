"""The refiner: the paper's size, any image size, identity start, dtypes, serialisation."""

import keras
import numpy as np
import pytest

from dagan_tf.config.settings import GeneratorConfig, load_config
from dagan_tf.core.keras_compat import dtype_policy
from dagan_tf.gan.generator import build_generator

SMALL = GeneratorConfig(filters=4, blocks=2)
SKIP = GeneratorConfig(filters=4, blocks=2, input_skip=True, downsample=2)
SMOOTH = GeneratorConfig(filters=4, blocks=2, input_skip=True, downsample=2, smooth=True)


def images(height=16, width=16, count=2):
    return np.random.default_rng(0).uniform(-1, 1, (count, height, width, 3)).astype(np.float32)


@pytest.mark.parametrize(("kernel", "parameters"), [(3, 748_227), (7, 4_025_027)])
def test_parameter_count_of_the_paper(kernel, parameters):
    config = load_config("paper-224", [f"generator.block_kernel={kernel}"])
    model = build_generator(config.generator, config.data.image_size)
    assert model.count_params() == parameters
    assert model.output_shape == (None, 224, 224, 3)


@pytest.mark.parametrize("downsample", [1, 2, 4])
def test_any_image_size(downsample):
    config = GeneratorConfig(filters=4, blocks=1, downsample=downsample)
    model = build_generator(config)
    for height, width in ((16, 16), (24, 8)):
        assert model(images(height, width)).shape == (2, height, width, 3)


@pytest.mark.parametrize("downsample", [1, 2])
def test_the_untrained_skip_refiner_is_the_identity(downsample):
    config = GeneratorConfig(filters=4, blocks=1, input_skip=True, downsample=downsample)
    x = images()
    np.testing.assert_array_equal(build_generator(config)(x), x)


def test_a_smooth_change_leaves_the_fine_detail_alone():
    """What is added is piecewise linear between the centres of 4 x 4 blocks: no steps in it."""
    config = GeneratorConfig(filters=4, blocks=1, input_skip=True, downsample=4, smooth=True)
    model = build_generator(config)
    x = images(24, 16)
    np.testing.assert_array_equal(model(x), x)
    head = model.get_layer("to_rgb")
    assert head.output.shape[-1] == 3
    head.set_weights([np.random.default_rng(0).normal(size=w.shape) for w in head.get_weights()])
    added = model(x).numpy() - x
    coarse = keras.Model(model.input, head.output)(x).numpy()
    assert coarse.shape == (2, 6, 4, 3)
    # Hand-computed: pixel 4 i + 2 lies an eighth of the way from centre i to centre i + 1.
    inner = added[:, 2:-2:4, 2:-2:4]
    a, b = coarse[:, :-1], coarse[:, 1:]
    down = 0.875 * a + 0.125 * b
    np.testing.assert_allclose(
        inner, 0.875 * down[:, :, :-1] + 0.125 * down[:, :, 1:], rtol=1e-4, atol=1e-5
    )


def test_tanh_stays_in_range_and_is_no_identity():
    x = images()
    y = build_generator(SMALL)(x * 100).numpy()
    assert np.abs(y).max() <= 1
    assert np.abs(y - x).mean() > 0.1


def test_sides_must_divide():
    with pytest.raises(ValueError, match="15 is no multiple of downsample 2"):
        build_generator(SKIP, 15)


@pytest.mark.parametrize("config", [SMALL, SKIP, SMOOTH])
def test_float32_out_under_mixed_precision(config):
    with dtype_policy("mixed_bfloat16"):
        model = build_generator(config, 16)
    assert model(images()).dtype.name == "float32"
    assert model.get_layer("block1_a").compute_dtype == "bfloat16"
    assert all("float32" in str(weight.dtype) for weight in model.weights)
    assert build_generator(config, 16).get_layer("block1_a").compute_dtype == "float32"


@pytest.mark.parametrize("config", [SKIP, SMOOTH])
def test_folding_loses_nothing_and_weights_survive_a_clone(config):
    model = build_generator(config)
    rng = np.random.default_rng(1)
    model.set_weights([rng.normal(0, 0.1, w.shape) for w in model.get_weights()])
    twin = keras.models.clone_model(model)
    twin.set_weights(model.get_weights())
    x = images()
    np.testing.assert_allclose(twin(x), model(x), atol=1e-6)
    assert np.abs(model(x) - x).mean() > 1e-4


def test_input_is_named():
    assert [tensor.name for tensor in build_generator(SMALL).inputs] == ["images"]
