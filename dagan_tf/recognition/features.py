"""What a recogniser is trained on: crops, frozen features of them, or what frozen layers give.

Computed once and kept beside the crops in parts of some hundred rows, in a folder for each network:
features of another one, or of other crops, are never mixed up with them, and a killed run goes on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from dagan_tf.config.reading import ConfigError
from dagan_tf.core.files import write_whole
from dagan_tf.core.pixels import tensor_to_signed
from dagan_tf.embedders.dlib_resnet import FaceEmbedder
from dagan_tf.embedders.mobilefacenet import MobileFaceNet
from dagan_tf.folders.processes import run_jobs
from dagan_tf.metrics.templates import normalised
from dagan_tf.recognition.backbones import build_parts
from dagan_tf.recognition.config import CropConfig, NetworkConfig, RecogniserConfig
from dagan_tf.recognition.crops import CROPS_NAME, LANDMARKS_NAME, Crops, Store
from dagan_tf.recognition.stacked import Stacked

_BATCH = 32
# Rows of a file, which an interruption costs at most.
_PART = 256
# From a store's folder, first row and the row after the last to those rows.
_Compute = Callable[[Path, int, int], np.ndarray]


class Network(Protocol):
    """What embeds a crop by its landmarks."""

    def embed(self, photo: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        """(S, S, 3) uint8 and (68, 2) pixels to (D,)."""
        ...


def training_values(
    crops: Crops, config: RecogniserConfig, *, workers: int = 1, progress: bool = True
) -> Stacked:
    """What the configured recogniser sees of every crop.

    Args:
        crops: the crops.
        config: `crops.features` and `network.frozen` are read.
        workers: processes that embed; layers of TensorFlow use all cores in one.
        progress: show bars on stderr.

    Returns:
        A row a crop, as `TrainingSet.values` has them.
    """
    if config.crops.features != "none":
        return frozen_features(crops, config.crops, workers=workers, progress=progress)
    if config.network.frozen:
        return frozen_layers(crops, config.network, progress=progress)
    return crops.images


def frozen_features(
    crops: Crops, settings: CropConfig, *, workers: int = 1, progress: bool = True
) -> Stacked:
    """Features of every crop by dlib's network or one in a TFLite file.

    Args:
        crops: the crops.
        settings: which network.
        workers: processes.
        progress: show a bar on stderr.

    Returns:
        (N, D) float32 of length 1.
    """
    name, facts = f"features-{settings.features}", (settings.features, settings.tflite)
    start = partial(_embed_with, settings.features, settings.tflite)
    return _rows_of(crops, name, facts, start, workers, progress)


def frozen_layers(crops: Crops, settings: NetworkConfig, *, progress: bool = True) -> Stacked:
    """What the frozen layers of the configured network give of every crop and its mirror image.

    Args:
        crops: the crops.
        settings: of the network.
        progress: show a bar on stderr.

    Returns:
        float16 (N, 2, ...).

    Raises:
        ConfigError: values beyond float16's.
    """
    facts = (settings.backbone, settings.weights, settings.frozen)
    start = partial(_layers_of, settings, crops.images.shape[1:])
    return _rows_of(crops, "frozen-layers", facts, start, 1, progress)


def _rows_of(
    crops: Crops,
    name: str,
    facts: tuple[object, ...],
    start: Callable[[], _Compute],
    workers: int,
    progress: bool,
) -> Stacked:
    """Computes the parts that are not there, and reads all of them."""
    files, jobs = [], []
    for store in crops.stores:
        folder = _kept(store, name, *facts)
        folder.mkdir(exist_ok=True)
        for first in range(0, len(store.rows), _PART):
            file, last = folder / f"{first:07d}.npy", min(first + _PART, len(store.rows))
            files.append(file)
            if not file.is_file():
                jobs.append((file, store.folder, first, last))
    if jobs:
        total, what = sum(last - first for *_, first, last in jobs), name.replace("-", " ")
        with tqdm(total=total, desc=what, unit="image", disable=not progress) as bar:
            for done in run_jobs(jobs, _make_part, start, (), workers):
                bar.update(done)
    return Stacked([np.load(file, mmap_mode="r") for file in files])


def _make_part(compute: _Compute, job: tuple[Path, Path, int, int]) -> int:
    file, folder, first, last = job
    rows = compute(folder, first, last)
    with write_whole(file) as unfinished, unfinished.open("wb") as stream:
        np.save(stream, rows)
    return len(rows)


def _embed_with(features: str, tflite: str) -> _Compute:
    network: Network = FaceEmbedder() if features == "dlib" else MobileFaceNet(tflite)

    def compute(folder: Path, first: int, last: int) -> np.ndarray:
        images = np.load(folder / CROPS_NAME, mmap_mode="r")[first:last]
        points = np.load(folder / LANDMARKS_NAME)[first:last]
        found = [
            network.embed(np.ascontiguousarray(image), landmarks)
            for image, landmarks in zip(images, points, strict=True)
        ]
        return normalised(np.stack(found))

    return compute


def _layers_of(settings: NetworkConfig, shape: tuple[int, ...]) -> _Compute:
    frozen = build_parts(settings, shape)[0]
    give = tf.function(
        lambda crops: frozen(tensor_to_signed(crops), training=False),
        input_signature=[tf.TensorSpec((None, *shape), tf.uint8)],
    )

    def compute(folder: Path, first: int, last: int) -> np.ndarray:
        images = np.load(folder / CROPS_NAME, mmap_mode="r")
        found = np.empty((last - first, 2, *frozen.output_shape[1:]), np.float16)
        for begin in range(first, last, _BATCH):
            seen = np.ascontiguousarray(images[begin : min(begin + _BATCH, last)])
            for side, views in enumerate((seen, np.ascontiguousarray(seen[:, :, ::-1]))):
                with np.errstate(over="ignore"):
                    rows = np.asarray(give(tf.constant(views))).astype(np.float16)
                found[begin - first : begin - first + len(rows), side] = rows
        if not np.isfinite(found).all():
            raise ConfigError(
                f"network.frozen = {settings.frozen:g}: the layers give values beyond float16's;"
                " expected another share, or 0"
            )
        return found

    return compute


def _kept(store: Store, name: str, *network: object) -> Path:
    """The folder of a store's features, named after crops, the network's settings and files."""
    facts = [store.mark, *map(repr, network)]
    for one in network:
        if isinstance(one, str) and Path(one).is_file():
            facts.append(hashlib.sha256(Path(one).read_bytes()).hexdigest())
    mark = hashlib.sha256("\0".join(facts).encode()).hexdigest()
    return store.folder / f"{name}-{mark[:12]}"
