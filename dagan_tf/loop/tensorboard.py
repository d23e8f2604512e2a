"""Scalars and images for TensorBoard, written without needing it installed."""

import os
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from dagan_tf.faces.photo_io import encode_png

_SCALAR, _BLOBS = 1, 3  # DataClass of TensorBoard's summary.proto


class EventWriter:
    """Appends to the event files of a folder; use it as a context manager."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        """Opens an event file.

        Args:
            folder: where the event files go.
        """
        self._writer = tf.summary.create_file_writer(str(folder))

    def __enter__(self) -> "EventWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """Writes one number a name."""
        with self._writer.as_default(step=step):
            for name, value in values.items():
                tf.summary.write(
                    name, tf.constant(value, tf.float32), metadata=_metadata("scalars", _SCALAR)
                )
        self._writer.flush()

    def image(self, name: str, image: np.ndarray, step: int) -> None:
        """Writes a picture, uint8 (H, W, 3)."""
        height, width = image.shape[:2]
        value = tf.constant([str(width).encode(), str(height).encode(), encode_png(image)])
        with self._writer.as_default(step=step):
            tf.summary.write(name, value, metadata=_metadata("images", _BLOBS))
        self._writer.flush()


def _metadata(plugin: str, data_class: int) -> tf.compat.v1.SummaryMetadata:
    metadata = tf.compat.v1.SummaryMetadata(data_class=data_class)
    metadata.plugin_data.plugin_name = plugin
    return metadata
