"""What a recogniser is trained on: crops, frozen features of them, or what frozen layers give.

Computed once and kept beside the crops, in a file for each network: features of another one, or of
other crops, are never mixed up with them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from dagan_tf.core.files import write_whole
from dagan_tf.core.pixels import tensor_to_signed
from dagan_tf.embedders.dlib_resnet import FaceEmbedder
from dagan_tf.embedders.mobilefacenet import MobileFaceNet
from dagan_tf.errors import DaganError
from dagan_tf.metrics.templates import normalised
from dagan_tf.recognition.backbones import build_parts
from dagan_tf.recognition.config import CropConfig, NetworkConfig, RecogniserConfig
from dagan_tf.recognition.crops import Crops, Store
from dagan_tf.recognition.stacked import Stacked

_BATCH = 32


class Network(Protocol):
    """What embeds a crop by its landmarks."""

    def embed(self, photo: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        """The face's embedding.

        Args:
            photo: uint8 (H, W, 3) RGB.
            landmarks: (68, 2) float32 pixels.

        Returns:
            (D,) float32.
        """


def training_values(crops: Crops, config: RecogniserConfig, *, progress: bool = True) -> Stacked:
    """What the configured recogniser sees of every crop.

    Args:
        crops: the crops.
        config: `crops.features` and `network.frozen` are read.
        progress: show bars on stderr.

    Returns:
        A row a crop, as `TrainingSet.values` has them.
    """
    if config.crops.features != "none":
        return frozen_features(crops, config.crops, progress=progress)
    if config.network.frozen:
        return frozen_layers(crops, config.network, progress=progress)
    return crops.images


def frozen_features(crops: Crops, settings: CropConfig, *, progress: bool = True) -> Stacked:
    """Features of every crop by dlib's network or one in a TFLite file.

    Args:
        crops: the crops.
        settings: which network.
        progress: show a bar on stderr.

    Returns:
        (N, D) float32 of length 1.
    """
    network: Network | None = None
    parts = []
    for store in crops.stores:
        file = _kept(store, f"features-{settings.features}", settings.features, settings.tflite)
        if not file.is_file():
            network = network or (
                FaceEmbedder() if settings.features == "dlib" else MobileFaceNet(settings.tflite)
            )
            found = [
                network.embed(np.ascontiguousarray(image), points)
                for image, points in _bar(store, settings.features, progress)
            ]
            _save(file, normalised(np.stack(found)))
        parts.append(np.load(file, mmap_mode="r"))
    return Stacked(parts)


def frozen_layers(crops: Crops, settings: NetworkConfig, *, progress: bool = True) -> Stacked:
    """What the frozen layers of the configured network give of every crop and its mirror image.

    Args:
        crops: the crops.
        settings: of the network.
        progress: show a bar on stderr.

    Returns:
        float16 (N, 2, ...).
    """
    frozen: keras.Model | None = None
    parts = []
    for store in crops.stores:
        file = _kept(store, "layers", settings.backbone, settings.weights, settings.frozen)
        if not file.is_file():
            frozen = frozen or build_parts(settings, store.images.shape[1:])[0]
            _save_layers(file, store, frozen, progress)
        parts.append(np.load(file, mmap_mode="r"))
    return Stacked(parts)


def _save_layers(file: Path, store: Store, frozen: keras.Model, progress: bool) -> None:
    compute = tf.function(
        lambda crops: frozen(tensor_to_signed(crops), training=False),
        input_signature=[tf.TensorSpec((None, *store.images.shape[1:]), tf.uint8)],
    )
    count = len(store.rows)
    with write_whole(file, sole_writer=True) as partial:
        kept = np.lib.format.open_memmap(
            partial, mode="w+", dtype=np.float16, shape=(count, 2, *frozen.output_shape[1:])
        )
        with tqdm(total=count, desc="frozen layers", unit="image", disable=not progress) as bar:
            for start in range(0, count, _BATCH):
                images = np.ascontiguousarray(store.images[start : start + _BATCH])
                for side, seen in enumerate((images, np.ascontiguousarray(images[:, :, ::-1]))):
                    found = np.asarray(compute(tf.constant(seen))).astype(np.float16)
                    if not np.isfinite(found).all():
                        raise DaganError(
                            "network.frozen: the layers give values beyond float16's; expected"
                            " another share, or 0"
                        )
                    kept[start : start + len(images), side] = found
                bar.update(len(images))
        kept.flush()


def _bar(store: Store, name: str, progress: bool) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    return iter(
        tqdm(
            zip(store.images, store.landmarks, strict=True),
            desc=name,
            unit="image",
            total=len(store.rows),
            disable=not progress,
        )
    )


def _kept(store: Store, name: str, *network: object) -> Path:
    """The file of a store's features, named after the crops, the network's settings and files."""
    facts = [store.mark, *map(repr, network)]
    for one in network:
        if isinstance(one, str) and Path(one).is_file():
            facts.append(hashlib.sha256(Path(one).read_bytes()).hexdigest())
    mark = hashlib.sha256("\0".join(facts).encode()).hexdigest()
    return store.folder / f"{name}-{mark[:12]}.npy"


def _save(file: Path, values: np.ndarray) -> None:
    with write_whole(file) as partial, partial.open("wb") as stream:
        np.save(stream, values)
