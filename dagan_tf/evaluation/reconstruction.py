"""What the trained discriminator makes of faces: the report's fourth column."""

import os
from pathlib import Path

import numpy as np
import tensorflow as tf

from dagan_tf.config import load_config
from dagan_tf.models.discriminator import build_discriminator
from dagan_tf.training.checkpoints import (
    CONFIG_NAME,
    FOLDER_NAME,
    CheckpointError,
    read_identities,
)


def reconstruct(model_dir: str | os.PathLike[str], images: np.ndarray) -> np.ndarray:
    """Passes faces through the auto-encoder of a training's newest checkpoint.

    Args:
        model_dir: Of the training.
        images: (N, S, S, 3) uint8, S being the training's image size.

    Returns:
        (N, S, S, 3) uint8.

    Raises:
        CheckpointError: No checkpoint there, or one of another model.
        ValueError: The images have another size.
    """
    folder = Path(model_dir)
    path = tf.train.latest_checkpoint(str(folder / FOLDER_NAME))
    if not path:
        raise CheckpointError(f"{str(folder)!r} has no checkpoint yet")
    config = load_config(folder / CONFIG_NAME)
    size = config.data.image_size
    if images.shape[1:] != (size, size, 3):
        raise ValueError(f"images are {images.shape}; expected (N, {size}, {size}, 3)")
    discriminator = build_discriminator(config.discriminator, size, len(read_identities(folder)))
    status = tf.train.Checkpoint(discriminator=discriminator).restore(path)
    try:
        status.assert_existing_objects_matched().expect_partial()
    except AssertionError as error:
        raise CheckpointError(f"checkpoint {path!r} is of another model") from error
    reconstruction, _ = discriminator.predict(
        images.astype(np.float32) / 127.5 - 1.0, batch_size=32, verbose=0
    )
    return np.rint((np.clip(reconstruction, -1.0, 1.0) + 1.0) * 127.5).astype(np.uint8)
