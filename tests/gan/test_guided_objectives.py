"""Losses that are told more of a view: where its skin is, and the real photo it is to come to."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from dagan_tf.config.settings import load_config
from dagan_tf.gan.guidance import compared
from dagan_tf.gan.losses import decision_error, identity_perception
from dagan_tf.gan.objectives import objectives
from tests.gan.test_dagan import PEOPLE, TINY, batches
from tests.gan.test_objectives import WEIGHTS
from tests.helpers.shared_graphs import build_dagan


def guided_batch(batch, size):
    rng = np.random.default_rng(3)
    shape = (*batch["simulated"].shape[:3], 1)
    inside = np.zeros(shape, np.float32)
    inside[:, : size // 2] = 1.0
    inside[:, :2] = 0.5
    return batch | {
        "skin": tf.constant(inside.transpose(0, 2, 1, 3)), "inside": tf.constant(inside),
        "paired": tf.constant([1.0, 0, 1, 0]),
        "target": tf.constant(rng.uniform(-1, 1, (*shape[:3], 3)).astype(np.float32)),
    }  # fmt: skip


def test_the_discriminator_sees_skin_that_view_and_photo_share_in_grey():
    overrides = ["loss.adversarial=patch", "loss.judge_pairs=true"]
    config = load_config("small-64", [*TINY, *WEIGHTS, *overrides])
    model = build_dagan(config, PEOPLE)
    batch = guided_batch(next(iter(batches(1))), 16)
    seen = []

    def discriminator(images, training=False):
        seen.append(np.asarray(images))
        return model.discriminator(images, training=training)

    found = objectives(
        config.loss, model.generator, discriminator, batch,
        balance=tf.constant(0.0), adversaries=tf.constant(1.0), step=tf.constant(0, tf.int64),
    )  # fmt: skip
    real, refined = seen[0], seen[1]
    shared = np.asarray(compared(batch))[..., 0] > 0
    assert shared[0].any()
    assert not shared[1].any()  # has no photo
    for images, wanted in ((real, batch["target"]), (refined, model.generator(batch["simulated"]))):
        assert np.all(images[~shared] == 0)
        np.testing.assert_allclose(images[shared], np.asarray(wanted)[shared], atol=1e-6)
    # Each patch counts as far as it shows what both share.
    answer = model.discriminator(real)[0]
    weights = np.asarray(tf.image.resize(compared(batch), answer.shape[1:3], method="area"))
    weights = weights / (weights.mean() + 1e-3)
    wanted = np.mean(np.asarray(decision_error(answer, real=True, weights=weights)))
    assert float(found.values["real_error"]) == pytest.approx(wanted, rel=1e-4)
    # The photos are of the people that the views show; a view without one has no real image.
    labels = np.where(np.asarray(batch["paired"]) > 0, batch["simulated_label"], -1)
    logits = model.discriminator(real)[1]
    wanted = np.mean(identity_perception(logits, labels, config.loss.identity))
    assert float(found.values["identity_loss_real"]) == pytest.approx(wanted, rel=1e-5)


@pytest.mark.slow
def test_a_skin_refiner_learns_its_matte_and_nothing_of_it_is_lost_in_a_step():
    overrides = [
        *TINY, "data.image_size=32", "generator.form=skin", "generator.input_skip=true",
        "generator.downsample=2", "loss.adversarial=patch", "loss.matte_weight=5",
        "loss.pair_weight=2", "loss.perceptual_weight=3", "training.generator_clip=5",
        "training.generator_learning_rate=0.001",
    ]  # fmt: skip
    config = load_config("small-64", overrides)
    keras.utils.set_random_seed(0)
    model = build_dagan(config, PEOPLE)
    rng = np.random.default_rng(5)
    batch = {
        "simulated": rng.uniform(-1, 1, (4, 32, 32, 3)), "real": rng.uniform(-1, 1, (4, 32, 32, 3)),
        "mask": rng.integers(0, 2, (4, 32, 32, 1)),
    }  # fmt: skip
    batch = {name: tf.constant(value, tf.float32) for name, value in batch.items()}
    batch |= {
        "simulated_label": tf.constant([0, 1, 2, 0]),
        "real_label": tf.constant([0, 1, -1, 2]),
    }
    batch = guided_batch(batch, 32)
    batch["simulated"] = 0.2 * batch["simulated"] + 0.8 * batch["skin"] - 0.4
    batch["target"] += 2.0  # means of noise alone are much alike
    data = tf.data.Dataset.from_tensors(batch).repeat()
    model.fit(data, steps_per_epoch=1, epochs=1, verbose=0)
    first = {metric.name: float(metric.result()) for metric in model.metrics}
    assert first["matte_loss"] == pytest.approx(np.log(2), rel=1e-5)  # undecided at first
    assert first["refinement"] == 0.0  # and the identity
    assert first["pair_loss"] > 0.05
    assert first["perceptual_loss"] > 0.05
    assert first["guidance_loss"] == pytest.approx(
        5 * first["matte_loss"] + 2 * first["pair_loss"] + 3 * first["perceptual_loss"], rel=1e-4
    )
    model.fit(data, steps_per_epoch=120, epochs=1, verbose=0)
    last = {metric.name: float(metric.result()) for metric in model.metrics}
    assert last["matte_loss"] < 0.6 * first["matte_loss"]


def test_a_skin_refiner_goes_on_without_being_told_where_skin_is():
    overrides = [
        *TINY, "data.image_size=32", "generator.form=skin", "generator.input_skip=true",
        "generator.downsample=2", "loss.adversarial=patch",
    ]  # fmt: skip
    model = build_dagan(load_config("small-64", overrides), PEOPLE)
    matte = [np.array(one) for one in model.generator.get_layer("matte").get_weights()]
    rng = np.random.default_rng(5)
    batch = {
        "simulated": tf.constant(rng.uniform(-1, 1, (4, 32, 32, 3)), tf.float32),
        "real": tf.constant(rng.uniform(-1, 1, (4, 32, 32, 3)), tf.float32),
        "mask": tf.ones((4, 32, 32, 1)),
        "simulated_label": tf.constant([0, 1, 2, 0]),
        "real_label": tf.constant([0, 1, -1, 2]),
    }
    model.fit(tf.data.Dataset.from_tensors(batch).repeat(), steps_per_epoch=2, verbose=0)
    for before, after in zip(matte, model.generator.get_layer("matte").get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
