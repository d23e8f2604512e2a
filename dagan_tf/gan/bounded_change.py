"""What the refiner may do to a view at most: tone, within limits."""

import keras
import tensorflow as tf

from dagan_tf.gan.octaves import mean_around

# Limits where the photo showed the face, and where the simulator had to fill. What was seen is the
# person's own and stays nearly so; what was filled may change more. Trained with wider ones, and
# with texture and detail that could change, too; of the narrower ones that were judged blind these,
# of tone alone, did best (docs/results/refiner.md).
# Colours are multiplied by at most exp(TONE), or divided by exp(SHADE): a jaw that is brightened
# runs into the neck.
TONE = (0.03, 0.06)
SHADE = (0.06, 0.14)
# Skin in the shade is redder: so much of a darkening falls on red, green and blue.
DARKENING = (0.85, 1.04, 1.11)
# Outlines are the simulator's: nothing changes at them or at the image's border, and all of it only
# so many pixels, either side, away from them.
_RIM = 15


@keras.saving.register_keras_serializable(package="dagan_tf")
class BoundedChange(keras.layers.Layer):
    """Images and what to change of them, each (N, H, W, C), unbounded -> images.

    `tone` (C = 1) multiplies, so that black stays black; `matte` (2), logits, says how far a pixel
    is head, and how far the photo showed it. The matte learns from the view's own head and mask
    alone: otherwise a refiner that is opposed learns first of all to change nothing.
    """

    def call(self, inputs: list[tf.Tensor]) -> tf.Tensor:
        """Changes the images where the matte says there is a head."""
        images, tone, matte = inputs
        share, shown = tf.split(tf.stop_gradient(tf.sigmoid(matte)), 2, axis=-1)
        reach = _RIM // 2
        edged = tf.pad(share, [[0, 0], [reach, reach], [reach, reach], [0, 0]])
        # The least of each column, then of each row: a seventh of the comparisons of squares.
        within = -edged
        for window in ((_RIM, 1), (1, _RIM)):
            within = tf.nn.max_pool2d(within, window, 1, "VALID")
        within = -within

        def limit(bounds: tuple[float, float]) -> tf.Tensor:
            return bounds[0] * shown + bounds[1] * (1.0 - shown)

        # From nothing at the outline to all of it as far in again.
        inner = share * mean_around(within, _RIM)
        tone = inner * tf.where(tone > 0, limit(TONE), limit(SHADE)) * tf.tanh(tone)
        gain = tf.exp(tf.where(tone > 0, tone, tone * tf.constant(DARKENING, tone.dtype)))
        return images + (gain - 1.0) * (images + 1.0)

    def compute_output_shape(self, shapes: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        """The images' own shape."""
        return shapes[0]
