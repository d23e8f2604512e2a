"""A refiner that sees far on a folded image and changes, within limits, what is head only."""

from typing import Any

import keras
import tensorflow as tf
from keras import layers

from dagan_tf.config.sections import GeneratorConfig
from dagan_tf.gan.bounded_change import BoundedChange
from dagan_tf.gan.layers import Enlarge, SpaceToDepth
from dagan_tf.gan.octaves import SIDES, brightness, octaves

FOLD = 4
# The folded image is halved three times.
STRIDE = 8 * FOLD
MATTE = "matte"
HEAD = "head"
_FINE_MAPS = 8
_LAST_MAPS = 16
# Grain has a deviation of a hundredth or so.
_SEED = 16.0


@keras.saving.register_keras_serializable(package="dagan_tf")
class Texture(layers.Layer):
    """(N, H, W, 3) -> (N, H, W, 3): octaves of the brightness, enlarged, by which to see edges."""

    def call(self, images: tf.Tensor) -> tf.Tensor:
        """The octaves, about as large as the images are."""
        return _SEED * octaves(brightness(images))

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The same, however many channels come in."""
        return (*shape[:3], len(SIDES))


def build_outline_generator(config: GeneratorConfig, image_size: int | None = None) -> keras.Model:
    """Builds the refiner of `generator.form: outline`.

    A U-Net (Ronneberger et al., 2015) on the image folded 4 x 4 says how to change each place's
    tone, smoothly, and how far the photo showed it; convolutions at full resolution say how far
    each pixel is head: what is not head stays as it was. `BoundedChange` keeps all within limits,
    narrower ones where the photo showed the face. Untrained, it is the identity.

    Args:
        config: `filters` of the folded image; the other sizes are multiples of it.
        image_size: fixes height and width; None accepts multiples of 32.

    Returns:
        Model from `images`, float32 (N, H, W, 3) in [-1, 1], to float32 of the same shape,
        unbounded. Its layer `matte` gives float32 (N, H, W, 2), logits: of the head, and of what of
        it the photo showed.
    """
    n = config.filters
    images = keras.Input((image_size, image_size, 3), name="images")
    x = SpaceToDepth(FOLD, name="fold")(images)
    skips = [_residual(_conv(x, n, "stem"), n, "down0")]
    for level in (1, 2, 3):
        x = _conv(skips[-1], (level + 1) * n, f"halve{level}", kernel=4, strides=2)
        skips.append(_residual(x, (level + 1) * n, f"down{level}"))
    x = _residual(skips.pop(), 4 * n, "deepest")
    for level in (2, 1, 0):
        x = Enlarge(2, name=f"double{level}")(x)
        x = layers.Concatenate(name=f"join{level}")([x, skips.pop()])
        x = _residual(_conv(x, (level + 1) * n, f"up{level}"), (level + 1) * n, f"up{level}")
        if level == 1:
            tone, shown = _change(x, 1, "tone"), _change(x, 1, "shown")
    tone = Enlarge(2 * FOLD, dtype="float32", name="tone_enlarged")(tone)
    shown = Enlarge(2 * FOLD, dtype="float32", name="shown_enlarged")(shown)
    # Not unfolded, or the outline had steps of 4 pixels: where the head ends, the image says.
    fine = Enlarge(FOLD, name="fine_enlarged")(_conv(x, _FINE_MAPS, "fine"))
    seeds = Texture(dtype="float32", name="seeds")(images)
    fine = layers.Concatenate(name="join_image")([images, seeds, fine])
    fine = _conv(_conv(fine, _LAST_MAPS, "fine_a", kernel=5), _LAST_MAPS, "fine_b")
    head = _change(fine, 1, HEAD, 3)
    matte = layers.Concatenate(name=MATTE, dtype="float32")([head, shown])
    # The output stays float32 under mixed precision.
    refined = BoundedChange(dtype="float32", name="refined")([images, tone, matte])
    return keras.Model(images, refined, name="generator")


def _conv(x: Any, filters: int, name: str, kernel: int = 3, strides: int = 1) -> Any:
    return layers.Conv2D(
        filters, kernel, strides=strides, padding="same", activation="elu", name=name
    )(x)


def _change(x: Any, maps: int, name: str, kernel: int = 1) -> Any:
    return layers.Conv2D(
        maps, kernel, padding="same", kernel_initializer="zeros", dtype="float32", name=name
    )(x)


def _residual(x: Any, filters: int, name: str) -> Any:
    y = _conv(x, filters, f"{name}_a")
    y = layers.Conv2D(filters, 3, padding="same", name=f"{name}_b")(y)
    y = layers.Add(name=f"{name}_add")([x, y])
    return layers.Activation("elu", name=f"{name}_out")(y)
