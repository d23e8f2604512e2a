"""A refiner that sees far on a folded image, and changes only the head, at full resolution."""

from typing import Any

import keras
from keras import layers

from dagan_tf.config.sections import GeneratorConfig
from dagan_tf.gan.layers import DepthToSpace, Enlarge, HeadOnly, SpaceToDepth

FOLD = 4
# The folded image is halved three times.
STRIDE = 8 * FOLD
MATTE = "matte"
_FINE_MAPS = 8
_LAST_MAPS = 16


def build_outline_generator(config: GeneratorConfig, image_size: int | None = None) -> keras.Model:
    """Builds the refiner of `generator.form: outline`.

    A U-Net (Ronneberger et al., 2015) on the image folded 4 x 4 says, smoothly, by how much to
    scale and shift each place's colour: which can neither blur a face nor cut its outline. Three
    convolutions at full resolution add detail, and say how far each pixel is head (`matte`): what
    is not head stays as it was. Untrained, it is the identity.

    Args:
        config: `filters` of the folded image; the other sizes are multiples of it.
        image_size: fixes height and width; None accepts multiples of 32.

    Returns:
        Model from `images`, float32 (N, H, W, 3) in [-1, 1], to float32 of the same shape,
        unbounded. Its layer `matte` gives the head's logits, float32 (N, H, W, 1).
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
    tone = layers.Conv2D(6, 1, kernel_initializer="zeros", dtype="float32", name="tone")(x)
    tone = Enlarge(FOLD, dtype="float32", name="tone_enlarged")(tone)
    fine = _conv(x, _FINE_MAPS * FOLD**2, "fine")
    fine = DepthToSpace(FOLD, name="unfold")(fine)
    fine = layers.Concatenate(name="join_image")([images, fine])
    fine = _conv(_conv(fine, _LAST_MAPS, "fine_a"), _LAST_MAPS, "fine_b")
    detail, matte = (
        layers.Conv2D(
            maps, 3, padding="same", kernel_initializer="zeros", dtype="float32", name=name
        )(fine)
        for maps, name in ((3, "detail"), (1, MATTE))
    )
    # The output stays float32 under mixed precision.
    refined = HeadOnly(dtype="float32", name="refined")([images, tone, detail, matte])
    return keras.Model(images, refined, name="generator")


def _conv(x: Any, filters: int, name: str, kernel: int = 3, strides: int = 1) -> Any:
    return layers.Conv2D(
        filters, kernel, strides=strides, padding="same", activation="elu", name=name
    )(x)


def _residual(x: Any, filters: int, name: str) -> Any:
    y = _conv(x, filters, f"{name}_a")
    y = layers.Conv2D(filters, 3, padding="same", name=f"{name}_b")(y)
    y = layers.Add(name=f"{name}_add")([x, y])
    return layers.Activation("elu", name=f"{name}_out")(y)
