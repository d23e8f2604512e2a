"""A trained generator as a SavedModel that any TensorFlow can load and serve.

The pixels' way into and out of the network is in the graph, so that a client needs to know
nothing of [-1, 1], strides or Keras.
"""

import dataclasses
import datetime
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import dagan_tf
from dagan_tf.config import load_config
from dagan_tf.errors import DaganError
from dagan_tf.model_card import render_model_card
from dagan_tf.service.warmup import warmup_image, write_warmup
from dagan_tf.training.checkpoints import CONFIG_NAME, load_generator
from dagan_tf.versions import draft_version

SIGNATURES = ("serving_default", "float", "encoded")
CARD_FILE = "model_card.md"
FACTS_FILE = "export.json"

# Reloading may reorder float32 sums; anything beyond this is a wrong export.
_TOLERANCE = 1e-3


class ExportError(DaganError):
    """A generator that cannot be exported, or an export that does not answer as it should."""


class ExportModule(tf.Module):
    """A generator with its pre- and post-processing behind three named signatures.

    | signature | input | output |
    |---|---|---|
    | `serving_default` | `images` uint8 (N, H, W, 3) | `refined` uint8 (N, H, W, 3) |
    | `float` | `images` float32 (N, H, W, 3), [-1, 1] | `refined` float32 (N, H, W, 3), [-1, 1] |
    | `encoded` | `image_bytes` (N,) JPEG or PNG | `refined_bytes` (N,) PNG of the training size |

    N, H and W are free, from 1 on. Sides that the generator's stride does not divide are mirrored
    up at the right and bottom and cut again. `encoded` takes images of different sizes in one
    request: from each the central square is cut and resized (antialiased) to the training size
    unless it has it already, so that what comes back never depends on the other images of a batch;
    grey becomes RGB, an alpha channel is dropped, and an EXIF orientation is not applied.
    """

    def __init__(self, generator: keras.Model, *, image_size: int, stride: int = 1) -> None:
        """Wraps a generator.

        Args:
            generator: float32 (N, H, W, 3) in [-1, 1] to the same shape, with free H and W.
            image_size: Side in pixels the generator was trained at; the size `encoded` works in.
            stride: Number the generator needs both sides to be divisible by.

        Raises:
            ExportError: The generator takes something else, or a number is not positive.
        """
        super().__init__(name="dagan_refiner")
        for name, value in (("image_size", image_size), ("stride", stride)):
            if value < 1:
                raise ExportError(f"{name} is {value}; expected a positive number of pixels")
        shape = tuple(generator.inputs[0].shape)
        if len(generator.inputs) != 1 or shape != (None, None, None, 3):
            raise ExportError(
                f"the generator takes {len(generator.inputs)} input(s) of shape {shape}; expected "
                "one of shape (None, None, None, 3), so that images of any size can be served"
            )
        self.generator = generator
        self.image_size = image_size
        self.stride = stride

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3), tf.uint8, "images")])
    def refine_uint8(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        """Signature `serving_default`."""
        return {"refined": _to_uint8(self._refine(_to_float(images)))}

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3), tf.float32, "images")])
    def refine_float(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        """Signature `float`."""
        return {"refined": self._refine(images)}

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, "image_bytes")])
    def refine_encoded(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        """Signature `encoded`."""
        size = self.image_size
        images = tf.map_fn(
            lambda data: _decode_square(data, size),
            image_bytes,
            fn_output_signature=tf.TensorSpec((size, size, 3), tf.uint8),
        )
        refined = _to_uint8(self._refine(_to_float(images)))
        encoded = tf.map_fn(tf.io.encode_png, refined, fn_output_signature=tf.string)
        return {"refined_bytes": encoded}

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Writes the SavedModel with its three signatures into `folder`.

        Raises:
            ExportError: It cannot be written.
        """
        signatures = {
            "serving_default": self.refine_uint8,
            "float": self.refine_float,
            "encoded": self.refine_encoded,
        }
        try:
            tf.saved_model.save(self, os.fspath(folder), signatures=signatures)
        except tf.errors.OpError as error:  # A full disk, for one: TensorFlow's writers raise it.
            raise ExportError(f"{folder}: cannot be written: {error.message}") from error

    def _refine(self, images: tf.Tensor) -> tf.Tensor:
        # Convolutions answer an empty batch with errors that name anything but its emptiness.
        message = "no images, or images of no height or width, cannot be refined"
        with tf.control_dependencies([tf.debugging.assert_positive(tf.size(images), message)]):
            height, width = tf.unstack(tf.shape(images)[1:3])
            images = tf.identity(images)
        padded = _mirror_up(_mirror_up(images, 1, self.stride), 2, self.stride)
        refined = tf.cast(self.generator(padded, training=False), tf.float32)
        refined = tf.ensure_shape(refined[:, :height, :width], (None, None, None, 3))
        return tf.clip_by_value(refined, -1.0, 1.0)


def export_generator(
    generator: keras.Model,
    output_base: str | os.PathLike[str],
    *,
    image_size: int,
    stride: int = 1,
    config: Mapping[str, Any] | None = None,
    metrics: Mapping[str, Any] | None = None,
    training_data: str | None = None,
    licence: str | None = None,
) -> Path:
    """Exports a generator as the next version under a base folder, checked before it is seen.

    Beside the SavedModel the version holds warm-up requests for TensorFlow Serving, a
    `model_card.md`, and the same facts for programs in `export.json`.

    Args:
        generator: See `ExportModule`.
        output_base: Folder of all versions of this model; made when absent.
        image_size: Side in pixels the generator was trained at.
        stride: Number the generator needs both sides to be divisible by.
        config: Training configuration to record, JSON-able.
        metrics: Last training metrics to record, JSON-able.
        training_data: What the generator was trained on, one sentence, for the card.
        licence: Licence of the exported weights, for the card.

    Returns:
        `output_base`/<version>.

    Raises:
        ExportError: The generator does not fit, or the export does not answer like it. Then
            nothing is published.
        OSError: The folder cannot be written.
    """
    module = ExportModule(generator, image_size=image_size, stride=stride)
    with draft_version(output_base) as draft:
        module.save(draft.folder)
        write_warmup(draft.folder, image_size)
        difference = check_export(draft.folder, module)
        facts = {
            "package": f"dagan-tf {dagan_tf.__version__}",
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "exported_at": datetime.datetime.now(datetime.timezone.utc).isoformat("T", "seconds"),
            "signatures": list(SIGNATURES),
            "image_size": image_size,
            "stride": stride,
            "parameters": int(sum(np.prod(variable.shape) for variable in generator.variables)),
            "variables_sha256": variables_digest(generator),
            "max_difference_to_generator": difference,
            "training_data": training_data,
            "licence": licence,
            "metrics": dict(metrics or {}),
            "config": dict(config or {}),
        }
        (draft.folder / FACTS_FILE).write_text(json.dumps(facts, indent=2) + "\n", "utf-8")
        (draft.folder / CARD_FILE).write_text(render_model_card(facts), "utf-8")
    assert draft.published is not None
    return draft.published


def export_model_dir(
    model_dir: str | os.PathLike[str],
    output_base: str | os.PathLike[str],
    *,
    ema: bool = True,
    training_data: str | None = None,
    licence: str | None = None,
) -> Path:
    """Exports the generator of a training run; the rest as `export_generator`.

    Args:
        model_dir: What `trainer.task` wrote: checkpoints, `config.yaml`, `metrics.jsonl`.
        output_base: Folder of all versions of this model.
        ema: Export the running mean of the weights instead of the last ones.
        training_data: See `export_generator`.
        licence: See `export_generator`.

    Raises:
        ExportError: `model_dir` holds no training run.
    """
    config_file = Path(model_dir) / CONFIG_NAME
    if not config_file.is_file():
        raise ExportError(f"{model_dir}: holds no {CONFIG_NAME}; expected what trainer.task writes")
    config = load_config(config_file)
    return export_generator(
        load_generator(Path(model_dir), ema=ema),
        output_base,
        image_size=config.data.image_size,
        stride=config.generator.downsample,
        config=dataclasses.asdict(config),
        metrics=_last_metrics(Path(model_dir) / "metrics.jsonl"),
        training_data=training_data,
        licence=licence,
    )


def check_export(folder: Path, module: ExportModule) -> float:
    """Loads a SavedModel afresh and compares all three signatures with the generator itself.

    Args:
        folder: The SavedModel.
        module: What was saved into it.

    Returns:
        Largest absolute difference of the `float` signature to the generator, on [-1, 1].

    Raises:
        ExportError: A signature is missing, fails, returns another shape, or differs.
    """
    try:
        loaded = tf.saved_model.load(os.fspath(folder))
        signatures = {name: loaded.signatures[name] for name in SIGNATURES}
        side = module.image_size
        image = warmup_image(side)
        # The generator itself takes no other sides than multiples of its stride.
        fit = -(-side // module.stride) * module.stride
        plain = tf.constant(warmup_image(fit)[None].astype(np.float32) / 127.5 - 1.0)
        direct = np.clip(module.generator(plain, training=False), -1.0, 1.0)
        refined = signatures["float"](images=plain)["refined"].numpy()
        batch = np.stack([image, image[:, ::-1]])
        pixels = signatures["serving_default"](images=tf.constant(batch))["refined"].numpy()
        # One image wider than high whose sides the stride need not divide.
        odd = signatures["serving_default"](images=tf.constant(batch[:1, : side // 2 + 1]))
        png = tf.io.encode_png(image)
        encoded = signatures["encoded"](image_bytes=tf.stack([png]))["refined_bytes"]
        decoded = tf.io.decode_png(encoded[0]).numpy()
    except (tf.errors.OpError, KeyError, ValueError, TypeError) as error:
        raise ExportError(f"the export does not answer: {error}") from error
    if refined.shape != direct.shape or not np.isfinite(refined).all():
        raise ExportError(
            f"the export returns {refined.shape}, finite: {bool(np.isfinite(refined).all())}; "
            f"expected finite values of shape {direct.shape}"
        )
    difference = float(np.abs(refined - direct).max())
    if not difference <= _TOLERANCE:
        raise ExportError(
            f"the export differs from the generator by {difference:g}; expected <= {_TOLERANCE:g}"
        )
    for name, got, expected in (
        ("serving_default", pixels.shape, batch.shape),
        ("serving_default", odd["refined"].shape, batch[:1, : side // 2 + 1].shape),
        ("encoded", decoded.shape, image.shape),
    ):
        if tuple(got) != expected:
            raise ExportError(f"signature {name!r} returns shape {got}; expected {expected}")
    if np.abs(decoded.astype(int) - pixels[0].astype(int)).max() > 1:
        raise ExportError("signatures 'encoded' and 'serving_default' differ on the same image")
    return difference


def variables_digest(model: keras.Model) -> str:
    """SHA-256 over dtype, shape and bytes of all variables in order: the same weights, wherever."""
    digest = hashlib.sha256()
    for weight in model.get_weights():
        digest.update(f"{weight.dtype.str}{weight.shape}".encode())
        digest.update(np.ascontiguousarray(weight).tobytes())
    return digest.hexdigest()


def _last_metrics(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    for line in reversed(path.read_text("utf-8").splitlines()):
        try:
            return dict(json.loads(line))
        except ValueError:
            continue  # The run was killed while it wrote this line.
    return {}


def _to_float(images: tf.Tensor) -> tf.Tensor:
    return tf.cast(images, tf.float32) / 127.5 - 1.0


def _to_uint8(images: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.round((images + 1.0) * 127.5), tf.uint8)


def _mirror_up(images: tf.Tensor, axis: int, stride: int) -> tf.Tensor:
    """Extends one axis at its end, mirrored as often as needed, to what the generator takes."""
    side = tf.shape(images)[axis]
    multiple = -(-side // stride) * stride
    # tf.pad's REFLECT refuses to add more than the image has; indices that run to and fro do not.
    period = tf.maximum(2 * (side - 1), 1)
    place = tf.range(multiple) % period
    return tf.gather(images, tf.minimum(place, period - place), axis=axis)


def _decode_square(data: tf.Tensor, size: int) -> tf.Tensor:
    image = tf.io.decode_image(data, channels=3, expand_animations=False)
    image = tf.ensure_shape(image, (None, None, 3))
    height, width = tf.shape(image)[0], tf.shape(image)[1]

    def resize() -> tf.Tensor:
        side = tf.minimum(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        square = image[top : top + side, left : left + side]
        resized = tf.image.resize(square, (size, size), antialias=True)
        return tf.cast(tf.clip_by_value(tf.round(resized), 0.0, 255.0), tf.uint8)

    fits = tf.logical_and(tf.equal(height, size), tf.equal(width, size))
    return tf.ensure_shape(tf.cond(fits, lambda: image, resize), (size, size, 3))
