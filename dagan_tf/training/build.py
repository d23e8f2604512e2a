"""From a configuration to the compiled model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras

from dagan_tf.config.reading import ConfigError
from dagan_tf.config.sections import TrainingConfig
from dagan_tf.config.settings import Config
from dagan_tf.core.keras_compat import KERAS_3, dtype_policy, scaled_optimizer
from dagan_tf.gan.adversaries import REALISM
from dagan_tf.gan.dagan import DAGAN
from dagan_tf.gan.discriminator import build_discriminator
from dagan_tf.gan.generator import build_generator
from dagan_tf.gan.history import History
from dagan_tf.gan.perceptual import PerceptualDistance
from dagan_tf.loop.optimizers import build_optimizer
from dagan_tf.loop.schedule import FallingSchedule

if TYPE_CHECKING:
    from dagan_tf.gan.likeness import Likeness


def build_dagan(
    config: Config,
    num_identities: int,
    *,
    likeness: Likeness | None = None,
    jit: bool = False,
) -> DAGAN:
    """The compiled model of a configuration; call it inside the strategy's scope.

    Args:
        config: all settings.
        num_identities: classes of the identity agent.
        likeness: the frozen recogniser of `loss.embedding_weight`.
        jit: compile the step with XLA (slower on CPUs).

    Raises:
        ConfigError: an optimiser, or `jit`, cannot be had on this TensorFlow, or the config wants a
            likeness agent and there is none.
    """
    if config.loss.embedding_weight and likeness is None:
        raise ConfigError(
            f"loss.embedding_weight = {config.loss.embedding_weight}: expected a likeness agent"
        )
    if jit and not KERAS_3:
        raise ConfigError("jit: XLA of TensorFlow 2.15 lacks a gradient that this model needs")
    settings, size = config.training, config.data.image_size
    with dtype_policy(settings.precision):
        history = None
        if settings.history_size:
            history = History(settings.history_size, config.data.side, config.seed, name="history")
        dagan = DAGAN(
            build_generator(config.generator, None if config.data.crop else size),
            build_discriminator(
                config.discriminator,
                config.data.side,
                num_identities,
                REALISM[config.loss.adversarial],
            ),
            loss=config.loss,
            ema_decay=settings.ema_decay,
            warmup_steps=settings.warmup_steps,
            accumulate=settings.accumulate,
            plateau_steps=settings.plateau_steps,
            history=history,
            likeness=likeness,
            perceptual=PerceptualDistance() if config.loss.perceptual_weight else None,
        )
    rates = settings.generator_learning_rate, settings.discriminator_learning_rate
    clips = settings.generator_clip, 0.0
    optimizers = [
        _optimizer(settings, rate, clip, dagan) for rate, clip in zip(rates, clips, strict=True)
    ]
    dagan.compile(*optimizers, jit_compile=jit)
    return dagan


def _optimizer(
    settings: TrainingConfig, rate: float, clip: float, dagan: DAGAN
) -> keras.optimizers.Optimizer:
    schedule = FallingSchedule(
        rate,
        settings.decay_steps,
        settings.learning_rate_floor,
        dagan.progress.rate_scale,
        steps=settings.steps,
        linear_steps=settings.linear_steps,
    )
    optimizer = build_optimizer(settings, schedule, clip=clip)
    return scaled_optimizer(optimizer) if settings.precision == "mixed_float16" else optimizer
