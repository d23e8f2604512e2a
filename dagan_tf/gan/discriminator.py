"""The discriminator: an auto-encoder (realism agent) with a classifier on its code (identity)."""

from typing import Any

import keras
from keras import layers

from dagan_tf.config.settings import DiscriminatorConfig
from dagan_tf.errors import DaganError
from dagan_tf.gan.layers import DepthToSpace, Leaky, SpaceToDepth

_LARGEST_CODE_SIDE = 8


def build_discriminator(
    config: DiscriminatorConfig,
    image_size: int,
    num_identities: int,
    realism: str = "reconstruction",
) -> keras.Model:
    """Builds the dual-agent discriminator.

    The auto-encoder follows BEGAN (Berthelot et al., 2017): 3x3 convolutions with ELU, halved by
    strided convolutions to 8x8 (7x7 for 224), filters n·(stage+1), a linear code of length h; the
    decoder goes back with nearest upsampling and n filters throughout, linear output, no
    normalisation. The identity agent reads the code (DA-GAN).

    Args:
        config: sizes.
        image_size: side of the square images, pixels; after `downsample` it must halve evenly
            down to 8 or less.
        num_identities: classes of the identity agent, at least 1.
        realism: how the realism agent speaks: `reconstruction` of the image by the decoder, or,
            without a decoder, `decision`: one logit read from the code, or `patches`: one at each
            place of the last stage, as SimGAN's, and of `config.patch_heads` - 1 stages before;
            `config.patch_skip` stages earlier.

    Returns:
        Model from `images`, float32 (N, S, S, 3) in [-1, 1], to (realism, identity logits float32
        (N, num_identities)); realism is the reconstruction, float32 (N, S, S, 3) unbounded, or the
        logits, float32 (N, h, w, heads), > 0 = real: h = w = heads = 1 for `decision`; of
        `patches`, those of a coarser stage are repeated to the places of the finest, so that each
        head counts alike in a mean.

    Raises:
        DaganError: `image_size` cannot be halved evenly, has fewer stages than patch_heads and
            patch_skip, or num_identities < 1.
    """
    if num_identities < 1:
        raise DaganError(f"num_identities = {num_identities}: expected at least 1")
    if image_size % config.downsample:
        raise DaganError(f"image_size = {image_size}: no multiple of {config.downsample}")
    side, stages = image_size // config.downsample, 1
    while side > _LARGEST_CODE_SIDE:
        if side % 2:
            raise DaganError(
                f"image_size = {image_size}: cannot be halved evenly down to"
                f" {_LARGEST_CODE_SIDE} or less, as 64, 112, 128 or 224 can"
            )
        side, stages = side // 2, stages + 1

    n = config.filters
    # A kernel that its stride divides sends the refiner's pixels gradients of equal size: with
    # BEGAN's 3x3, decisions a patch leave a chequered pattern in the refined images.
    halving = 4 if realism == "patches" else 3
    leaky = config.activation == "leaky_relu"
    images = keras.Input((image_size, image_size, 3), name="images")
    x = images
    if config.downsample > 1:
        x = SpaceToDepth(config.downsample, name="fold")(x)
    x = _conv(x, n, "encoder_stem", leaky=leaky)
    ends = []
    for stage in range(1, stages + 1):
        for index in range(1, config.convs_per_stage + 1):
            x = _conv(x, n * stage, f"encoder{stage}_{index}", leaky=leaky)
        ends.append(x)
        if stage < stages:
            name = f"encoder{stage}_halve"
            x = _conv(x, n * (stage + 1), name, strides=2, kernel=halving, leaky=leaky)
    x = layers.Flatten(name="encoder_flatten")(x)
    code = layers.Dense(config.bottleneck, name="code")(x)
    logits = layers.Dense(num_identities, dtype="float32", name="identity")(code)
    if realism == "patches":
        answer = _patches(ends, config.patch_heads, config.patch_skip)
    elif realism == "decision":
        active = layers.Activation("elu", name="code_active")(code)
        answer = layers.Dense(1, dtype="float32", name="decision_logit")(active)
        answer = layers.Reshape((1, 1, 1), dtype="float32", name="decision")(answer)
    else:
        answer = _decoder(code, config, side, stages)
    return keras.Model(images, [answer, logits], name="discriminator")


def _patches(ends: list[Any], heads: int, skip: int) -> Any:
    """One logit a place of the ends of stages, finest first."""
    if heads + skip > len(ends):
        raise DaganError(
            f"discriminator.patch_heads + patch_skip = {heads} + {skip}:"
            f" expected at most {len(ends)} here"
        )
    answers = []
    last = len(ends) - skip
    for index, features in enumerate(ends[last - heads : last]):
        name = "patches" if heads == 1 else f"patches{index + 1}"
        x = layers.Conv2D(1, 1, dtype="float32", name=name)(features)
        if index:
            x = layers.UpSampling2D(2**index, dtype="float32", name=f"{name}_repeat")(x)
        answers.append(x)
    if heads == 1:
        return answers[0]
    return layers.Concatenate(dtype="float32", name="patches")(answers)


def _decoder(code: Any, config: DiscriminatorConfig, side: int, stages: int) -> Any:
    n, leaky = config.filters, config.activation == "leaky_relu"
    x = layers.Dense(side * side * n, name="decoder_dense")(code)
    x = layers.Reshape((side, side, n), name="decoder_reshape")(x)
    for stage in range(1, stages + 1):
        for index in range(1, config.convs_per_stage + 1):
            x = _conv(x, n, f"decoder{stage}_{index}", leaky=leaky)
        if stage < stages:
            x = layers.UpSampling2D(2, interpolation="nearest", name=f"decoder{stage}_double")(x)
    x = layers.Conv2D(3 * config.downsample**2, 3, padding="same", name="to_rgb")(x)
    if config.downsample > 1:
        x = DepthToSpace(config.downsample, name="unfold")(x)
    return layers.Activation("linear", dtype="float32", name="reconstruction")(x)


def _conv(
    x: Any, filters: int, name: str, *, leaky: bool, strides: int = 1, kernel: int = 3
) -> Any:
    x = layers.Conv2D(
        filters,
        kernel,
        strides=strides,
        padding="same",
        activation=None if leaky else "elu",
        kernel_initializer="he_normal" if leaky else "glorot_uniform",
        name=name,
    )(x)
    return Leaky(name=f"{name}_active")(x) if leaky else x
