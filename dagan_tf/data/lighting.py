"""A training image in other light, so that one studio's colours are not learned by heart."""

import tensorflow as tf

# Light that differs from place to place is drawn on a grid of so many points a side.
_POINTS = 3
LIGHT_DRAWS = 5 + _POINTS**2
_GAMMA = _BRIGHTNESS = 0.25
_COLOUR = 0.12
_UNEVEN = 0.3
_DARKEST = 1e-3


def relight(image: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
    """Changes gamma, brightness, from place to place too, and the balance of the colours.

    Args:
        image: float32 (H, W, 3) in [-1, 1].
        draws: float32 (14,) in [-1, 1]: at 1 the brightness is multiplied by exp(0.25), each
            channel by exp(0.12), gamma, to which brightnesses in [0, 1] are raised, is exp(0.25),
            and each of 3 x 3 places is brighter by exp(0.3), what is between them in between; 0
            leaves the image as it is.

    Returns:
        float32 (H, W, 3) in [-1, 1].
    """
    draws = tf.convert_to_tensor(draws)
    gain = tf.exp(_BRIGHTNESS * draws[0] + _COLOUR * draws[1:4])
    places = tf.reshape(_UNEVEN * draws[5:], (_POINTS, _POINTS, 1))
    gain *= tf.exp(tf.image.resize(places, tf.shape(image)[:2], "bicubic"))
    level = tf.clip_by_value((image + 1.0) / 2.0, _DARKEST, 1.0)
    level = tf.pow(level, tf.exp(_GAMMA * draws[4])) * gain
    return tf.clip_by_value(level, 0.0, 1.0) * 2.0 - 1.0
