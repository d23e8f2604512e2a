"""The dual-agent auto-encoder: shapes, BEGAN's widths, dtypes, refusals."""

import keras
import numpy as np
import pytest

from dagan_tf.config.settings import DiscriminatorConfig
from dagan_tf.core.keras_compat import dtype_policy
from dagan_tf.errors import DaganError
from dagan_tf.gan.discriminator import build_discriminator

SMALL = DiscriminatorConfig(filters=4, bottleneck=8)


@pytest.mark.parametrize(
    ("size", "downsample", "code_side"), [(16, 1, 8), (64, 2, 8), (56, 1, 7), (224, 1, 7)]
)
def test_shapes(size, downsample, code_side):
    config = DiscriminatorConfig(filters=2, bottleneck=8, downsample=downsample)
    model = build_discriminator(config, size, 5)
    reconstruction, logits = model(np.zeros((3, size, size, 3), np.float32))
    assert reconstruction.shape == (3, size, size, 3)
    assert logits.shape == (3, 5)
    assert model.get_layer("decoder_reshape").output.shape[1:] == (code_side, code_side, 2)


def test_began_widths():
    model = build_discriminator(SMALL, 32, 5)
    filters = {layer.name: getattr(layer, "filters", None) for layer in model.layers}
    assert [filters[f"encoder{i}_2"] for i in (1, 2, 3)] == [4, 8, 12]
    assert [filters[f"decoder{i}_2"] for i in (1, 2, 3)] == [4, 4, 4]
    assert model.get_layer("code").activation.__name__ == "linear"
    assert model.get_layer("encoder1_1").activation.__name__ == "elu"


def test_the_identity_agent_reads_the_code_only():
    model = build_discriminator(SMALL, 16, 5)
    assert model.get_layer("identity").kernel.shape == (8, 5)


def test_heads_of_two_stages_count_alike():
    config = DiscriminatorConfig(filters=4, bottleneck=8, patch_heads=2)
    model = build_discriminator(config, 32, 5, "patches")
    answer = model(np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype(np.float32))[0]
    assert answer.shape == (2, 16, 16, 2)
    fine, coarse = np.moveaxis(np.asarray(answer), 3, 0)
    np.testing.assert_array_equal(coarse, np.kron(coarse[:, ::2, ::2], np.ones((1, 2, 2))))
    assert len(np.unique(fine[0])) == 256
    assert len(np.unique(coarse[0])) == 64


def test_heads_of_earlier_stages_see_less_of_the_image():
    images = np.random.default_rng(0).normal(size=(1, 64, 64, 3)).astype(np.float32)
    touched = []
    for skip in (0, 1):
        config = DiscriminatorConfig(
            filters=4, bottleneck=8, convs_per_stage=1, patch_heads=1, patch_skip=skip
        )
        model = build_discriminator(config, 64, 5, "patches")
        before = np.asarray(model(images)[0])
        assert before.shape == (1, 8 * 2**skip, 8 * 2**skip, 1)
        other = images.copy()
        other[0, 32, 32] += 1.0
        touched.append(float(np.mean(np.asarray(model(other)[0]) != before)))
    assert touched[1] < 0.6 * touched[0]


def test_output_is_not_bounded():
    model = build_discriminator(SMALL, 16, 2)
    x = np.random.default_rng(0).normal(0, 1000, (4, 16, 16, 3)).astype(np.float32)
    assert np.abs(model(x)[0]).max() > 1


def test_float32_out_under_mixed_precision():
    with dtype_policy("mixed_bfloat16"):
        model = build_discriminator(SMALL, 16, 2)
    outputs = model(np.zeros((1, 16, 16, 3), np.float32))
    assert [output.dtype.name for output in outputs] == ["float32", "float32"]


@pytest.mark.parametrize(
    ("size", "identities", "message"),
    [(100, 3, "image_size = 100: cannot be halved"), (64, 0, "num_identities = 0")],
)
def test_refusals(size, identities, message):
    with pytest.raises(DaganError, match=message):
        build_discriminator(SMALL, size, identities)


def test_no_more_heads_than_stages():
    config = DiscriminatorConfig(filters=2, bottleneck=8, patch_heads=3)
    with pytest.raises(DaganError, match=r"patch_heads \+ patch_skip = 3 \+ 0: expected at most 2"):
        build_discriminator(config, 16, 3, "patches")


def test_leaky_activations_start_as_he_has_them():
    config = DiscriminatorConfig(filters=16, activation="leaky_relu")
    keras.utils.set_random_seed(0)
    model = build_discriminator(config, 32, 3, "patches")
    layer = model.get_layer("encoder2_1")
    assert layer.activation.__name__ == "linear"
    assert np.std(layer.get_weights()[0]) == pytest.approx(np.sqrt(2 / (9 * 32)), rel=0.05)
    active = model.get_layer("encoder2_1_active")
    np.testing.assert_allclose(active(np.array([[-1.0, 2.0]], np.float32)), [[-0.2, 2.0]])
