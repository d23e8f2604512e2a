"""What the refiner may do to a view at most: tone, hue, texture and detail within limits."""

import keras
import tensorflow as tf

from dagan_tf.gan.octaves import SIDES, brightness, mean_around, octaves

# Brightness is multiplied by at most exp(TONE), or divided; each channel by 1 + HUE more or less;
# each octave of the texture by exp(TEXTURE); detail is added, so much of the range of brightness.
TONE = 0.5
HUE = 0.025
TEXTURE = 0.9
DETAIL = 0.1
# Outlines are the simulator's: texture stays as it is within so many pixels of them.
_RIM = 7


@keras.saving.register_keras_serializable(package="dagan_tf")
class BoundedChange(keras.layers.Layer):
    """Images and what to change of them, each (N, H, W, C), unbounded -> images.

    `tone` (C = 1) and `hue` (3) multiply, so that black stays black and no colour is painted over
    another; `texture` (3) multiplies the octaves that are there, `detail` (1) adds brightness finer
    than 9 pixels; `matte` (1), logits, says how far a pixel is head. The matte learns from the
    head's outline alone: otherwise a refiner that is opposed learns first of all to change nothing.
    """

    def call(self, inputs: list[tf.Tensor]) -> tf.Tensor:
        images, tone, hue, texture, detail, matte = inputs
        share = tf.stop_gradient(tf.sigmoid(matte))
        within = -tf.nn.max_pool2d(-share, _RIM, 1, "SAME")
        level = (images + 1.0) / 2.0
        gain = tf.exp(TONE * tf.tanh(tone))
        tint = HUE * tf.tanh(hue)
        tint -= brightness(tint)
        strength = gain * tf.exp(TEXTURE * tf.tanh(texture)) - gain
        added = tf.reduce_sum(strength * octaves(brightness(level)), axis=-1, keepdims=True)
        detail = DETAIL * tf.tanh(detail)
        added += detail - mean_around(detail, SIDES[-1])
        return images + 2.0 * (share * (gain * (1.0 + tint) - 1.0) * level + within * added)

    def compute_output_shape(self, shapes: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        return shapes[0]
