"""From a configuration to the compiled model."""

import keras

from dagan_tf.compat import dtype_policy, scaled_optimizer
from dagan_tf.config import Config
from dagan_tf.models.discriminator import build_discriminator
from dagan_tf.models.generator import build_generator
from dagan_tf.training.dagan import DAGAN
from dagan_tf.training.history import History
from dagan_tf.training.objectives import REALISM
from dagan_tf.training.schedule import HalvingSchedule


def build_dagan(config: Config, num_identities: int, *, jit: bool = False) -> DAGAN:
    """The compiled model of a configuration; call it inside the strategy's scope.

    Args:
        config: all settings.
        num_identities: classes of the identity agent.
        jit: compile the step with XLA (slower on CPUs).
    """
    settings, size = config.training, config.data.image_size
    with dtype_policy(settings.precision):
        history = None
        if settings.history_size:
            history = History(settings.history_size, size, config.seed, name="history")
        dagan = DAGAN(
            build_generator(config.generator, size),
            build_discriminator(
                config.discriminator, size, num_identities, REALISM[config.loss.adversarial]
            ),
            loss=config.loss,
            ema_decay=settings.ema_decay,
            warmup_steps=settings.warmup_steps,
            accumulate=settings.accumulate,
            plateau_steps=settings.plateau_steps,
            history=history,
        )
    rates = settings.generator_learning_rate, settings.discriminator_learning_rate
    dagan.compile(*(_adam(config, rate, dagan) for rate in rates), jit_compile=jit)
    return dagan


def _adam(config: Config, rate: float, dagan: DAGAN) -> keras.optimizers.Optimizer:
    settings = config.training
    schedule = HalvingSchedule(
        rate, settings.decay_steps, settings.learning_rate_floor, dagan.progress.rate_scale
    )
    adam = keras.optimizers.Adam(schedule, beta_1=settings.beta_1)
    return scaled_optimizer(adam) if settings.precision == "mixed_float16" else adam
