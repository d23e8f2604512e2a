"""What the refiner of faces may do to a view at most: light, hue and detail of bare skin."""

import keras
import tensorflow as tf

from dagan_tf.gan.means import mean_around

# Colours are multiplied by at most exp(LIGHT), or divided by it; each channel by at most exp(HUE)
# besides; what is finer than the light may add or take away so much of the colour.
LIGHT, HUE, DETAIL = 0.7, 0.12, 0.3
# Outlines are the simulator's: nothing changes so many pixels, both sides of it together, about
# where the skin ends, and from there on it sets in over as many.
_RIM = 5
_SMOOTH = 3
# Channels that lie a twentieth of the range apart may change hue freely, nearer ones less.
_COLOURFUL = 10.0


@keras.saving.register_keras_serializable(package="dagan_tf")
class SkinChange(keras.layers.Layer):
    """Images and what to change of them, each (N, H, W, C), unbounded -> images.

    `light` (C = 1), `hue` (3) and `detail` (1) multiply, so that black stays black; `matte` (1),
    logits, says how far a pixel is bare skin. The matte learns from the view's own skin alone:
    otherwise a refiner that is opposed learns first of all to change nothing; and where that skin
    is known, in training, it takes the matte's place, whose doubts would damp what is learned.
    """

    def call(self, inputs: list[tf.Tensor]) -> tf.Tensor:
        """Changes the images where the matte says there is skin."""
        images, light, hue, detail, matte = inputs
        return changed(images, light, hue, detail, tf.stop_gradient(tf.sigmoid(matte)))

    def compute_output_shape(self, shapes: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        """The images' own shape."""
        return shapes[0]


def changed(
    images: tf.Tensor, light: tf.Tensor, hue: tf.Tensor, detail: tf.Tensor, skin: tf.Tensor
) -> tf.Tensor:
    """Images, changed where they are bare skin.

    Args:
        images: float32 (N, H, W, 3) in [-1, 1].
        light: float32 (N, H, W, 1), unbounded; 0 changes nothing.
        hue: float32 (N, H, W, 3), likewise.
        detail: float32 (N, H, W, 1), likewise.
        skin: float32 (N, H, W, 1) in [0, 1].

    Returns:
        float32 (N, H, W, 3), at least -1.
    """
    share = inner_share(skin)
    # What has no colour gets none.
    apart = tf.reduce_max(images, axis=-1) - tf.reduce_min(images, axis=-1)
    hue = tf.tanh(hue) * tf.minimum(1.0, _COLOURFUL * apart)[..., None]
    # Smooth, or light would have corners where its coarser grid has points.
    light = mean_around(light, _SMOOTH)
    gain = LIGHT * tf.tanh(light / LIGHT) + HUE * hue
    factor = tf.exp(gain * share) * (1.0 + DETAIL * tf.tanh(detail / DETAIL) * share)
    return images + (factor - 1.0) * (images + 1.0)


def inner_share(share: tf.Tensor) -> tf.Tensor:
    """float32 (N, H, W, 1) in [0, 1], the same without its rim."""
    reach = _RIM // 2
    within = -tf.pad(share, [[0, 0], [reach, reach], [reach, reach], [0, 0]], "SYMMETRIC")
    within = -tf.nn.max_pool2d(within, _RIM, 1, "VALID")
    return share * mean_around(within, _RIM)
