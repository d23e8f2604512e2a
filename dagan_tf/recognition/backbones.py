"""Networks from crops, or frozen features, to embeddings."""

import os
from pathlib import Path

import keras

from dagan_tf.config.settings import ConfigError
from dagan_tf.recognition.config import NetworkConfig

_SMALL = (1, 1, 1)
_RESNET50 = (3, 4, 6, 3)


def build_backbone(settings: NetworkConfig, shape: tuple[int, ...]) -> keras.Model:
    """An embedding network with fresh weights (a file keeps its own).

    Args:
        settings: which one.
        shape: of one input: (S, S, 3) crops, float32 [-1, 1], or (D,) features.

    Returns:
        From float32 (N, *shape) to float32 (N, dimensions), of any length.

    Raises:
        ConfigError: no such network or file, or one that does not take `shape`.
    """
    name = settings.backbone
    inputs = keras.Input(shape)
    if name == "linear":
        features = inputs
    elif name == "small":
        features = _residual(inputs, settings.filters, _SMALL, bottleneck=False)
    elif name == "resnet50":
        features = _residual(inputs, settings.filters, _RESNET50, bottleneck=True)
    else:
        features = _any_keras(name, shape)(inputs)
        if len(features.shape) == 4:
            features = keras.layers.GlobalAveragePooling2D()(features)
    if settings.dropout:
        features = keras.layers.Dropout(settings.dropout)(features)
    embedding = keras.layers.Dense(settings.dimensions, use_bias=False, dtype="float32")(features)
    return keras.Model(inputs, embedding, name="backbone")


def _residual(
    images: keras.KerasTensor, filters: int, stages: tuple[int, ...], *, bottleneck: bool
) -> keras.KerasTensor:
    """Residual network (He et al., CVPR 2016) without the pooling after its first convolution.

    Faces of 64 to 112 px are small: the first convolution has 3x3, and each stage halves.
    """
    features = _convolution(images, filters, 3, 2 if images.shape[1] > 32 else 1)
    for stage, blocks in enumerate(stages):
        width = filters * 2**stage
        for block in range(blocks):
            stride = 2 if block == 0 else 1
            features = _block(features, width, stride, bottleneck)
    return keras.layers.GlobalAveragePooling2D()(features)


def _block(
    features: keras.KerasTensor, width: int, stride: int, bottleneck: bool
) -> keras.KerasTensor:
    if bottleneck:
        inner = _convolution(features, width, 1)
        inner = _convolution(inner, width, 3, stride)
        inner = _convolution(inner, 4 * width, 1, active=False)
    else:
        inner = _convolution(features, width, 3, stride)
        inner = _convolution(inner, width, 3, active=False)
    if stride > 1 or features.shape[-1] != inner.shape[-1]:
        features = _convolution(features, inner.shape[-1], 1, stride, active=False)
    return keras.layers.ReLU()(keras.layers.Add()([features, inner]))


def _convolution(
    features: keras.KerasTensor, filters: int, kernel: int, stride: int = 1, *, active: bool = True
) -> keras.KerasTensor:
    features = keras.layers.Conv2D(
        filters,
        kernel,
        stride,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
    )(features)
    features = keras.layers.BatchNormalization(momentum=0.9)(features)
    return keras.layers.ReLU()(features) if active else features


def _any_keras(name: str, shape: tuple[int, ...]) -> keras.Model:
    if name.endswith((".keras", ".h5")):
        if not Path(name).is_file():
            raise ConfigError(f"network.backbone = {name!r}: no such file")
        try:
            model = keras.models.load_model(os.fspath(name), compile=False)
        except Exception as error:  # Keras raises nearly anything of a damaged file.
            raise ConfigError(f"network.backbone = {name!r}: cannot be read ({error})") from error
        taken = tuple(model.input_shape[1:])
        fits = [have in (None, given) for have, given in zip(taken, shape, strict=False)]
        if len(taken) != len(shape) or not all(fits):
            raise ConfigError(f"network.backbone = {name!r}: takes {taken}; expected {shape}")
        return model
    kind = getattr(keras.applications, name, None)
    if not isinstance(name, str) or not callable(kind):
        raise ConfigError(
            f"network.backbone = {name!r}: expected small, resnet50, linear, a function of"
            " keras.applications such as MobileNetV2, or a .keras file"
        )
    try:
        return kind(include_top=False, weights=None, input_shape=shape)
    except ValueError as error:
        raise ConfigError(f"network.backbone = {name!r}: {error}") from error
