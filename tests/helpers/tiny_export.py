"""A generator small enough for tests that still is no identity, and its export."""

import importlib.util
from pathlib import Path
from typing import Any

import keras
import numpy as np

from dagan_tf.config.settings import GeneratorConfig
from dagan_tf.export.write import export_generator
from dagan_tf.gan.generator import build_generator

IMAGE_SIZE = 24
STRIDE = 4
HAS_ONNX = all(importlib.util.find_spec(name) for name in ("tf2onnx", "onnxruntime"))


def tiny_generator(*, smooth: bool = False) -> keras.Model:
    """An untrained generator, always with the same weights.

    It refuses sides that STRIDE does not divide, and leaves [-1, 1] here and there.
    """
    config = GeneratorConfig(filters=4, blocks=1, input_skip=True, downsample=STRIDE, smooth=smooth)
    generator = build_generator(config)
    random = np.random.default_rng(0)
    generator.set_weights([random.normal(0, 0.15, w.shape) for w in generator.get_weights()])
    return generator


def export_tiny(base: str | Path, **arguments: Any) -> Any:
    """Exports `tiny_generator()` under `base`, a folder or URI; blessed here to save a start."""
    arguments = {"clean_process": False, **arguments}
    return export_generator(
        tiny_generator(), base, image_size=IMAGE_SIZE, stride=STRIDE, **arguments
    )
