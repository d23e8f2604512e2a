"""A small convolutional classifier of real against synthetic faces, trained on the pixels."""

import keras
import numpy as np
from tqdm import tqdm

from dagan_tf.core.pixels import to_signed
from dagan_tf.evaluation.features import check_images
from dagan_tf.evaluation.realism import LogitFunction


def train_conv(
    real: np.ndarray,
    fake: np.ndarray,
    seed: int = 0,
    *,
    epochs: int = 25,
    batch_size: int = 32,
) -> LogitFunction:
    """Trains three strided convolutions and a mean over places; a `realism.Trainer`.

    It sees local texture wherever it is, which `appearance_features` only sums up. Each batch
    holds equally many real and synthetic faces, half of them mirrored.

    Args:
        real: (N, S, S, 3) uint8.
        fake: (M, S, S, 3) uint8.
        seed: Of weights, dropout and batches; results still vary a little between machines.
        epochs: Passes over the larger set.
        batch_size: Faces a step, half of each kind.

    Returns:
        From (K, S, S, 3) uint8 to (K,) logits, > 0 = taken for real.
    """
    check_images(real, "real")
    check_images(fake, "fake")
    model = _build(real.shape[1], seed)
    half = batch_size // 2
    labels = np.repeat([1.0, 0.0], half).astype(np.float32)[:, None]
    generator = np.random.default_rng(seed)
    steps = epochs * -(-max(len(real), len(fake)) // half)
    for _ in tqdm(range(steps), desc="teach a convolutional judge", unit="step", leave=False):
        kinds = [kind[generator.integers(len(kind), size=half)] for kind in (real, fake)]
        batch = to_signed(np.concatenate(kinds))
        mirrored = generator.random(len(batch)) < 0.5
        batch[mirrored] = batch[mirrored, :, ::-1]
        model.train_on_batch(batch, labels)

    def logits(images: np.ndarray) -> np.ndarray:
        # Called directly: `predict` would compile a function for each of many small networks.
        parts = np.array_split(images, -(-len(images) // 128))
        outputs = [np.asarray(model(to_signed(part), training=False)) for part in parts]
        return np.concatenate(outputs)[:, 0].astype(np.float64)

    return logits


def _build(size: int, seed: int) -> keras.Model:
    inputs = keras.Input((size, size, 3))
    x = inputs
    for level, filters in enumerate((16, 32, 64)):
        initializer = keras.initializers.HeNormal(seed=10 * seed + level)
        x = keras.layers.Conv2D(
            filters,
            3,
            strides=2,
            padding="same",
            activation="relu",
            kernel_initializer=initializer,
        )(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dropout(0.3, seed=seed)(x)
    initializer = keras.initializers.GlorotUniform(seed=10 * seed + 9)
    model = keras.Model(inputs, keras.layers.Dense(1, kernel_initializer=initializer)(x))
    model.compile(
        optimizer=keras.optimizers.Adam(2e-3),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
    )
    return model
