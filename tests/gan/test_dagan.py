"""The train step: two devices equal one, warm-up, averages, metrics, precision."""

import functools
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from dagan_tf.config.settings import load_config
from dagan_tf.core.keras_compat import KERAS_3, loss_scale
from dagan_tf.gan.dagan import DAGAN, METRIC_NAMES
from dagan_tf.gan.likeness import Likeness
from tests.helpers.shared_graphs import build_dagan

SIZE, BATCH, PEOPLE = 16, 4, 3
TINY = [
    f"data.image_size={SIZE}", "generator.filters=4", "generator.blocks=1",
    "discriminator.filters=4", "discriminator.bottleneck=6", "discriminator.convs_per_stage=1",
    "training.warmup_steps=0", f"training.batch_size={BATCH}", "training.ema_decay=0.5",
    "training.generator_learning_rate=0.01", "training.discriminator_learning_rate=0.01",
    "generator.downsample=1", "generator.smooth=false", "discriminator.downsample=1",
    "loss.balance_rate=0.1",
]  # fmt: skip
LITERAL = ["loss.adversarial=literal", "loss.initial_balance=0.5"]


def batches(steps, real_scale=1.0, labelled=True):
    rng = np.random.default_rng(5)
    shape = (steps * BATCH, SIZE, SIZE, 3)
    data = {
        "simulated": rng.uniform(-1, 1, shape).astype(np.float32),
        "real": (real_scale * rng.uniform(-1, 1, shape)).astype(np.float32),
        "mask": rng.integers(0, 2, (*shape[:3], 1)).astype(np.float32),
        "simulated_label": rng.integers(0, PEOPLE, steps * BATCH).astype(np.int32),
        "real_label": rng.integers(-1, PEOPLE if labelled else 0, steps * BATCH).astype(np.int32),
        "simulated_draws": rng.uniform(size=(steps * BATCH, 5)).astype(np.float32),
        "real_draws": rng.uniform(size=(steps * BATCH, 5)).astype(np.float32),
        "simulated_yaw": rng.uniform(-90, 90, steps * BATCH).astype(np.float32),
    }
    return tf.data.Dataset.from_tensor_slices(data).batch(BATCH, drop_remainder=True)


def make(overrides=(), strategy=None, likeness=None, jit=False):
    """Of equal arguments the same model, as new: what was asked for before is to be read before."""
    keras.utils.set_random_seed(0)
    with (strategy or tf.distribute.get_strategy()).scope():
        config = load_config("small-64", [*TINY, *overrides])
        return build_dagan(config, PEOPLE, likeness=likeness, jit=jit)


def run(model, steps=4, **kwargs):
    model.fit(batches(steps, **kwargs), epochs=1, shuffle=False, verbose=0)
    return model


def state(model):
    variables = [
        *model.generator.trainable_variables,
        *model.discriminator.trainable_variables,
        *model.averages,
        model.equilibrium.balance,
    ]
    return [np.asarray(tf.convert_to_tensor(v)) for v in variables]


@functools.cache
def mirrored():
    return tf.distribute.MirroredStrategy(
        ["CPU:0", "CPU:1"], cross_device_ops=tf.distribute.ReductionToOneDevice()
    )


@pytest.mark.slow
@pytest.mark.parametrize("overrides", [[], [*LITERAL, "loss.identity=sigmoid"]])
def test_two_devices_train_as_one(overrides):
    before = state(make(overrides))
    one = run(make(overrides))
    two = run(make(overrides, mirrored()))
    assert max(np.abs(a - b).max() for a, b in zip(before, state(one), strict=True)) > 1e-3
    for a, b in zip(state(one), state(two), strict=True):
        np.testing.assert_allclose(b, a, atol=1e-5)
    for a, b in zip(one.metrics, two.metrics, strict=True):
        # Not linear in the batch: diversities, L_con, norms.
        if not re.search("diversity|convergence|gradient", a.name):
            np.testing.assert_allclose(b.result(), a.result(), atol=1e-4, err_msg=a.name)


@pytest.mark.slow
def test_two_devices_keep_the_likeness_as_one_does():
    likeness = Likeness(SIZE, np.random.default_rng(0).normal(0, 0.05, (3, 2, 128)))
    # Rounded otherwise in smaller batches, through 30 layers: Adam would divide by that.
    overrides = ["loss.embedding_weight=5", "loss.identity_weight=0", "training.optimizer=SGD"]
    before = state(make(overrides, likeness=likeness))
    one = run(make(overrides, likeness=likeness))
    two = run(make(overrides, mirrored(), likeness))
    assert max(np.abs(a - b).max() for a, b in zip(before, state(one), strict=True)) > 1e-3
    for a, b in zip(state(one), state(two), strict=True):
        np.testing.assert_allclose(b, a, atol=1e-6)
    losses = [
        float(metric.result())
        for model in (one, two)
        for metric in model.metrics
        if metric.name == "embedding_loss"
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    assert losses[0] > 0.1


@pytest.mark.slow
def test_metrics_are_those_of_an_independent_forward_pass():
    model = make(["loss.diversity_ratio=0.5", "loss.identity_weight=0.01"])
    batch = next(iter(batches(1)))
    refined = model.generator(batch["simulated"]).numpy()
    real_back = model.discriminator(batch["real"])[0].numpy()
    refined_back = model.discriminator(refined)[0].numpy()
    run(model, steps=1)
    got = {metric.name: float(metric.result()) for metric in model.metrics}
    assert tuple(got) == METRIC_NAMES
    real, fake = (np.abs(a - b).mean() for a, b in (
        (batch["real"].numpy(), real_back), (refined, refined_back)))  # fmt: skip
    assert got["real_error"] == pytest.approx(real, rel=1e-4)
    assert got["refined_error"] == pytest.approx(fake, rel=1e-4)
    assert got["convergence"] == pytest.approx(real + abs(0.5 * real - fake), rel=1e-4)
    assert got["diversity"] == pytest.approx(refined.std(axis=0).mean(), rel=1e-4)
    assert got["refinement"] == pytest.approx(0, abs=1e-7)
    want = fake + 0.01 * got["identity_loss_refined"]
    assert got["generator_loss"] == pytest.approx(want, rel=1e-4)


@pytest.mark.parametrize(
    "overrides",
    [
        ["loss.adversarial=began"],
        pytest.param([*LITERAL, "loss.identity=sigmoid"], marks=pytest.mark.slow),
    ],
)
def test_the_refiner_moves_from_the_identity(overrides):
    model = run(make(overrides))
    x = np.random.default_rng(0).uniform(-1, 1, (1, SIZE, SIZE, 3)).astype(np.float32)
    assert np.abs(model(x) - x).max() > 1e-3


@pytest.mark.slow
def test_warmup_leaves_the_skip_refiner_and_k_alone_but_trains_the_discriminator():
    overrides = ["training.warmup_steps=4", "loss.initial_balance=0.5"]
    before = state(make(overrides))
    model = run(make(overrides), steps=4)
    count = len(model.generator.trainable_variables)
    after = state(model)
    for a, b in zip(before[:count], after[:count], strict=True):
        np.testing.assert_array_equal(a, b)
    assert before[-1] == after[-1]
    assert max(np.abs(a - b).max() for a, b in zip(before[count:], after[count:], strict=True)) > 0
    run(model, steps=1)
    assert state(model)[-1] != before[-1]


def test_averages_by_hand():
    model = make()
    assert model.ema_decay == 0.5
    first = state(model)[0]
    run(model, steps=1)
    second = state(model)[0]
    # The ramp: decay min(0.5, (1 + 0) / (10 + 0)) at the first step.
    np.testing.assert_allclose(
        tf.convert_to_tensor(model.averages[0]), second + 0.1 * (first - second), atol=1e-6
    )
    twin = keras.models.clone_model(model.generator)
    model.copy_averages_to(twin)
    np.testing.assert_array_equal(twin.trainable_variables[0], model.averages[0])


@pytest.mark.slow
def test_warmup_ends_at_the_same_step_on_two_devices():
    overrides = ["training.warmup_steps=2", "loss.initial_balance=0.5"]
    model = run(make(overrides, mirrored()), steps=2)
    assert state(model)[-1] == 0.5
    run(model, steps=1)
    assert state(model)[-1] != 0.5


@pytest.mark.slow
def test_without_averages_the_weights_themselves_are_copied():
    model = run(make(["training.ema_decay=0"]), steps=1)
    assert not model.averages
    twin = keras.models.clone_model(model.generator)
    model.copy_averages_to(twin)
    for a, b in zip(twin.get_weights(), model.generator.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_bfloat16_trains_to_finite_float32_weights():
    model = run(make(["training.precision=mixed_bfloat16"]), steps=2)
    assert keras.mixed_precision.global_policy().name == "float32"
    assert all(np.isfinite(v).all() and v.dtype == np.float32 for v in state(model))
    assert np.isfinite(float(model.metrics[0].result()))


@pytest.mark.slow
def test_training_learns():
    """A refiner against constant reals: both auto-encoder errors and the gap must fall."""
    model = make(["loss.pose_weight=0.01", "loss.identity_weight=0"])
    run(model, steps=3, real_scale=0.0)
    early = {metric.name: float(metric.result()) for metric in model.metrics}
    run(model, steps=40, real_scale=0.0)
    run(model, steps=3, real_scale=0.0)
    late = {metric.name: float(metric.result()) for metric in model.metrics}
    assert late["refined_error"] < 0.8 * early["refined_error"]
    assert late["refinement"] > early["refinement"]


def test_call_refines():
    model = make()
    assert isinstance(model, DAGAN)
    x = np.zeros((1, SIZE, SIZE, 3), np.float32)
    np.testing.assert_array_equal(model(x), model.generator(x))


@pytest.mark.slow
def test_accumulated_parts_equal_the_large_batch():
    whole, parts = run(make()), run(make(["training.accumulate=2"]))
    for a, b in zip(state(whole), state(parts), strict=True):
        np.testing.assert_allclose(b, a, atol=1e-5)
    for a, b in zip(whole.metrics, parts.metrics, strict=True):
        if not re.search("diversity|convergence", a.name):
            np.testing.assert_allclose(b.result(), a.result(), rtol=1e-3, atol=1e-5, err_msg=a.name)


@pytest.mark.slow
def test_float16_scales_both_losses_and_trains_as_float32_does():
    first = state(make())
    half, single = make(["training.precision=mixed_float16"]), make()
    for optimizer in (half.generator_optimizer, half.discriminator_optimizer):
        assert float(loss_scale(optimizer)) > 1000
    assert float(loss_scale(single.generator_optimizer)) == 1
    # The first scale overflows and is halved until it fits; those steps change nothing.
    run(half, steps=12)
    run(single, steps=12)
    assert all(np.isfinite(v).all() and v.dtype == np.float32 for v in state(half))
    assert int(tf.convert_to_tensor(half.progress.steps)) == 12
    got, want = (
        {metric.name: float(metric.result()) for metric in model.metrics}
        for model in (half, single)
    )
    assert got["generator_gradient"] == pytest.approx(want["generator_gradient"], rel=0.5)
    assert got["real_error"] == pytest.approx(want["real_error"], rel=0.3)
    assert any(not np.array_equal(a, b) for a, b in zip(first, state(half), strict=True))


STABLE = ["loss.augment=true", "loss.gradient_penalty=0.3", "discriminator.patch_heads=2"]


@pytest.mark.slow
@pytest.mark.parametrize(("form", "more"), [("gan", []), ("patch", []), ("patch", STABLE)])
def test_forms_without_auto_encoder_train_on_one_and_two_devices(form, more):
    overrides = [f"loss.adversarial={form}", "loss.initial_balance=0.5", *more]
    one, two = run(make(overrides)), run(make(overrides, mirrored()))
    assert state(one)[-1] == 0.5  # k stands still
    for a, b in zip(state(one), state(two), strict=True):
        np.testing.assert_allclose(b, a, atol=1e-5)


@pytest.mark.slow
def test_unlabelled_reals_get_the_same_names_on_two_devices():
    unsure = ["loss.adversarial=gan", "loss.augment=true", "loss.identity_weight=1"]
    sure = [*unsure, "loss.identity_confidence=0.335"]  # just above one in three
    one = run(make(sure), labelled=False)
    two = run(make(sure, mirrored()), labelled=False)
    without = run(make(unsure), labelled=False)
    for a, b in zip(state(one), state(two), strict=True):
        np.testing.assert_allclose(b, a, atol=1e-5)
    moved = [np.abs(a - b).max() for a, b in zip(state(one), state(without), strict=True)]
    assert max(moved) > 1e-4


@pytest.mark.slow
def test_parts_of_a_batch_with_penalty_and_augmentation_add_up_to_it():
    overrides = ["loss.adversarial=patch", *STABLE]
    whole, parts = run(make(overrides)), run(make([*overrides, "training.accumulate=2"]))
    for a, b in zip(state(whole), state(parts), strict=True):
        np.testing.assert_allclose(b, a, atol=1e-5)


@pytest.mark.slow
@pytest.mark.skipif(not KERAS_3, reason="XLA of TensorFlow 2.15 lacks a gradient")
def test_jit_compiles_to_the_same_step():
    jit = run(make(jit=True), steps=2)
    for a, b in zip(state(run(make(), steps=2)), state(jit), strict=True):
        np.testing.assert_allclose(b, a, atol=1e-3)
