"""Weights of a network in an .npz file, without pickles, and the packaged networks made of them."""

import io
import os
import zipfile
from pathlib import Path

import keras
import numpy as np

from dagan_tf.config.sections import DiscriminatorConfig, GeneratorConfig
from dagan_tf.gan.discriminator import build_discriminator
from dagan_tf.gan.generator import build_generator
from dagan_tf.pretrained.card import DEFAULT, PretrainedError, read_card


def load_generator(name: str = DEFAULT) -> keras.Model:
    """A packaged refiner, see `build_generator`.

    Args:
        name: One of `card.packaged_names`.

    Returns:
        float32 model of images of any size that its stride divides.

    Raises:
        PretrainedError: It is not packaged, or its files are damaged.
    """
    card = read_card(name)
    generator = build_generator(GeneratorConfig(**card.facts["generator"]))
    _set_weights(generator, read_weights(card.read_file(f"{name}.npz"), f"{name}.npz"))
    return generator


def load_discriminator(name: str = DEFAULT) -> keras.Model | None:
    """The discriminator that a packaged refiner was trained with, None where it is not packaged.

    Raises:
        PretrainedError: As `load_generator`.
    """
    card = read_card(name)
    settings = card.facts.get("discriminator")
    if settings is None:
        return None
    discriminator = build_discriminator(
        DiscriminatorConfig(**settings),
        card.side,
        card.facts["identities"],
        card.facts["realism"],
    )
    file_name = f"{name}-discriminator.npz"
    _set_weights(discriminator, read_weights(card.read_file(file_name), file_name))
    return discriminator


def named_weights(model: keras.Model) -> dict[str, np.ndarray]:
    """float32 arrays of a network by "layer/position", equal in Keras 2 and Keras 3."""
    return {
        f"{layer.name}/{position}": np.asarray(weight, np.float32)
        for layer in model.layers
        for position, weight in enumerate(layer.get_weights())
    }


def write_weights(model: keras.Model, path: str | os.PathLike[str]) -> None:
    """Writes a network's weights as float16.

    Args:
        model: Whose layers' names are all different.
        path: File to write, `.npz`.

    Raises:
        PretrainedError: A weight is beyond float16's range, 65,504, or is not finite.
        OSError: The file cannot be written.
    """
    halves = {}
    for name, value in named_weights(model).items():
        half = value.astype(np.float16)
        if not np.isfinite(half).all():
            raise PretrainedError(f"{name}: has values that float16 cannot hold")
        halves[name] = half
    stream = io.BytesIO()
    np.savez_compressed(stream, **halves)  # type: ignore[arg-type]
    Path(path).write_bytes(stream.getvalue())


def read_weights(data: bytes, name: str) -> dict[str, np.ndarray]:
    """float32 arrays of what `write_weights` wrote.

    Args:
        data: The file's bytes.
        name: The file's, for messages.

    Raises:
        PretrainedError: It is not such a file.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            return {key: archive[key].astype(np.float32) for key in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise PretrainedError(f"{name}: no weights can be read from it ({error})") from error


def misfits(model: keras.Model, weights: dict[str, np.ndarray]) -> list[str]:
    """Why weights do not fit a network, one line each; none if all fit."""
    own = named_weights(model)
    lines = [
        f"{name}: has shape {_shape(weights[name])}, expected {_shape(own[name])}"
        for name in own
        if name in weights and weights[name].shape != own[name].shape
    ]
    lines += [f"{name}: is not there" for name in own if name not in weights]
    return lines + [f"{name}: is not in this network" for name in weights if name not in own]


def set_fitting(model: keras.Model, weights: dict[str, np.ndarray]) -> None:
    """Gives a network the weights of all layers that fit it as a whole; the others stay."""
    for layer in model.layers:
        own = layer.get_weights()
        given = [weights.get(f"{layer.name}/{place}") for place in range(len(own))]
        if own and all(
            new is not None and new.shape == old.shape for new, old in zip(given, own, strict=True)
        ):
            layer.set_weights(given)


def _set_weights(model: keras.Model, weights: dict[str, np.ndarray]) -> None:
    wrong = misfits(model, weights)
    if wrong:
        raise PretrainedError(f"the packaged weights do not fit their network: {wrong[0]}")
    set_fitting(model, weights)


def _shape(array: np.ndarray) -> str:
    return "x".join(map(str, array.shape)) or "scalar"
