"""Where a training starts: from given weights instead of random ones."""

import os
import sys

import keras

from dagan_tf.errors import DaganError
from dagan_tf.gan.dagan import DAGAN
from dagan_tf.pretrained import weights
from dagan_tf.pretrained.card import DEFAULT, PRETRAINED
from dagan_tf.pretrained.model_folder import load_discriminator, load_generator


def start_from(dagan: DAGAN, source: str | os.PathLike[str]) -> list[str]:
    """Gives both networks the weights of an earlier training; the averages start from them too.

    The refiner has to fit as a whole. Of the discriminator the layers that fit are taken; others,
    as the identity agent's last one when it knows other people, keep their random ones.

    Args:
        dagan: compiled, no step taken.
        source: the word `pretrained` for the refiner in the box, or a model folder of
            `trainer.task`.

    Returns:
        One line a part of the discriminator that did not fit.

    Raises:
        DaganError: the refiner does not fit, or there are no weights.
    """
    generator: keras.Model
    discriminator: keras.Model | None
    if source == PRETRAINED:
        generator, discriminator = weights.load_generator(), weights.load_discriminator()
    else:
        generator, discriminator = load_generator(source), load_discriminator(source)
    given = weights.named_weights(generator)
    wrong = weights.misfits(dagan.generator, given)
    if wrong:
        name = f"pretrained ({DEFAULT})" if source == PRETRAINED else repr(os.fspath(source))
        raise DaganError(
            f"init: the refiner of {name} is another network than this configuration's, in"
            f" {len(wrong)} places; the first: {wrong[0]}"
        )
    weights.set_fitting(dagan.generator, given)
    for average, weight in zip(dagan.averages, dagan.generator.trainable_variables, strict=False):
        average.assign(weight)
    if discriminator is None:
        return ["discriminator: not there, starts anew"]
    given = weights.named_weights(discriminator)
    weights.set_fitting(dagan.discriminator, given)
    return [f"discriminator {line}" for line in weights.misfits(dagan.discriminator, given)]


def say_misfits(source: str | os.PathLike[str], lines: list[str]) -> None:
    """Names on stderr what starts anew."""
    for line in lines:
        print(f"init from {os.fspath(source)}: starts anew: {line}", file=sys.stderr, flush=True)
