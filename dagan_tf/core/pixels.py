"""The range of pixels: uint8 at files and network, float32 in [-1, 1] inside models.

For NumPy arrays and, under names that begin with `tensor_`, for TensorFlow's; both of a pair
compute the same. TensorFlow is only imported where it is used: the simulator does not need it.
"""

from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    import tensorflow as tf

LEVELS = 255.0
# Levels of uint8 to one unit of [-1, 1].
LEVELS_A_UNIT = LEVELS / 2.0

Array = TypeVar("Array", np.ndarray, "tf.Tensor")


def to_signed(images: np.ndarray) -> np.ndarray:
    """Maps uint8 of any shape to float32 in [-1, 1]."""
    return images.astype(np.float32) / LEVELS_A_UNIT - 1.0


def from_signed(images: np.ndarray) -> np.ndarray:
    """Maps floats of any shape, clipped to [-1, 1], to the nearest uint8."""
    return np.rint(signed_levels(np.clip(images, -1.0, 1.0))).astype(np.uint8)


def signed_levels(images: Array) -> Array:
    """Maps floats in [-1, 1], NumPy's or TensorFlow's, to floats in [0, 255], not rounded."""
    return (images + 1.0) * LEVELS_A_UNIT


def to_unit(images: np.ndarray, dtype: type[np.floating] = np.float32) -> np.ndarray:
    """Maps uint8 of any shape to floats in [0, 1]."""
    return images.astype(dtype) / LEVELS


def from_levels(levels: np.ndarray) -> np.ndarray:
    """Maps floats of any shape, clipped to [0, 255], to the nearest uint8."""
    clipped = np.clip(levels, 0.0, LEVELS)
    return np.rint(clipped, out=clipped).astype(np.uint8)


def to_mask(shown: np.ndarray) -> np.ndarray:
    """Maps bool of any shape to uint8: 255 where true, else 0."""
    return np.where(shown, 255, 0).astype(np.uint8)


def tensor_to_signed(images: "tf.Tensor") -> "tf.Tensor":
    """Maps uint8 of any shape to float32 in [-1, 1]."""
    import tensorflow as tf

    return tf.cast(images, tf.float32) / LEVELS_A_UNIT - 1.0


def tensor_from_signed(images: "tf.Tensor") -> "tf.Tensor":
    """Maps floats of any shape, clipped to [-1, 1], to the nearest uint8."""
    import tensorflow as tf

    levels = signed_levels(tf.clip_by_value(images, -1.0, 1.0))
    return tf.cast(tf.round(levels), tf.uint8)


def tensor_to_unit(images: "tf.Tensor") -> "tf.Tensor":
    """Maps uint8 of any shape to float32 in [0, 1]."""
    import tensorflow as tf

    return tf.cast(images, tf.float32) / LEVELS
