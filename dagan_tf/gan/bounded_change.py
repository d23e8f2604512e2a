"""What the refiner may do to a view at most: tone, texture and detail within limits."""

import keras
import tensorflow as tf

from dagan_tf.gan.octaves import SIDES, brightness, mean_around, octaves

# Colours are multiplied by at most exp(TONE) or divided by exp(SHADE): simulated heads are too
# dark, and a highlight that is darkened turns grey. Each octave of the texture is multiplied by at
# most exp(TEXTURE), or divided; detail is added, so much of the range of brightness. The packaged
# weights were trained with limits about twice as wide; judged blind, with these they look better.
TONE = 0.3
SHADE = 0.06
TEXTURE = 0.4
DETAIL = 0.05
# Outlines are the simulator's: texture stays as it is within so many pixels of them.
_RIM = 7


@keras.saving.register_keras_serializable(package="dagan_tf")
class BoundedChange(keras.layers.Layer):
    """Images and what to change of them, each (N, H, W, C), unbounded -> images.

    `tone` (C = 1) multiplies, so that black stays black and hues stay as they are; `texture` (3)
    multiplies the octaves that are there, `detail` (1) adds brightness finer than 9 pixels; `matte`
    (1), logits, says how far a pixel is head. The matte learns from the head's outline alone:
    otherwise a refiner that is opposed learns first of all to change nothing.
    """

    def call(self, inputs: list[tf.Tensor]) -> tf.Tensor:
        """Changes the images where the matte says there is a head."""
        images, tone, texture, detail, matte = inputs
        share = tf.stop_gradient(tf.sigmoid(matte))
        within = -tf.nn.max_pool2d(-share, _RIM, 1, "SAME")
        level = (images + 1.0) / 2.0
        gain = tf.exp(tf.where(tone > 0, TONE, SHADE) * tf.tanh(tone))
        strength = gain * tf.exp(TEXTURE * tf.tanh(texture)) - gain
        added = tf.reduce_sum(strength * octaves(brightness(level)), axis=-1, keepdims=True)
        detail = DETAIL * tf.tanh(detail)
        added += detail - mean_around(detail, SIDES[-1])
        return images + 2.0 * (share * (gain - 1.0) * level + within * added)

    def compute_output_shape(self, shapes: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        """The images' own shape."""
        return shapes[0]
