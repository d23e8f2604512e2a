"""All that differs between Keras 2 (TensorFlow 2.15) and Keras 3 (2.16 and later)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import keras
import tensorflow as tf

KERAS_3 = keras.__version__.startswith("3.")


def add_state(
    layer: keras.layers.Layer, name: str, value: tf.Tensor | float, dtype: str = "float32"
) -> tf.Variable:
    """Adds a non-trainable weight that replicas may assign equal values to.

    Args:
        layer: the owner.
        name: of the weight.
        value: initial value; sets the shape.
        dtype: of the weight. Replicas' values are averaged if it is a float, else the first
            replica's is taken.
    """
    initial = tf.convert_to_tensor(value)
    mean = dtype.startswith("float")
    if KERAS_3:
        aggregation = "mean" if mean else "only_first_replica"
    else:
        kinds = tf.VariableAggregation
        aggregation = kinds.MEAN if mean else kinds.ONLY_FIRST_REPLICA
    return layer.add_weight(
        name=name,
        shape=tuple(initial.shape),
        dtype=dtype,
        initializer=lambda shape, dtype=None: tf.cast(initial, dtype or tf.float32),
        trainable=False,
        aggregation=aggregation,
    )


@contextmanager
def dtype_policy(name: str) -> Iterator[None]:
    """Makes layers built inside use the Keras dtype policy `name`, e.g. `mixed_bfloat16`."""
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy(name)
    try:
        yield
    finally:
        keras.mixed_precision.set_global_policy(before)


def legacy_optimizer(name: str) -> type[keras.optimizers.Optimizer] | None:
    """Keras 2's optimiser class from before TensorFlow 2.11, None if there is none."""
    return getattr(getattr(keras.optimizers, "legacy", None), name, None)


def build_optimizer_weights(
    optimizer: keras.optimizers.Optimizer, variables: Sequence[tf.Variable]
) -> None:
    """Makes an optimiser's state for `variables`, rather than at the first step."""
    if hasattr(optimizer, "build"):
        optimizer.build(variables)
    else:  # Keras' optimisers of before TensorFlow 2.11, tensorflow-addons' among them.
        optimizer._create_all_weights(variables)


def learning_rate(optimizer: keras.optimizers.Optimizer) -> float:
    """The rate that this optimiser's next step would have."""
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)  # Of a loss scaler.
    # Keras 2's public `learning_rate` is what the step before had.
    rate = getattr(optimizer, "_learning_rate", None)
    if rate is None:
        rate = optimizer.learning_rate
    if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
        rate = rate(optimizer.iterations)
    return float(tf.convert_to_tensor(rate))


def scaled_optimizer(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """Wraps an optimiser for float16: it scales the loss and skips steps that overflow."""
    if KERAS_3:
        return keras.optimizers.LossScaleOptimizer(optimizer)
    return keras.mixed_precision.LossScaleOptimizer(optimizer)


def loss_scale(optimizer: keras.optimizers.Optimizer) -> tf.Tensor:
    """Factor by which this optimiser wants its loss multiplied, float32 scalar; mostly 1."""
    if hasattr(optimizer, "get_scaled_loss"):
        return tf.convert_to_tensor(optimizer.get_scaled_loss(tf.ones([])))
    if KERAS_3:
        return tf.convert_to_tensor(optimizer.scale_loss(tf.ones([])))
    return tf.ones([])


def apply_scaled_gradients(
    optimizer: keras.optimizers.Optimizer,
    gradients: Sequence[tf.Tensor],
    variables: Sequence[tf.Variable],
) -> None:
    """Applies gradients of a loss that was multiplied by `loss_scale`."""
    if hasattr(optimizer, "get_unscaled_gradients"):
        gradients = optimizer.get_unscaled_gradients(list(gradients))
    optimizer.apply_gradients(zip(gradients, variables, strict=True))
