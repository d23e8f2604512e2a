"""Losses that are told more of a view: where its head is, and the real photo it is to come to."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from dagan_tf.config.settings import load_config
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
        "head": tf.constant(inside), "inside": tf.constant(inside),
        "real_inside": tf.constant(inside[:, ::-1].copy()), "paired": tf.constant([1.0, 0, 1, 0]),
        "target": tf.constant(rng.uniform(-1, 1, (*shape[:3], 3)).astype(np.float32)),
    }  # fmt: skip


def test_the_discriminator_sees_heads_in_black_and_apart_features_are_head():
    overrides = ["loss.adversarial=patch", "loss.judge_head=true", "loss.identity_weight=0"]
    config = load_config("small-64", [*TINY, *WEIGHTS, *overrides])
    model = build_dagan(config, PEOPLE)
    batch = guided_batch(next(iter(batches(1))), 16)
    seen = []

    def discriminator(images, training=False):
        seen.append(np.asarray(images))
        return model.discriminator(images, training=training)

    objectives(
        config.loss, model.generator, discriminator, batch,
        balance=tf.constant(0.0), adversaries=tf.constant(1.0), step=tf.constant(0, tf.int64),
    )  # fmt: skip
    real, refined = seen[0], seen[1]
    assert np.all(refined[:, 8:] == -1)
    np.testing.assert_allclose(
        refined[:, :8], model.generator(batch["simulated"])[:, :8], atol=1e-6
    )
    assert np.all(real[:, :8] == -1)
    np.testing.assert_allclose(real[:, 8:], batch["real"][:, 8:], atol=1e-6)


@pytest.mark.slow
def test_an_outline_refiner_learns_its_matte_and_nothing_of_it_is_lost_in_a_step():
    overrides = [
        *TINY, "data.image_size=32", "generator.form=outline", "generator.input_skip=true",
        "generator.downsample=4", "loss.adversarial=patch", "loss.matte_weight=5",
        "loss.pair_weight=2", "loss.texture_weight=1", "loss.detail_weight=3",
        "loss.surroundings_weight=4",
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
    # Noise of single pixels is finer than the refiner's idea of what was shown.
    shown = np.zeros((4, 32, 32, 1), np.float32)
    shown[:, :, :16] = 1.0
    batch["mask"] = tf.constant(shown)
    batch["target"] += 0.5  # blocks of noise alone are much alike
    data = tf.data.Dataset.from_tensors(batch).repeat()
    model.fit(data, steps_per_epoch=1, epochs=1, verbose=0)
    first = {metric.name: float(metric.result()) for metric in model.metrics}
    assert first["matte_loss"] == pytest.approx(np.log(2), rel=1e-5)  # undecided at first
    assert first["surroundings_loss"] == 0.0  # and the identity
    assert first["pair_loss"] > 0.05
    assert first["guidance_loss"] == pytest.approx(
        5 * first["matte_loss"] + 2 * first["pair_loss"] + first["texture_loss"], rel=1e-4
    )
    model.fit(data, steps_per_epoch=120, epochs=1, verbose=0)
    last = {metric.name: float(metric.result()) for metric in model.metrics}
    assert last["matte_loss"] < 0.6 * first["matte_loss"]
