"""The packaged networks: built as their card says, with the packaged weights."""

import keras
import numpy as np

from dagan_tf.config.sections import DiscriminatorConfig, GeneratorConfig
from dagan_tf.gan.discriminator import build_discriminator
from dagan_tf.gan.generator import build_generator
from dagan_tf.pretrained.card import DEFAULT, PretrainedError, read_card
from dagan_tf.pretrained.weights import misfits, read_weights, set_fitting


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
        card.image_size,
        card.facts["identities"],
        card.facts["realism"],
    )
    file_name = f"{name}-discriminator.npz"
    _set_weights(discriminator, read_weights(card.read_file(file_name), file_name))
    return discriminator


def _set_weights(model: keras.Model, weights: dict[str, np.ndarray]) -> None:
    wrong = misfits(model, weights)
    if wrong:
        raise PretrainedError(f"the packaged weights do not fit their network: {wrong[0]}")
    set_fitting(model, weights)
