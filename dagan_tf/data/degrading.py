"""A training image as a poorer camera takes it, so that one studio's sharpness is not learned."""

import math

import tensorflow as tf

# What is left of the image's side at least; the grain's deviation at most, of the range.
_COARSEST, _GRAIN = 0.4, 0.04


def degrade(image: tf.Tensor, draws: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Makes an image softer and grainy.

    Args:
        image: float32 (H, W, 3) in [-1, 1], of known size.
        draws: float32 (2,) in [0, 1]: at 1 the image is shrunk to 0.4 of its side and enlarged
            again, and gets normal noise of a deviation of 0.04 of the range; 0 leaves it as it is.
        seed: int64 (2,), of the noise: equal for images that are to have the same.

    Returns:
        float32 (H, W, 3) in [-1, 1].
    """
    height, width = image.shape[:2]
    scale = tf.exp(math.log(_COARSEST) * draws[0])
    small = tf.cast(tf.round(scale * [float(height), float(width)]), tf.int32)
    image = tf.image.resize(tf.image.resize(image, small, antialias=True), (height, width))
    grain = tf.random.stateless_normal([height, width, 1], seed=seed)
    return tf.clip_by_value(image + 2.0 * _GRAIN * draws[1] * grain, -1.0, 1.0)
