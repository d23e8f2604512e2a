"""The refiner: a fully convolutional residual network from image to image of the same size."""

from typing import Any

import keras
from keras import layers

from dagan_tf.config.settings import GeneratorConfig
from dagan_tf.gan.layers import DepthToSpace, Enlarge, SpaceToDepth
from dagan_tf.gan.skin_generator import build_skin_generator


def build_generator(config: GeneratorConfig, image_size: int | None = None) -> keras.Model:
    """Builds the refiner.

    A k x k convolution, residual blocks of two convolutions each (ReLU, no normalisation) and a
    1x1 convolution to RGB: DA-GAN's generator (Zhao et al., 2017), which is SimGAN's hand-pose
    refiner. `input_skip`, `downsample` and `smooth` are this package's additions.

    Args:
        config: sizes; `input_skip` makes the output `input + 1x1 convolution`, unbounded while
            training (clip it to [-1, 1] for use), else it is tanh. `smooth` enlarges what is
            added bilinearly instead of unfolding it (Odena et al., 2016, on checkerboards). `form`
            `skin` is another network, see `skin_generator`.
        image_size: fixes height and width; None accepts any (multiples of `stride`).

    Returns:
        Model from `images`, float32 (N, H, W, 3) in [-1, 1], to float32 of the same shape.
    """
    if config.form == "skin":
        return build_skin_generator(config, image_size)
    images = keras.Input((image_size, image_size, 3), name="images")
    x = images
    if config.downsample > 1:
        x = SpaceToDepth(config.downsample, name="fold")(x)
    x = layers.Conv2D(
        config.filters, config.stem_kernel, padding="same", activation="relu", name="stem"
    )(x)
    for index in range(1, config.blocks + 1):
        x = _residual_block(x, config.filters, config.block_kernel, f"block{index}")
    x = layers.Conv2D(
        3 if config.smooth else 3 * config.downsample**2,
        1,
        kernel_initializer="zeros" if config.input_skip else "glorot_uniform",
        name="to_rgb",
    )(x)
    if config.smooth:
        x = Enlarge(config.downsample, dtype="float32", name="enlarge")(x)
    elif config.downsample > 1:
        x = DepthToSpace(config.downsample, name="unfold")(x)
    # The output stays float32 under mixed precision.
    if config.input_skip:
        x = layers.Add(dtype="float32", name="refined")([images, x])
    else:
        x = layers.Activation("tanh", dtype="float32", name="refined")(x)
    return keras.Model(images, x, name="generator")


def _residual_block(x: Any, filters: int, kernel: int, name: str) -> Any:
    y = layers.Conv2D(filters, kernel, padding="same", activation="relu", name=f"{name}_a")(x)
    y = layers.Conv2D(filters, kernel, padding="same", name=f"{name}_b")(y)
    y = layers.Add(name=f"{name}_add")([x, y])
    return layers.ReLU(name=f"{name}_relu")(y)
