"""Frozen features of aligned crops, computed once and kept beside them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

import numpy as np
from tqdm import tqdm

from dagan_tf.embedders.dlib_resnet import FaceEmbedder
from dagan_tf.embedders.mobilefacenet import MobileFaceNet
from dagan_tf.recognition.config import CropConfig
from dagan_tf.recognition.crops import Crops


class Network(Protocol):
    """What embeds a crop by its landmarks."""

    def embed(self, photo: np.ndarray, landmarks: np.ndarray) -> np.ndarray: ...


def frozen_features(
    crops: Crops, folder: str | os.PathLike[str], settings: CropConfig, *, progress: bool = True
) -> np.ndarray:
    """Features of every crop.

    Args:
        crops: the crops.
        folder: theirs; the features are kept there.
        settings: which network.
        progress: show a bar on stderr.

    Returns:
        (N, D) float32 of length 1.
    """
    file = Path(folder) / f"features-{settings.features}.npy"
    newest = (Path(folder) / "crops.npy").stat().st_mtime_ns
    if file.is_file() and file.stat().st_mtime_ns >= newest:
        kept = np.load(file)
        if len(kept) == len(crops.rows):
            return kept
    network: Network = (
        FaceEmbedder() if settings.features == "dlib" else MobileFaceNet(settings.tflite)
    )
    found = [
        network.embed(np.ascontiguousarray(image), points)
        for image, points in tqdm(
            zip(crops.images, crops.landmarks, strict=True),
            desc=settings.features,
            unit="image",
            total=len(crops.rows),
            disable=not progress,
        )
    ]
    features = np.stack(found).astype(np.float32)
    features /= np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    partial = file.with_name(f".{file.name}")
    np.save(partial, features)
    os.replace(partial, file)
    return features
