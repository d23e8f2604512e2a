"""All that differs between Keras 2 (TensorFlow 2.15) and Keras 3 (2.16 and later)."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import tensorflow as tf

KERAS_3 = keras.__version__.startswith("3.")


def add_state(layer: keras.layers.Layer, name: str, value: tf.Tensor | float) -> tf.Variable:
    """Adds a float32 non-trainable weight that replicas may assign equal values to.

    Args:
        layer: the owner.
        name: of the weight.
        value: initial value; sets the shape.
    """
    initial = tf.convert_to_tensor(value, tf.float32)
    return layer.add_weight(
        name=name,
        shape=tuple(initial.shape),
        dtype="float32",
        initializer=lambda shape, dtype=None: tf.cast(initial, dtype or tf.float32),
        trainable=False,
        aggregation="mean" if KERAS_3 else tf.VariableAggregation.MEAN,
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
