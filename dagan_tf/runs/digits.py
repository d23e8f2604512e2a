"""The digits experiment: does refining printed digits help to read handwritten ones?

One small classifier is trained three times from the same initial weights: on printed digits as
drawn, on the same digits refined by a DA-GAN that saw unlabelled handwriting, and on labelled
handwriting. Each is tested on handwriting nobody saw.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from dagan_tf.config.settings import Config
from dagan_tf.core.files import writing_to
from dagan_tf.core.pixels import LEVELS_A_UNIT, from_signed, to_signed
from dagan_tf.data.digits import NAMES, handwritten_digits, printed_digits, write_digit_records
from dagan_tf.pretrained.model_folder import load_generator
from dagan_tf.training.run import TrainingResult, train_on_records

PRINTED = 4000
_CLASSIFIER_STEPS = 1200
_BATCH = 32


@dataclass(frozen=True)
class DigitsResult:
    """Accuracy on the handwritten test digits, in [0, 1], by training set.

    Attributes:
        seed: of everything.
        raw: printed digits as drawn.
        refined: the same refined.
        real: labelled handwriting.
        training: how the refiner's training ended.
    """

    seed: int
    raw: float
    refined: float
    real: float
    training: TrainingResult


def refined_digits(
    config: Config, output: str | os.PathLike[str], *, verbose: bool = True
) -> tuple[np.ndarray, TrainingResult] | None:
    """Refines the printed digits of `config.seed`; goes on where it was stopped.

    Args:
        config: of the refiner, such as the preset `digits`.
        output: gets records/ and model/, a folder as `train` leaves it.
        verbose: status lines on stderr.

    Returns:
        uint8 (PRINTED, S, S, 3) and how the training ended, or None if it was interrupted (and
        saved).
    """
    output, size = Path(output), config.data.image_size
    images, labels = printed_digits(PRINTED, size, config.seed)
    (handwritten, _), _ = handwritten_digits(size)
    simulated, real = output / "records" / "simulated", output / "records" / "real"
    with writing_to(output):
        write_digit_records(simulated, images, labels, domain="simulated")
        write_digit_records(real, handwritten, None, domain="real")
        training = train_on_records(
            config, simulated, real, NAMES, output / "model", verbose=verbose
        )
        if training.reason == "interrupted":
            return None
        return refine(load_generator(output / "model"), images), training


def run_digits(
    config: Config, output: str | os.PathLike[str], *, verbose: bool = True
) -> DigitsResult | None:
    """Runs the experiment for one seed, `config.seed`; arguments as of `refined_digits`.

    Returns:
        The accuracies, or None if the training was interrupted (and saved).
    """
    size, seed = config.data.image_size, config.seed
    found = refined_digits(config, output, verbose=verbose)
    if found is None:
        return None
    printed = printed_digits(PRINTED, size, seed)
    known, unseen = handwritten_digits(size)
    raw_score, refined_score, real_score = (
        classifier_accuracy(images, labels, *unseen, seed=seed)
        for images, labels in (printed, (found[0], printed[1]), known)
    )
    return DigitsResult(seed, raw_score, refined_score, real_score, found[1])


def refine(generator: keras.Model, images: np.ndarray) -> np.ndarray:
    """Refines uint8 (N, S, S, 3) images to the same."""
    refined = _answers(generator, to_signed(images))
    return from_signed(refined)


def classifier_accuracy(
    images: np.ndarray,
    labels: np.ndarray,
    test_images: np.ndarray,
    test_labels: np.ndarray,
    *,
    seed: int,
) -> float:
    """Trains a small convolutional network on one set and tests it on another.

    Args:
        images: uint8 (N, S, S, 3), to train on.
        labels: int (N,), 0 to 9.
        test_images: uint8 (M, S, S, 3).
        test_labels: int (M,).
        seed: of weights and batches.

    Returns:
        Share of the test images named correctly.
    """
    model = keras.Sequential(
        [
            keras.Input(images.shape[1:]),
            keras.layers.Rescaling(1 / LEVELS_A_UNIT, offset=-1.0),
            *_convolution(16, seed),
            *_convolution(32, seed + 1),
            keras.layers.Flatten(),
            keras.layers.Dense(64, "relu", kernel_initializer=_glorot(seed + 2)),
            keras.layers.Dense(len(NAMES), kernel_initializer=_glorot(seed + 3)),
        ]
    )
    model.compile(
        keras.optimizers.Adam(1e-3),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    random = np.random.default_rng(seed)
    chosen = np.concatenate(
        [
            random.permutation(len(images))
            for _ in range(-(-_CLASSIFIER_STEPS * _BATCH // len(images)))
        ]
    )[: _CLASSIFIER_STEPS * _BATCH]
    model.fit(
        images[chosen].astype(np.float32),
        labels[chosen],
        batch_size=_BATCH,
        shuffle=False,
        verbose=0,
    )
    answers = _answers(model, test_images.astype(np.float32))
    return float((answers.argmax(axis=1) == test_labels).mean())


def _answers(model: keras.Model, images: np.ndarray) -> np.ndarray:
    # Called directly: `predict` compiles a function for each of many models, and warns of it.
    parts = np.array_split(images, -(-len(images) // 256))
    return np.concatenate([np.asarray(model(part, training=False)) for part in parts])


def _convolution(filters: int, seed: int) -> Sequence[keras.layers.Layer]:
    return (
        keras.layers.Conv2D(
            filters, 3, padding="same", activation="relu", kernel_initializer=_glorot(seed)
        ),
        keras.layers.MaxPooling2D(),
    )


def _glorot(seed: int) -> keras.initializers.Initializer:
    return keras.initializers.GlorotUniform(seed=seed)


def digits_lines(results: Sequence[DigitsResult]) -> list[str]:
    """The results as lines of text: a heading, one line a seed, and the mean over them."""
    lines = ["seed  printed  refined  handwritten  gap closed"]
    for result in results:
        scores = result.raw, result.refined, result.real
        lines.append(_line(f"{result.seed:4d}", *scores))
    raw, refined, real = (
        float(np.mean([getattr(result, name) for result in results]))
        for name in ("raw", "refined", "real")
    )
    lines.append(_line("mean", raw, refined, real))
    return lines


def _line(name: str, raw: float, refined: float, real: float) -> str:
    closed = (refined - raw) / (real - raw) if real != raw else float("nan")
    return f"{name}  {raw:7.3f}  {refined:7.3f}  {real:11.3f}  {closed:10.0%}"
