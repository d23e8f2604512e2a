"""Networks from crops, or frozen features, to embeddings."""

from __future__ import annotations

import os
from pathlib import Path

import keras

from dagan_tf.config.reading import ConfigError
from dagan_tf.embedders.tflite_network import read_tflite
from dagan_tf.errors import DaganError
from dagan_tf.recognition.config import NetworkConfig, RecogniserConfig
from dagan_tf.recognition.freezing import cut_network

_SMALL = (1, 1, 1)
_RESNET18 = (2, 2, 2, 2)
_RESNET50 = (3, 4, 6, 3)
# Inputs here are (pixel - 127.5) / 127.5; MobileFaceNet's TFLite files want (pixel - 127.5) / 128.
_TFLITE_SCALE = 127.5 / 128.0


def build_backbone(settings: NetworkConfig, shape: tuple[int, ...]) -> keras.Model:
    """An embedding network; one that was trained before keeps its weights.

    Args:
        settings: which one.
        shape: of one input: (S, S, 3) crops, float32 [-1, 1], or (D,) features.

    Returns:
        From float32 (N, *shape) to float32 (N, dimensions), of any length.

    Raises:
        ConfigError: no such network or file, or one that does not take `shape`.
    """
    return _with_head(settings, *_network(settings, shape))


def build_parts(settings: NetworkConfig, shape: tuple[int, ...]) -> tuple[keras.Model, keras.Model]:
    """As `build_backbone`, cut by `settings.frozen` into what stays as it is and what is trained.

    Args:
        settings: `frozen` is above 0.
        shape: of one crop.

    Returns:
        From float32 (N, *shape) to what the frozen layers give, and from there to the embedding.

    Raises:
        ConfigError: as `build_backbone`; the network cannot be cut there.
    """
    inputs, features = _network(settings, shape)
    frozen, rest = cut_network(keras.Model(inputs, features, name="network"), settings.frozen)
    return frozen, _with_head(settings, rest.inputs[0], rest.outputs[0])


def check_files(config: RecogniserConfig) -> None:
    """Says what is missing before hours are spent on crops.

    Raises:
        ConfigError: a file that the configuration names is not there.
    """
    network = config.network
    files = {"crops.tflite": config.crops.tflite}
    if network.from_file:
        files["network.backbone"] = network.backbone
    if network.weights != "imagenet":
        files["network.weights"] = network.weights
    for key, file in files.items():
        if file and not Path(file).is_file():
            raise ConfigError(f"{key} = {file!r}: no such file")


def _network(
    settings: NetworkConfig, shape: tuple[int, ...]
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Input and flat output."""
    name, inputs = settings.backbone, keras.Input(shape)
    if name == "linear":
        return inputs, inputs
    if name == "small":
        return inputs, _residual(inputs, settings.filters, _SMALL, bottleneck=False)
    if name == "resnet18":
        return inputs, _residual(inputs, settings.filters, _RESNET18, bottleneck=False)
    if name == "resnet50":
        return inputs, _residual(inputs, settings.filters, _RESNET50, bottleneck=True)
    return _pretrained(settings, shape)


def _with_head(
    settings: NetworkConfig, inputs: keras.KerasTensor, features: keras.KerasTensor
) -> keras.Model:
    if settings.dropout:
        features = keras.layers.Dropout(settings.dropout)(features)
    if settings.dimensions:
        head = keras.layers.Dense(settings.dimensions, use_bias=False, dtype="float32")
        features = head(features)
    return keras.Model(inputs, features, name="backbone")


def _pretrained(
    settings: NetworkConfig, shape: tuple[int, ...]
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Input and flat output of somebody else's network."""
    model = _any_keras(settings, shape)
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ConfigError(
            f"network.backbone = {settings.backbone!r}: {len(model.inputs)} inputs and"
            f" {len(model.outputs)} outputs; expected one each"
        )
    features = model.outputs[0]
    if len(features.shape) == 4:
        features = keras.layers.GlobalAveragePooling2D()(features)
    if len(features.shape) != 2:
        raise ConfigError(
            f"network.backbone = {settings.backbone!r}: gives {tuple(features.shape)}; expected"
            " (N, D) or (N, H, W, C)"
        )
    return model.inputs[0], features


def _residual(
    images: keras.KerasTensor, filters: int, stages: tuple[int, ...], *, bottleneck: bool
) -> keras.KerasTensor:
    """Residual network (He et al., CVPR 2016) without the pooling after its first convolution.

    Faces of 64 to 112 px are small: the first convolution is 3x3, and each stage halves.
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


def _any_keras(settings: NetworkConfig, shape: tuple[int, ...]) -> keras.Model:
    name = settings.backbone
    if settings.from_file:
        model = _from_file(name)
        taken = tuple(model.input_shape[1:])
        fits = [have in (None, given) for have, given in zip(taken, shape, strict=False)]
        if len(taken) != len(shape) or not all(fits):
            raise ConfigError(f"network.backbone = {name!r}: takes {taken}; expected {shape}")
        return model
    kind = getattr(keras.applications, name, None)
    if not isinstance(name, str) or not callable(kind):
        raise ConfigError(
            f"network.backbone = {name!r}: expected small, resnet18, resnet50, linear, a function"
            " of keras.applications such as MobileNetV2, or a .keras or .tflite file"
        )
    try:
        return kind(include_top=False, weights=settings.weights or None, input_shape=shape)
    except Exception as error:  # Of a bad size, of a file of weights, of a download.
        raise ConfigError(
            f"network.backbone = {name!r}, network.weights = {settings.weights!r}: {error}"
        ) from error


def _from_file(name: str) -> keras.Model:
    if not Path(name).is_file():
        raise ConfigError(f"network.backbone = {name!r}: no such file")
    try:
        if name.endswith(".tflite"):
            return read_tflite(name, input_scale=_TFLITE_SCALE)
        return keras.models.load_model(os.fspath(name), compile=False)
    except DaganError as error:
        raise ConfigError(f"network.backbone = {error}") from None
    except Exception as error:  # Keras raises nearly anything of a damaged file.
        raise ConfigError(f"network.backbone = {name!r}: cannot be read ({error})") from error
