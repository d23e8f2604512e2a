"""Random changes to what the discriminator sees, so that it cannot learn a few photos by heart."""

import tensorflow as tf

# Much milder than DiffAugment's: colour and contrast are part of what has to be learned.
_BRIGHTNESS = 0.1
_COLOUR = 0.2
_CONTRAST = 0.1
_SHIFT = 8  # of the side, one part in so many


def augment(images: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
    """Changes brightness, colour, contrast and place, differentiably (DiffAugment).

    Applied to real and refined images alike (Zhao et al., NeurIPS 2020), it does not become a mark
    of either.

    Args:
        images: float32 (N, S, S, 3) in [-1, 1] or beyond.
        draws: float32 (N, 5) in [0, 1): brightness is changed by up to 0.1, the distance of the
            channels from their mean by up to a fifth, the contrast by up to a tenth, and
            the image moved down and right by up to S / 8 whole pixels, mirrored at its edges;
            0.5 leaves the image as it is.

    Returns:
        float32 (N, S, S, 3), not clipped.
    """
    signed = 2.0 * draws - 1.0
    brightness, colour, contrast = (signed[:, i, None, None, None] for i in range(3))
    x = images + _BRIGHTNESS * brightness
    grey = tf.reduce_mean(x, axis=3, keepdims=True)
    x = grey + (x - grey) * (1.0 + _COLOUR * colour)
    mean = tf.reduce_mean(x, axis=(1, 2, 3), keepdims=True)
    x = mean + (x - mean) * (1.0 + _CONTRAST * contrast)
    return _move(x, draws[:, 3:])


def _move(images: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
    """Moves by matrices of zeros and ones: on a CPU much faster than a gather and its gradient."""
    side = images.shape[1]
    most = side // _SHIFT
    places = tf.range(side)[None, :, None]
    shifts = tf.cast(tf.floor(draws * (2 * most + 1)), tf.int32) - most
    # Row i of the result is row i - shift of the image, mirrored into it.
    sources = tf.abs(places - shifts[:, None, :])
    sources = (side - 1) - tf.abs((side - 1) - sources)
    down, right = (tf.one_hot(sources[:, :, axis], side, dtype=images.dtype) for axis in (0, 1))
    moved = tf.einsum("nij,njwc->niwc", down, images)
    return tf.einsum("nkw,niwc->nikc", right, moved)
