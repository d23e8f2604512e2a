"""Batches, backbones and training of a recogniser on made-up faces."""

import json
from dataclasses import replace

import keras
import numpy as np
import pytest

from dagan_tf.config.reading import ConfigError
from dagan_tf.errors import DaganError
from dagan_tf.recognition import losses
from dagan_tf.recognition.backbones import build_backbone, build_parts
from dagan_tf.recognition.config import (
    CropConfig,
    HeadConfig,
    NetworkConfig,
    RecogniserConfig,
    TrainingConfig,
    load_recogniser_config,
)
from dagan_tf.recognition.sampling import Sampler, TrainingSet
from dagan_tf.recognition.training import build_recogniser, train_recogniser
from tests.helpers.toy_folders import toy_face

CONFIG = RecogniserConfig(
    crops=CropConfig(image_size=16),
    network=NetworkConfig(filters=4, dimensions=8),
    training=TrainingConfig(steps=6, batch_size=8, log_every=3, checkpoint_every=3),
)


def toy_set(people=4, images=6, size=16):
    """Half of each person's images are synthetic; yaws 0, 30 and 60."""
    rng = np.random.default_rng(0)
    crops, names, yaws, synthetic = [], [], [], []
    for person in range(people):
        face = toy_face(rng, size)
        for image in range(images):
            noise = rng.integers(-10, 10, face.shape)
            crops.append(np.clip(face.astype(int) + noise, 0, 255).astype(np.uint8))
            names.append(f"p{person}")
            yaws.append(30.0 * (image % 3))
            synthetic.append(image >= images // 2)
    count = len(crops)
    return TrainingSet(
        np.stack(crops), np.arange(count), np.array(names), np.array(yaws), np.array(synthetic)
    )


def test_batches_follow_from_seed_and_step():
    data = toy_set()
    first, second = Sampler(data, CONFIG, 1), Sampler(data, CONFIG, 1)
    second.batch(0)
    for got, again in zip(first.batch(7), second.batch(7), strict=True):
        np.testing.assert_array_equal(got, again)
    assert not np.array_equal(first.places(7), Sampler(data, CONFIG, 2).places(7))
    assert not np.array_equal(first.places(7), first.places(8))


def test_augmentation_leaves_the_images_themselves_alone():
    data = toy_set()
    before = data.values.copy()
    for step in range(5):
        Sampler(data, CONFIG, 0).batch(step)
    np.testing.assert_array_equal(data.values, before)


def test_people_and_poses_weigh_alike_however_many_images_they_have():
    # p0 has 90 frontal images and one at 60 degrees, p1 one of each.
    people = np.array(["p0"] * 91 + ["p1"] * 2)
    yaws = np.array([0.0] * 90 + [-60.0] + [0.0, 60.0])
    data = TrainingSet(
        np.zeros((93, 4), np.float32), np.arange(93), people, yaws, np.zeros(93, bool)
    )
    sampler = Sampler(data, CONFIG, 0)
    places = np.concatenate([sampler.places(step) for step in range(300)])
    assert (people[places] == "p0").mean() == pytest.approx(0.5, abs=0.03)
    assert (yaws[places] != 0).mean() == pytest.approx(0.5, abs=0.04)


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_share_of_synthetic_images(share):
    data = toy_set()
    sampler = Sampler(data, replace(CONFIG, crops=CropConfig(synthetic_share=share)), 0)
    drawn = np.concatenate([data.synthetic[sampler.places(step)] for step in range(200)])
    assert drawn.mean() == pytest.approx(share, abs=0.03)


def test_synthetic_images_first_and_real_ones_later():
    data = toy_set()
    training = replace(CONFIG.training, pretrain_steps=3)
    sampler = Sampler(data, replace(CONFIG, training=training), 0)
    assert data.synthetic[sampler.places(2)].all()
    assert not data.synthetic[sampler.places(3)].any()


def test_each_person_of_a_batch_has_the_images_asked_for():
    sampler = Sampler(toy_set(), CONFIG, 0)  # 4 people, 8 images of 2 each
    _, labels = sampler.batch(0)
    np.testing.assert_array_equal(np.bincount(labels), [2, 2, 2, 2])


def features_of(people=5, images=8):
    """Features of people well apart."""
    rng = np.random.default_rng(0)
    names = np.repeat([f"p{person}" for person in range(people)], images)
    middles = np.repeat(rng.normal(size=(people, 6)), images, axis=0)
    values = (middles + 0.2 * rng.normal(size=middles.shape)).astype(np.float32)
    count = len(names)
    return TrainingSet(values, np.arange(count), names, np.zeros(count), np.zeros(count, bool))


def frozen(form="l2_softmax", **training):
    return RecogniserConfig(
        crops=CropConfig(features="dlib"),
        network=NetworkConfig(backbone="linear", dimensions=4),
        head=HeadConfig(form=form, margin=0.1, scale=8.0, alpha=8.0),
        training=replace(CONFIG.training, **training),
    )


@pytest.mark.parametrize(
    "form", ["softmax", "l2_softmax", "angular_margin", "triplet", "discriminant"]
)
def test_every_head_learns_to_tell_people_apart(tmp_path, form):
    data = features_of()
    embed = train_recogniser(
        frozen(form, steps=60, log_every=10, learning_rate=0.02), data, tmp_path, verbose=False
    )
    out = embed(data.values)
    np.testing.assert_allclose(np.linalg.norm(out, axis=1), 1.0, rtol=1e-5)
    alike, same = out @ out.T, data.people[:, None] == data.people[None]
    assert alike[same].mean() > alike[~same].mean() + 0.5
    if form != "discriminant":
        lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
        assert lines[-1]["loss"] < 0.7 * lines[0]["loss"]
        assert lines[-1]["learning_rate"] == pytest.approx(0.02)


def test_a_resumed_training_sees_and_learns_what_an_unbroken_one_does(tmp_path):
    data = features_of()
    whole = train_recogniser(frozen(steps=6), data, tmp_path / "whole", seed=3, verbose=False)
    train_recogniser(frozen(steps=3), data, tmp_path / "parts", seed=3, verbose=False)
    parts = train_recogniser(frozen(steps=6), data, tmp_path / "parts", seed=3, verbose=False)
    np.testing.assert_allclose(whole(data.values), parts(data.values), atol=1e-5)
    other = train_recogniser(frozen(steps=6), data, tmp_path / "other", seed=4, verbose=False)
    assert np.abs(whole(data.values) - other(data.values)).max() > 0.01
    with pytest.raises(DaganError, match=r"another configuration \(head.form\)"):
        train_recogniser(frozen("softmax"), data, tmp_path / "parts", verbose=False)


@pytest.mark.slow
def test_a_network_on_crops_trains_and_embeds(tmp_path):
    config = replace(CONFIG, training=replace(CONFIG.training, steps=2, log_every=1))
    data = toy_set()
    out = train_recogniser(config, data, tmp_path, verbose=False)(data.values[:3])
    assert out.shape == (3, 8)
    mirrored = np.ascontiguousarray(data.values[:3, :, ::-1])
    again = train_recogniser(config, data, tmp_path, verbose=False)  # Finished: only restored.
    np.testing.assert_allclose(again(mirrored), out, atol=1e-4)


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


def test_triplets_take_over_from_softmax(tmp_path):
    config = frozen("softmax", steps=4, metric_after=2, log_every=2)
    data = features_of()
    recogniser = build_recogniser(config, (6,), 5)
    batch = {"values": data.values[:16], "labels": np.repeat(np.arange(2), 8).astype(np.int32)}
    for step in range(3):
        embeddings = recogniser(batch["values"])
        triplets = losses.triplet_semihard(
            embeddings, batch["labels"], margin=config.head.metric_margin
        )
        softmax = recogniser.losses_of(embeddings, batch["labels"])
        assert np.abs(triplets - softmax).max() > 0.01
        wanted = softmax if step < 2 else triplets
        np.testing.assert_allclose(recogniser._losses_now(embeddings, batch["labels"]), wanted)
        recogniser.train_step(batch)


@pytest.mark.parametrize(
    "preset", ["face-64", "face-112", "dlib-discriminant", "dlib-softmax", "mobilefacenet"]
)
def test_presets_load(preset):
    assert load_recogniser_config(preset).name == preset


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["crops.features=dlib"], "go together"),
        (["head.form=discriminant"], "expected frozen features"),
        (["head.form=triplet", "training.images_per_person=1"], "2 images of a person"),
        (["training.batch_size=3"], "multiple of training.images_per_person = 2"),
        (["crops.features=tflite", "network.backbone=linear"], "crops.tflite"),
        (["network.frozen=0.5"], "trained before"),
        (
            ["network.backbone=a.tflite", "network.frozen=0.5", "crops.shift=1"],
            "crops.shift = 1: expected",
        ),
        (["network.dimensions=0"], "or a .keras or .tflite file"),
        (["network.weights=imagenet"], "expected a class of keras.applications"),
        (["training.metric_after=5", "training.images_per_person=1"], "2 images of a person"),
        (["head.forn=softmax"], "did you mean 'head.form'"),
    ],
)
def test_settings_that_do_not_fit_are_named(overrides, message):
    with pytest.raises(ConfigError, match=message):
        load_recogniser_config("face-64", overrides)
