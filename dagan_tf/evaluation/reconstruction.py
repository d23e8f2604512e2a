"""What the trained discriminator makes of faces: the report's fourth column."""

import os
from pathlib import Path

import numpy as np

from dagan_tf.config.settings import load_config
from dagan_tf.core.pixels import from_signed, to_signed
from dagan_tf.gan.adversaries import REALISM
from dagan_tf.loop.checkpoints import CONFIG_NAME, CheckpointError, list_checkpoints
from dagan_tf.pretrained.model_folder import load_discriminator


def reconstruct(model_dir: str | os.PathLike[str], images: np.ndarray) -> np.ndarray | None:
    """Passes faces through the auto-encoder of a training's newest checkpoint.

    Args:
        model_dir: Of the training.
        images: (N, S, S, 3) uint8, S being the training's image size.

    Returns:
        (N, S, S, 3) uint8, or None if the discriminator is no auto-encoder (`gan`, `patch`).

    Raises:
        CheckpointError: No checkpoint there, or one of another model.
        ValueError: The images have another size.
    """
    if not list_checkpoints(model_dir):
        raise CheckpointError(f"{str(model_dir)!r} has no checkpoint yet")
    config = load_config(Path(model_dir) / CONFIG_NAME)
    if REALISM[config.loss.adversarial] != "reconstruction":
        return None
    size = config.data.image_size
    if images.shape[1:] != (size, size, 3):
        raise ValueError(f"images are {images.shape}; expected (N, {size}, {size}, 3)")
    reconstruction, _ = load_discriminator(model_dir).predict(
        to_signed(images), batch_size=32, verbose=0
    )
    return from_signed(reconstruction)
