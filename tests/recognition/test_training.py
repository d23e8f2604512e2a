"""Batches, backbones and training of a recogniser on made-up faces."""

import json
from dataclasses import replace

import numpy as np
import pytest

from dagan_tf.errors import DaganError
from dagan_tf.recognition import losses
from dagan_tf.recognition.config import (
    CropConfig,
    HeadConfig,
    NetworkConfig,
    RecogniserConfig,
    TrainingConfig,
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
    "form",
    [
        "l2_softmax",
        "discriminant",
        *(
            pytest.param(form, marks=pytest.mark.slow)
            for form in ("softmax", "angular_margin", "triplet")
        ),
    ],
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


@pytest.mark.slow
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
