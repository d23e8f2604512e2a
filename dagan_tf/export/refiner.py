"""A trained refiner as a function on images."""

import json
import os
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import tensorflow as tf

from dagan_tf.core.pixels import from_levels
from dagan_tf.errors import DaganError
from dagan_tf.export.locations import Location
from dagan_tf.export.module import ExportModule
from dagan_tf.export.versions import resolve_version
from dagan_tf.faces.resizing import resized
from dagan_tf.pretrained.card import DEFAULT, PRETRAINED, read_card
from dagan_tf.pretrained.weights import load_generator


class RefinerError(DaganError):
    """A model that is no refiner, or images it does not take."""


class Refiner:
    """Makes simulated faces more realistic with a trained generator.

        images = Refiner.pretrained()(images)
        images = Refiner.load("exported/dagan")(images)

    Attributes:
        source: Where its weights are from, in words.
        label: Names the weights: their digest if it is known, else the folder.
        image_size: Side in pixels it was trained at, None if the export did not record it.
        card: Its model card, Markdown; empty if there is none.
    """

    def __init__(
        self,
        answer: Callable[[tf.Tensor], tf.Tensor],
        *,
        source: str,
        label: str,
        image_size: int | None,
        card: str = "",
        batch_size: int = 8,
    ) -> None:
        """Wraps a function from uint8 (N, H, W, 3) to the same; `Refiner.load` is the usual way."""
        if batch_size < 1:
            raise RefinerError(f"batch_size is {batch_size}; expected at least 1")
        self._answer = answer
        self._batch_size = batch_size
        self.source = source
        self.label = label
        self.image_size = image_size
        self.card = card

    @classmethod
    def pretrained(cls, name: str = DEFAULT, *, batch_size: int = 8) -> "Refiner":
        """The refiner that comes with the package.

        Args:
            name: One of `pretrained.card.packaged_names`.
            batch_size: Most images refined at once; bounds the memory, whatever is asked for.

        Raises:
            PretrainedError: It is not packaged, or its files are damaged.
        """
        card = read_card(name)
        module = ExportModule(
            load_generator(name), image_size=card.image_size, stride=int(card.facts["stride"])
        )
        return cls(
            lambda images: module.refine_uint8(images)["refined"],
            source=f"the packaged refiner {name}",
            label=f"weights {name} {card.digest}",
            image_size=card.image_size,
            card=card.markdown(),
            batch_size=batch_size,
        )

    @classmethod
    def load(cls, model: str | os.PathLike[str], *, batch_size: int = 8) -> "Refiner":
        """Loads what `serving.export` wrote, or the refiner that comes with the package.

        Args:
            model: Base folder, whose highest version is taken, or one version, each a path or a
                URI; or the word `pretrained` (a folder of this name is `./pretrained`).
            batch_size: See `pretrained`.

        Raises:
            ModelNotFoundError: No exported model there.
            LocationError: The URI cannot be read.
            RefinerError: The SavedModel cannot be read or is no refiner.
            PretrainedError: As `pretrained`.
        """
        if model == PRETRAINED:
            return cls.pretrained(batch_size=batch_size)
        folder = resolve_version(model)
        try:
            saved = tf.saved_model.load(os.fspath(folder))
        except Exception as error:  # Of a damaged SavedModel TensorFlow raises nearly anything.
            raise RefinerError(f"{folder}: not a readable SavedModel ({error})") from error
        signature = saved.signatures.get("serving_default")
        inputs = signature.structured_input_signature[1] if signature is not None else {}
        if set(inputs) != {"images"} or inputs["images"].dtype != tf.uint8:
            raise RefinerError(
                f"{folder}: has no signature 'serving_default' taking uint8 'images'; "
                "expected what serving.export writes"
            )

        def answer(images: tf.Tensor, _: Any = saved) -> tf.Tensor:
            # The signature holds no reference to the variables: they live as long as `saved` does.
            return signature(images=images)["refined"]

        facts = _facts(folder)
        digest, size = facts.get("variables_sha256"), facts.get("image_size")
        return cls(
            answer,
            source=str(folder),
            label=f"weights {digest}" if digest else f"model {folder.resolve()}",
            image_size=size if isinstance(size, int) and size > 0 else None,
            card=_text(folder / "model_card.md"),
            batch_size=batch_size,
        )

    def warm_up(self) -> None:
        """Traces and optimises the graph, which the first images would wait for otherwise."""
        self._run(np.zeros((1, 16, 16, 3), np.uint8))

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Refines images.

        Images of another size than it was trained at are refined at that size, and the change is
        carried over to theirs (see `refine_at`).

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
            size = self.image_size
            done = refine_at(self._run, batch, size) if size else self._run(batch)
            refined[start : start + len(batch)] = done
        return refined

    def _run(self, images: np.ndarray) -> np.ndarray:
        return self._answer(tf.constant(images)).numpy()


def _text(path: Location) -> str:
    return path.read_text("utf-8") if path.is_file() else ""


def _facts(folder: Location) -> dict[str, Any]:
    """What the export recorded beside the model; empty where that cannot be read."""
    try:
        return dict(json.loads((folder / "export.json").read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


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


def refine_at(
    refine: Callable[[np.ndarray], np.ndarray], images: np.ndarray, image_size: int
) -> np.ndarray:
    """Refines images at the size a model was trained at, and carries the change over to theirs.

    A fully convolutional refiner accepts any size, but faces twice as large as those it was trained
    on are not what it knows. The images keep their own fine detail.

    Args:
        refine: as `refine_folder`'s.
        images: (N, H, W, 3) uint8.
        image_size: longer side at which `refine` sees them, pixels.

    Returns:
        (N, H, W, 3) uint8.
    """
    height, width = images.shape[1:3]
    scale = image_size / max(height, width)
    if scale == 1.0:
        return refine(images)
    size = max(1, round(scale * width)), max(1, round(scale * height))
    seen = np.stack([resized(image, *size) for image in images])
    change = refine(seen).astype(np.float32) - seen
    method = cv2.INTER_LINEAR if scale < 1.0 else cv2.INTER_AREA
    changes = [cv2.resize(one, (width, height), interpolation=method) for one in change]
    return from_levels(images + np.stack(changes))
