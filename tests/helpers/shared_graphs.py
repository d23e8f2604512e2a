"""Models of equal settings, handed out again as new, so that one traced step serves many tests.

A training of a few steps is nearly all tracing. Whoever asks again gets the first model with every
variable as it was when it was built: weights, averages, both optimisers, k, progress, history.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from dagan_tf.config.settings import Config
from dagan_tf.core.keras_compat import KERAS_3
from dagan_tf.gan.dagan import DAGAN
from dagan_tf.training import build

# Settings that no model has: of how long it trains and what is written on the way.
_OF_THE_RUN = {
    "steps": 1, "max_minutes": 0.0, "batch_size": 1, "log_every": 1, "checkpoint_every": 1,
    "samples_every": 1, "sample_count": 1, "keep_checkpoints": 1,
}  # fmt: skip
# Models kept, of tens of megabytes each with their graphs: those asked for last.
_MOST = 3
_kept: OrderedDict[str, tuple[DAGAN, list[tuple[Any, np.ndarray]], list[Any]]] = OrderedDict()


def build_dagan(config: Config, num_identities: int, **options: Any) -> DAGAN:
    """As `training.build.build_dagan`, straight after `keras.utils.set_random_seed(config.seed)`.

    A model that was handed out before is taken from whoever has it: read what is to be compared
    before asking for the next one of the same settings.
    """
    if not KERAS_3:  # Optimisers of several ages, each with state of its own.
        return build.build_dagan(config, num_identities, **options)
    strategy, likeness = tf.distribute.get_strategy(), options.get("likeness")
    training = replace(config.training, **_OF_THE_RUN)
    key = repr((
        config.seed, config.data.image_size, config.generator, config.discriminator, config.loss,
        training, num_identities, options.get("jit"), id(strategy), id(likeness),
    ))  # fmt: skip
    if key not in _kept:
        dagan = build.build_dagan(config, num_identities, **options)
        values = [(variable, np.array(variable)) for variable in _variables(dagan)]
        # What the key names by its place in memory must stay there.
        _kept[key] = dagan, values, [strategy, likeness]
        if len(_kept) > _MOST:
            _kept.popitem(last=False)
    _kept.move_to_end(key)
    dagan, values, _ = _kept[key]
    for variable, value in values:
        variable.assign(value)
    return dagan


def _variables(dagan: DAGAN) -> Iterator[Any]:
    optimizers: list[keras.optimizers.Optimizer] = list(dagan.named_optimizers.values())
    seen = set()
    for owner in (dagan, *optimizers, *dagan.metrics):
        for variable in owner.variables:
            if id(variable) not in seen:
                seen.add(id(variable))
                yield variable
