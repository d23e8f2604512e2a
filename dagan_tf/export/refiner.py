"""An exported refiner as a function on images."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from dagan_tf.errors import DaganError
from dagan_tf.export.versions import resolve_version


class RefinerError(DaganError):
    """A model that is no refiner, or images it does not take."""


class Refiner:
    """Makes simulated faces more realistic with an exported generator.

        images = Refiner.load("exported/dagan")(images)

    Attributes:
        folder: The version that was loaded.
    """

    def __init__(self, model: Any, folder: Path, *, batch_size: int = 8) -> None:
        """Wraps a loaded SavedModel; `Refiner.load` is the usual way."""
        if batch_size < 1:
            raise RefinerError(f"batch_size is {batch_size}; expected at least 1")
        # The signature holds no reference to the variables: they live as long as the model does.
        self._model = model
        self._signature = model.signatures["serving_default"]
        self._batch_size = batch_size
        self.folder = folder

    @classmethod
    def load(cls, base_or_version: str | os.PathLike[str], *, batch_size: int = 8) -> "Refiner":
        """Loads what `serving.export` wrote.

        Args:
            base_or_version: Base folder, whose highest version is taken, or one version.
            batch_size: Most images refined at once; bounds the memory, whatever is asked for.

        Raises:
            ModelNotFoundError: No exported model there.
            RefinerError: The SavedModel cannot be read or is no refiner.
        """
        folder = resolve_version(base_or_version)
        try:
            model = tf.saved_model.load(os.fspath(folder))
        except Exception as error:  # Of a damaged SavedModel TensorFlow raises nearly anything.
            raise RefinerError(f"{folder}: not a readable SavedModel ({error})") from error
        signature = model.signatures.get("serving_default")
        inputs = signature.structured_input_signature[1] if signature is not None else {}
        if set(inputs) != {"images"} or inputs["images"].dtype != tf.uint8:
            raise RefinerError(
                f"{folder}: has no signature 'serving_default' taking uint8 'images'; "
                "expected what serving.export writes"
            )
        return cls(model, folder, batch_size=batch_size)

    @property
    def label(self) -> str:
        """Names the weights: their digest as the export recorded it, else the folder."""
        digest = self._fact("variables_sha256")
        return f"weights {digest}" if digest else f"model {self.folder.resolve()}"

    @property
    def image_size(self) -> int | None:
        """Side in pixels it was trained at, None if the export did not record it."""
        size = self._fact("image_size")
        return size if isinstance(size, int) and size > 0 else None

    def _fact(self, name: str) -> Any:
        try:
            return json.loads((self.folder / "export.json").read_text("utf-8"))[name]
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Refines images.

        Args:
            images: uint8 (N, H, W, 3) or (H, W, 3), RGB; any H and W.

        Returns:
            uint8, same shape.

        Raises:
            RefinerError: Another dtype or shape.
        """
        images = check_images(images)
        if images.ndim == 3:
            return self(images[None])[0]
        refined = np.empty_like(images)
        for start in range(0, len(images), self._batch_size):
            batch = images[start : start + self._batch_size]
            refined[start : start + len(batch)] = self._signature(images=tf.constant(batch))[
                "refined"
            ].numpy()
        return refined


def check_images(images: np.ndarray) -> np.ndarray:
    """Returns `images` if they are what a refiner takes.

    Raises:
        RefinerError: Not a uint8 array of shape (N, H, W, 3) or (H, W, 3) with H, W > 0.
    """
    if not isinstance(images, np.ndarray):
        raise RefinerError(f"images is a {type(images).__name__}; expected a NumPy array")
    shape_fits = images.ndim in (3, 4) and images.shape[-1] == 3 and 0 not in images.shape[-3:]
    if images.dtype != np.uint8 or not shape_fits:
        raise RefinerError(
            f"images is {images.dtype} {images.shape}; "
            "expected uint8 of shape (N, H, W, 3) or (H, W, 3)"
        )
    return images
