"""A training image in other light, so that one studio's colours are not learned by heart."""

import tensorflow as tf

LIGHT_DRAWS = 5
_GAMMA = _BRIGHTNESS = 0.25
_COLOUR = 0.12
_DARKEST = 1e-3


def relight(image: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
    """Changes gamma, brightness and the balance of the colours.

    Args:
        image: float32 (H, W, 3) in [-1, 1].
        draws: float32 (5,) in [-1, 1]: at 1 the brightness is multiplied by exp(0.25), each channel
            by exp(0.12), and gamma, to which brightnesses in [0, 1] are raised, is exp(0.25); 0
            leaves the image as it is.

    Returns:
        float32 (H, W, 3) in [-1, 1].
    """
    gain = tf.exp(_BRIGHTNESS * draws[0] + _COLOUR * draws[1:4])
    level = tf.clip_by_value((image + 1.0) / 2.0, _DARKEST, 1.0)
    level = tf.pow(level, tf.exp(_GAMMA * draws[4])) * gain
    return tf.clip_by_value(level, 0.0, 1.0) * 2.0 - 1.0
