"""Means over squares around each pixel, without a transform."""

import tensorflow as tf


def mean_around(images: tf.Tensor, side: int) -> tf.Tensor:
    """Means over squares about each pixel, mirrored beyond the edges.

    A convolution: the gradient of a pooling that overlaps takes twelve times as long on a CPU.

    Args:
        images: float (N, H, W, C), sides larger than half the square's.
        side: of the squares, pixels, odd.

    Returns:
        The same shape and dtype.
    """
    reach = side // 2
    padded = tf.pad(images, [[0, 0], [reach, reach], [reach, reach], [0, 0]], "REFLECT")
    share = tf.constant(1.0 / side**2, images.dtype)
    kernel = tf.fill([side, side, images.shape[-1], 1], share)
    return tf.nn.depthwise_conv2d(padded, kernel, [1, 1, 1, 1], "VALID")
