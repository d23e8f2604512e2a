"""Brightness taken apart into octaves: how coarse its texture is, without a transform."""

import tensorflow as tf

# Means over so many pixels a side, each of the one before, part the octaves.
SIDES = (3, 5, 9)
# Squares of so many pixels a side are averaged in two passes.
_LARGE = 9
_LUMA = (0.299, 0.587, 0.114)


def brightness(images: tf.Tensor) -> tf.Tensor:
    """Luma (Rec. 601), float32 (N, H, W, 1), of float32 (N, H, W, 3)."""
    return tf.reduce_sum(images * tf.constant(_LUMA, images.dtype), axis=-1, keepdims=True)


def octaves(images: tf.Tensor) -> tf.Tensor:
    """Texture, finest octave first.

    Args:
        images: float32 (N, H, W, 1).

    Returns:
        float32 (N, H, W, 3): what each mean of `SIDES` takes away; together the image less what is
        coarser than some 9 pixels.
    """
    parts = []
    for side in SIDES:
        coarser = mean_around(images, side)
        parts.append(images - coarser)
        images = coarser
    return tf.concat(parts, axis=-1)


def mean_around(images: tf.Tensor, side: int) -> tf.Tensor:
    """Means over squares of `side` pixels, odd, about each pixel, mirrored beyond the edges.

    A convolution: the gradient of a pooling that overlaps takes twelve times as long on a CPU.
    """
    reach = side // 2
    padded = tf.pad(images, [[0, 0], [reach, reach], [reach, reach], [0, 0]], "REFLECT")
    # Columns, then rows, where that is less work.
    windows = ((side, side),) if side < _LARGE else ((side, 1), (1, side))
    for height, width in windows:
        kernel = tf.fill([height, width, 1, 1], tf.constant(1.0 / (height * width), images.dtype))
        padded = tf.nn.conv2d(padded, kernel, 1, "VALID")
    return padded
