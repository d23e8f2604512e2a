"""Asks an exported model for its answers to test images, in a process that has only TensorFlow.

`bless` runs this file's text in a new Python, where nothing of the trained model is left
that could answer in the export's place; hence no import from this package here.
"""

import sys
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

# What each probe goes to.
SIGNATURES = {
    "pixels": "serving_default",
    "odd": "serving_default",
    "floats": "float",
    "png": "encoded",
}


def answers(folder: str, probes: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Loads a SavedModel and calls its signatures.

    Args:
        folder: Of the SavedModel.
        probes: `pixels` and `odd` uint8 (N, H, W, 3), `floats` float32 (N, H, W, 3), `png` uint8
            (bytes,): the bytes of one PNG file.

    Returns:
        What it made of each: `pixels`, `odd`, `floats`, and `png` decoded to uint8 (H, W, 3).
    """
    model = tf.saved_model.load(folder)
    signatures = model.signatures
    plain, encoded = signatures["serving_default"], signatures["encoded"]
    png = tf.constant([probes["png"].tobytes()])
    return {
        "pixels": plain(images=tf.constant(probes["pixels"]))["refined"].numpy(),
        "odd": plain(images=tf.constant(probes["odd"]))["refined"].numpy(),
        "floats": signatures["float"](images=tf.constant(probes["floats"]))["refined"].numpy(),
        "png": tf.io.decode_png(encoded(image_bytes=png)["refined_bytes"][0]).numpy(),
    }


if __name__ == "__main__":
    with np.load(sys.argv[2]) as asked:
        np.savez(sys.argv[3], **answers(sys.argv[1], asked))  # type: ignore[arg-type]
