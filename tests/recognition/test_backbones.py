"""Networks by name and from files, what is frozen of them, and how fast the rest learns."""

import json
from dataclasses import replace

import keras
import numpy as np
import pytest

from dagan_tf.config.reading import ConfigError
from dagan_tf.recognition.backbones import build_backbone, build_parts
from dagan_tf.recognition.config import CropConfig, NetworkConfig
from dagan_tf.recognition.sampling import Sampler
from dagan_tf.recognition.training import build_recogniser, train_recogniser
from tests.recognition.test_training import CONFIG, toy_set


def test_backbones_take_what_they_say(tmp_path):
    for name, size in (("small", 64), ("resnet18", 16), ("resnet50", 16)):
        network = build_backbone(
            NetworkConfig(backbone=name, filters=4, dimensions=7), (size, size, 3)
        )
        assert network.output_shape == (None, 7)
    inputs = keras.Input((8, 8, 3))
    keras.Model(inputs, keras.layers.Conv2D(2, 3)(inputs)).save(tmp_path / "own.keras")
    own = str(tmp_path / "own.keras")
    assert build_backbone(NetworkConfig(backbone=own), (8, 8, 3)).output_shape == (None, 128)
    with pytest.raises(ConfigError, match=r"takes \(8, 8, 3\); expected \(16, 16, 3\)"):
        build_backbone(NetworkConfig(backbone=own), (16, 16, 3))
    with pytest.raises(ConfigError, match=r"nothing\.keras': no such file"):
        build_backbone(NetworkConfig(backbone="nothing.keras"), (16, 16, 3))
    with pytest.raises(ConfigError, match="expected small, resnet18, resnet50"):
        build_backbone(NetworkConfig(backbone="nonsense"), (16, 16, 3))


@pytest.fixture
def own_network(tmp_path):
    """A .keras file: convolution, a residual block, pooling, a dense layer."""
    keras.utils.set_random_seed(3)
    inputs = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(4, 3, 2, name="first")(inputs)
    y = keras.layers.Conv2D(4, 3, padding="same", name="second")(x)
    x = keras.layers.Add()([x, y])
    x = keras.layers.GlobalAveragePooling2D()(x)
    file = tmp_path / "own.keras"
    keras.Model(inputs, keras.layers.Dense(6, name="third")(x)).save(file)
    return str(file)


@pytest.mark.parametrize(("frozen", "shape"), [(0.34, (7, 7, 4)), (0.67, (4,)), (0.6, (7, 7, 4))])
def test_a_network_is_cut_where_one_tensor_carries_everything_on(own_network, frozen, shape):
    # Between the second convolution and the sum two tensors are needed: the cut lies elsewhere.
    settings = NetworkConfig(backbone=own_network, frozen=frozen, dimensions=0)
    whole = build_backbone(settings, (16, 16, 3))
    first, rest = build_parts(settings, (16, 16, 3))
    assert first.output_shape == (None, *shape)
    images = np.random.default_rng(0).normal(size=(2, 16, 16, 3)).astype(np.float32)
    np.testing.assert_allclose(rest(first(images)), whole(images), atol=1e-5)
    assert len(first.weights) + len(rest.weights) == len(whole.weights) == 6


def test_a_network_that_cannot_be_cut_there_is_named(own_network):
    with pytest.raises(ConfigError, match=r"frozen = 0\.1: no place to cut"):
        build_parts(NetworkConfig(backbone=own_network, frozen=0.1), (16, 16, 3))


def fine_tuning(own_network, frozen, **training):
    return replace(
        CONFIG,
        crops=CropConfig(image_size=16, shift=0),
        network=NetworkConfig(backbone=own_network, dimensions=0, frozen=frozen),
        training=replace(CONFIG.training, steps=2, log_every=1, **training),
    )


@pytest.mark.slow
def test_what_frozen_layers_give_of_a_crop_and_its_mirror_image_stands_for_both(
    own_network, tmp_path
):
    data = toy_set()
    config = fine_tuning(own_network, 0.34, optimizer="SGD", learning_rate=0.0)
    first, _ = build_parts(config.network, (16, 16, 3))
    views = [data.values, data.values[:, :, ::-1]]
    kept = np.stack([first(view / np.float32(127.5) - 1) for view in views], axis=1)
    on_kept = replace(data, values=kept.astype(np.float16))
    found = train_recogniser(config, on_kept, tmp_path / "kept", verbose=False)(on_kept.values)
    whole = replace(config, network=replace(config.network, frozen=0.0))
    wanted = train_recogniser(whole, data, tmp_path / "whole", verbose=False)(data.values)
    np.testing.assert_allclose(found, wanted, atol=2e-3)  # float16
    # Batches flip by taking the other of the two.
    sampler = Sampler(on_kept, config, 0)
    assert sampler.signature == ((7, 7, 4), np.float16)
    values, places = sampler.batch(0)[0], sampler.places(0)
    sides = [int((on_kept.values[p, 1] == v).all()) for p, v in zip(places, values, strict=True)]
    assert 0 < sum(sides) < 8
    learning = replace(config, training=replace(config.training, learning_rate=0.1))
    moved = train_recogniser(learning, on_kept, tmp_path / "moved", verbose=False)
    assert np.abs(moved(on_kept.values) - found).max() > 1e-4


def test_early_layers_learn_slowly(own_network):
    config = fine_tuning(own_network, 0.0, optimizer="SGD", learning_rate=0.1)
    config = replace(config, network=replace(config.network, early_rate=0.01))
    recogniser = build_recogniser(config, (16, 16, 3), 4)
    before = [np.array(weight) for weight in recogniser.weights_trained]

    def moves(one):
        return [
            np.abs(np.array(weight) - was).max()
            for weight, was in zip(one.weights_trained, before, strict=True)
        ]

    rng = np.random.default_rng(0)
    batch = {
        "values": rng.integers(0, 255, (8, 16, 16, 3)).astype(np.uint8),
        "labels": np.arange(8, dtype=np.int32) % 4,
    }
    recogniser.train_step(batch)
    one_rate = replace(config, network=replace(config.network, early_rate=1.0))
    even = build_recogniser(one_rate, (16, 16, 3), 4)
    for weight, value in zip(even.weights_trained, before, strict=True):
        weight.assign(value)
    even.train_step(batch)
    # SGD: the move is the rate times the gradient. Six weights in five groups, the head's own.
    ratios = np.array(moves(recogniser)) / np.array(moves(even))
    assert ratios[0] == pytest.approx(0.01, rel=1e-3)
    assert ratios[-1] == pytest.approx(1.0, rel=1e-3)
    assert (np.diff(ratios) > -1e-6).all()


@pytest.mark.slow
def test_a_resumed_training_keeps_the_state_of_every_rate(own_network, tmp_path):
    data = toy_set()

    def train(folder, steps):
        config = fine_tuning(own_network, 0.0, learning_rate=0.05)
        config = replace(
            config,
            network=replace(config.network, early_rate=0.1),
            training=replace(config.training, steps=steps),
        )
        return train_recogniser(config, data, tmp_path / folder, verbose=False)(data.values)

    whole = train("whole", 4)
    train("parts", 2)
    np.testing.assert_allclose(train("parts", 4), whole, atol=1e-5)
    line = json.loads((tmp_path / "parts" / "metrics.jsonl").read_text().splitlines()[-1])
    assert line["early_0_learning_rate"] == pytest.approx(0.005)
    assert line["early_0_learning_rate"] < line["early_3_learning_rate"] < line["learning_rate"]
