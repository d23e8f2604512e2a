"""Optimisers by name: Keras' own, and on TensorFlow 2.15 those of tensorflow-addons."""

import importlib
import importlib.util
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any, Protocol

import keras
import tensorflow as tf

from dagan_tf.config.reading import ConfigError
from dagan_tf.core.keras_compat import KERAS_3, legacy_optimizer

ADDONS_PREFIX = "tfa."
# What to set on a TensorFlow that tensorflow-addons cannot be imported with.
INSTEAD = {
    "tfa.AdaBelief": "training.optimizer=Adam",
    "tfa.LAMB": "training.optimizer=Lamb",
    "tfa.NovoGrad": "training.optimizer=Lamb",
    "tfa.RectifiedAdam": "training.optimizer=Adam with training.warmup_steps above 0",
    "tfa.Yogi": "training.optimizer=Adam",
    "tfa.Lookahead": "training.ema_decay=0.999, the averaged refiner",
    "tfa.MovingAverage": "training.ema_decay=0.999, the same average",
}
# Where Adam has beta_1 these have a momentum.
_MOMENTUM = ("RMSprop", "SGD")


class OptimizerSettings(Protocol):
    """What `TrainingConfig` and a recogniser's settings have in common."""

    @property
    def optimizer(self) -> str:
        """Name of a class of `keras.optimizers`, or of tensorflow-addons (`tfa.`)."""

    @property
    def optimizer_wrapper(self) -> str:
        """Name of a wrapper of tensorflow-addons, or `none`."""

    @property
    def beta_1(self) -> float:
        """Decay of the mean gradient, or momentum."""

    @property
    def ema_decay(self) -> float:
        """Decay of averaged weights."""


def build_optimizer(
    settings: OptimizerSettings, rate: Callable[[Any], tf.Tensor], *, clip: float = 0.0
) -> keras.optimizers.Optimizer:
    """The optimiser that `settings` names, not built yet.

    Args:
        settings: `optimizer`, `optimizer_wrapper`, `beta_1` and `ema_decay` are read.
        rate: learning rate schedule.
        clip: global norm that gradients are cut to; 0 leaves them.

    Raises:
        ConfigError: the optimiser is tensorflow-addons' and that cannot be had here, or this
            Keras lacks it; the text says what to use instead.
    """
    name, wrapper = settings.optimizer, settings.optimizer_wrapper
    momentum = "momentum" if name in _MOMENTUM else "beta_1"
    arguments: dict[str, Any] = {"learning_rate": rate, momentum: settings.beta_1}
    if clip:
        arguments["global_clipnorm"] = clip
    if name == "tfa.Yogi":
        arguments["beta1"] = arguments.pop("beta_1")
    if name.startswith(ADDONS_PREFIX):
        kind = getattr(_addons("optimizer", name), name.removeprefix(ADDONS_PREFIX))
    else:
        kind = _own(name, wrapped=wrapper != "none")
    optimizer = kind(**arguments)
    if wrapper == "tfa.Lookahead":
        return _addons("optimizer_wrapper", wrapper).Lookahead(optimizer)
    if wrapper == "tfa.MovingAverage":
        # Early on both follow closely: the decay grows as that of our own average does.
        return _addons("optimizer_wrapper", wrapper).MovingAverage(
            optimizer, average_decay=settings.ema_decay, dynamic_decay=True
        )
    return optimizer


def _own(name: str, *, wrapped: bool) -> type[keras.optimizers.Optimizer]:
    # Addons' wrappers take Keras' optimisers of before TensorFlow 2.11 only.
    kind = legacy_optimizer(name) if wrapped and not KERAS_3 else _or_none(name)
    if kind is not None:
        return kind
    if wrapped:
        raise ConfigError(
            f"training.optimizer = {name!r} cannot be in a training.optimizer_wrapper;"
            " expected Adam, Adamax, Nadam, RMSprop, SGD or one of tfa's"
        )
    instead = "; use training.optimizer=tfa.LAMB" if name == "Lamb" else ""
    raise ConfigError(
        f"training.optimizer = {name!r}: Keras {keras.__version__} does not have it{instead}"
    )


def _or_none(name: str) -> type[keras.optimizers.Optimizer] | None:
    return getattr(keras.optimizers, name, None)


def _addons(key: str, name: str) -> ModuleType:
    problem = f"training.{key} = {name!r}"
    if KERAS_3:
        raise ConfigError(
            f"{problem}: tensorflow-addons ended with TensorFlow 2.15 (this is {tf.__version__});"
            f" use {INSTEAD[name]}"
        )
    if importlib.util.find_spec("tensorflow_addons") is None:
        raise ConfigError(f"{problem}: pip install 'dagan-tf[addons]', or use {INSTEAD[name]}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # It announces its own end, in eight lines.
        return importlib.import_module("tensorflow_addons.optimizers")
