"""A refiner that sees far on a folded image and changes light, hue and detail of bare skin only."""

from typing import Any

import keras
from keras import layers

from dagan_tf.config.sections import GeneratorConfig
from dagan_tf.gan.layers import Enlarge, Leaky, SpaceToDepth
from dagan_tf.gan.skin_change import SkinChange

FOLD = 2
# The folded image is halved three times.
STRIDE = 8 * FOLD
CHANGE = "refined"
# Maps at each resolution, in those of the finest; at full resolution there are few.
_WIDTHS = (1, 2, 3, 4)
_IMAGE_MAPS, _FINE_MAPS = 8, 16


def build_skin_generator(config: GeneratorConfig, image_size: int | None = None) -> keras.Model:
    """Builds the refiner of `generator.form: skin`.

    A U-Net (Ronneberger et al., 2015) of residual blocks on the image folded 2 x 2 says how to
    change each place's light, at half the resolution, and its hue, at an eighth; convolutions at
    full resolution say how detail changes, and how far each pixel is bare skin: nothing else is
    touched. `SkinChange` keeps all within limits. Untrained, it is the identity.

    Args:
        config: `filters` of the folded image; the other sizes are multiples of it.
        image_size: fixes height and width; None accepts multiples of 16.

    Returns:
        Model from `images`, float32 (N, H, W, 3) in [-1, 1], to float32 of the same shape,
        unbounded. Its layer `refined` is a `SkinChange`.
    """
    n = config.filters
    images = keras.Input((image_size, image_size, 3), name="images")
    x = SpaceToDepth(FOLD, name="fold")(images)
    x = _residual(_conv(x, n, "stem"), n, "down0")
    skips = [x]
    for level in (1, 2, 3):
        width = _WIDTHS[level] * n
        x = _conv(_active(x, f"halve{level}"), width, f"halve{level}", strides=2)
        x = _residual(x, width, f"down{level}")
        skips.append(x)
    x = _residual(skips.pop(), _WIDTHS[-1] * n, "deepest")
    for level in (2, 1, 0):
        x = Enlarge(2, name=f"double{level}")(x)
        x = layers.Concatenate(name=f"join{level}")([x, skips.pop()])
        width = _WIDTHS[level] * n
        x = _residual(_conv(_active(x, f"up{level}"), width, f"up{level}"), width, f"up{level}")
        if level == 2:
            hue = _change(_active(x, "hue"), 3, "hue")
    x = _active(x, "finest")
    light = Enlarge(FOLD, dtype="float32", name="light_enlarged")(_change(x, 1, "light"))
    hue = Enlarge(4 * FOLD, dtype="float32", name="hue_enlarged")(hue)
    fine = Enlarge(FOLD, name="fine_enlarged")(_conv(x, _FINE_MAPS, "fine"))
    own = _conv(images, _IMAGE_MAPS, "image")
    fine = layers.Concatenate(name="join_image")([fine, own])
    fine = _active(_conv(fine, _FINE_MAPS, "fine_a"), "fine_a")
    fine = _active(_conv(fine, _FINE_MAPS, "fine_b"), "fine_b")
    detail, matte = _change(fine, 1, "detail"), _change(fine, 1, "matte")
    # The output stays float32 under mixed precision.
    refined = SkinChange(dtype="float32", name=CHANGE)([images, light, hue, detail, matte])
    return keras.Model(images, refined, name="generator")


def _conv(x: Any, filters: int, name: str, strides: int = 1) -> Any:
    return layers.Conv2D(
        filters, 3, strides=strides, padding="same", kernel_initializer="he_normal", name=name
    )(x)


def _active(x: Any, name: str) -> Any:
    return Leaky(name=f"{name}_active")(x)


def _change(x: Any, maps: int, name: str) -> Any:
    return layers.Conv2D(
        maps, 3, padding="same", kernel_initializer="zeros", dtype="float32", name=name
    )(x)


def _residual(x: Any, filters: int, name: str) -> Any:
    """Active before each convolution (He et al., 2016)."""
    y = _conv(_active(x, f"{name}_a"), filters, f"{name}_a")
    y = _conv(_active(y, f"{name}_b"), filters, f"{name}_b")
    return layers.Add(name=f"{name}_add")([x, y])
