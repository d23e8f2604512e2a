"""Optimisers named in the configuration: they train, resume and say their rate."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from dagan_tf.config.reading import ConfigError
from dagan_tf.config.sections import TrainingConfig
from dagan_tf.config.settings import load_config
from dagan_tf.core.keras_compat import KERAS_3, learning_rate
from dagan_tf.loop.optimizers import INSTEAD, build_optimizer
from dagan_tf.training.build import build_dagan
from dagan_tf.training.model_folder import make_manager
from tests.gan.test_dagan import make, mirrored, run, state

CHOICES = TrainingConfig.__dataclass_fields__["optimizer"].metadata["choices"]
ADDONS = [name for name in CHOICES if name.startswith("tfa.")]
# By optimizer and wrapper.
NAMES = [(name, "none") for name in CHOICES] + [
    ("Adam", "tfa.Lookahead"),
    ("SGD", "tfa.MovingAverage"),
    ("tfa.RectifiedAdam", "tfa.Lookahead"),
    ("tfa.RectifiedAdam", "tfa.MovingAverage"),
]


def settings(optimizer, wrapper="none", **values):
    return TrainingConfig(optimizer=optimizer, optimizer_wrapper=wrapper, **values)


def here(name, wrapper):
    """Skips where this stack does not have the optimiser."""
    if KERAS_3 and "tfa." in name + wrapper:
        pytest.skip("tensorflow-addons ended with TensorFlow 2.15")
    if "tfa." in name + wrapper:
        pytest.importorskip("tensorflow_addons")
    if name == "Lamb" and not hasattr(keras.optimizers, "Lamb"):
        pytest.skip("this Keras has no Lamb")


def overrides(name, wrapper):
    return [f"training.optimizer={name}", f"training.optimizer_wrapper={wrapper}"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "wrapper"),
    [
        ("SGD", "none"),
        ("Lamb", "none"),
        ("tfa.LAMB", "none"),
        ("Adam", "tfa.Lookahead"),
        ("tfa.RectifiedAdam", "tfa.MovingAverage"),
    ],
)
def test_training_resumes_exactly(name, wrapper, tmp_path):
    here(name, wrapper)
    changes = overrides(name, wrapper)
    model = run(make(changes), 7)  # Lookahead looks back at step 6.
    path = make_manager(model, tmp_path).save(checkpoint_number=7)
    saved, gone_on = state(model), state(run(model, 7))
    again = make(changes)
    assert not np.array_equal(saved[0], state(again)[0])
    make_manager(again, tmp_path).checkpoint.restore(path).assert_existing_objects_matched()
    for one, other in zip(gone_on, state(run(again, 7)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_two_devices_train_like_one():
    names = "tfa.RectifiedAdam", "tfa.Lookahead"
    here(*names)
    one, two = run(make(overrides(*names)), 4), run(make(overrides(*names), mirrored()), 4)
    for a, b in zip(state(one), state(two), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("name", "wrapper"), NAMES)
def test_every_name_makes_steps_at_the_schedules_rate(name, wrapper):
    here(name, wrapper)
    halving = keras.optimizers.schedules.PiecewiseConstantDecay([0], [0.25, 0.125])
    optimizer = build_optimizer(settings(name, wrapper), halving)
    weight = tf.Variable([1.0, 2.0])
    assert learning_rate(optimizer) == 0.25
    optimizer.apply_gradients([(tf.constant([1.0, -1.0]), weight)])
    assert learning_rate(optimizer) == 0.125
    # Opposite gradients: opposite moves.
    assert 0 < 1.0 - weight[0] < 1
    assert 0 < weight[1] - 2.0 < 1


def test_beta_1_reaches_adam_and_is_the_momentum_of_sgd():
    assert float(build_optimizer(settings("Adam", beta_1=0.25), lambda: 0.1).beta_1) == 0.25
    assert float(build_optimizer(settings("SGD", beta_1=0.25), lambda: 0.1).momentum) == 0.25


@pytest.mark.skipif(not KERAS_3, reason="Keras 2.15 goes with tensorflow-addons")
@pytest.mark.parametrize("name", sorted(INSTEAD))
def test_newer_tensorflow_says_in_one_line_what_to_use_instead(name):
    wrapper = name in ("tfa.Lookahead", "tfa.MovingAverage")
    asked = settings("Adam", name) if wrapper else settings(name)
    with pytest.raises(ConfigError) as caught:
        build_optimizer(asked, lambda: 0.1)
    key = "optimizer_wrapper" if wrapper else "optimizer"
    text = str(caught.value)
    assert text.startswith(
        f"training.{key} = '{name}': tensorflow-addons ended with TensorFlow 2.15"
    )
    assert text.endswith(f"use {INSTEAD[name]}")
    assert "\n" not in text


def test_every_addons_name_has_its_advice():
    wrappers = TrainingConfig.__dataclass_fields__["optimizer_wrapper"].metadata["choices"]
    assert sorted(INSTEAD) == sorted([*ADDONS, *wrappers[1:]])


@pytest.mark.skipif(KERAS_3, reason="of Keras 2.15")
def test_what_keras_2_lacks():
    with pytest.raises(ConfigError, match=r"'Lamb': Keras 2.15.0 does not have it; .*tfa.LAMB"):
        build_optimizer(settings("Lamb"), lambda: 0.1)
    with pytest.raises(ConfigError, match=r"'Lion' cannot be in a training.optimizer_wrapper"):
        build_optimizer(settings("Lion", "tfa.Lookahead"), lambda: 0.1)


@pytest.mark.skipif(KERAS_3, reason="newer TensorFlow can")
def test_jit_is_refused_in_one_line():
    with pytest.raises(ConfigError, match=r"^jit: XLA of TensorFlow 2.15 lacks a gradient"):
        build_dagan(load_config("small-64"), 3, jit=True)
