"""dlib's face recognition ResNet (King, 2017) in TensorFlow operations, which have gradients."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from dagan_tf.core.pixels import signed_levels
from dagan_tf.embedders.dlib_weights import read_layers
from dagan_tf.errors import DaganError
from dagan_tf.faces.weights import FACE_EMBEDDING, weight_path

EMBEDDING_SIZE = 128
# What dlib's `input_rgb_image` takes off red, green and blue.
_MEAN_COLOUR = (122.782, 117.001, 104.298)
# Of the residual blocks: channels, and whether the block halves the sides.
_BLOCKS = (
    *[(32, False)] * 3,
    *[(64, True), (64, False), (64, False), (64, False)],
    *[(128, True), (128, False), (128, False)],
    *[(256, True), (256, False), (256, False), (256, True)],
)


class FaceEmbedding:
    """Says who a face is in 128 numbers, differentiably: the network of `embedders.dlib_resnet`.

    The weights (public domain) come from the package face-recognition-models. They are constants:
    no variables, nothing to train or to save.
    """

    def __init__(self) -> None:
        """Raises: DaganError: the weights are not installed, or are those of another network."""
        path = weight_path(FACE_EMBEDDING)
        layers = read_layers(path)
        try:
            self._stem = _convolution(layers, 7, 3, 32)
            self._blocks = []
            inputs = 32
            for outputs, _ in _BLOCKS:
                first = _convolution(layers, 3, inputs, outputs)
                self._blocks.append((first, _convolution(layers, 3, outputs, outputs)))
                inputs = outputs
            self._dense = _parameters(layers, "fc").reshape(inputs, EMBEDDING_SIZE)
        except (StopIteration, ValueError):
            raise DaganError(f"{str(path)!r}: not dlib's face recognition network") from None

    def __call__(self, chips: tf.Tensor) -> tf.Tensor:
        """Embeds faces.

        Args:
            chips: float32 (N, 150, 150, 3) RGB in [-1, 1], framed as dlib frames them.

        Returns:
            float32 (N, 128); two of one person lie less than 0.6 apart.
        """
        last = self.activations(chips)[-1]
        return tf.linalg.matmul(tf.reduce_mean(last, axis=(1, 2)), self._dense)

    def activations(self, images: tf.Tensor, blocks: int = len(_BLOCKS)) -> list[tf.Tensor]:
        """What its layers see.

        Args:
            images: float32 (N, H, W, 3) RGB in [-1, 1], large enough for the blocks.
            blocks: how many to run, at most 14.

        Returns:
            float32 (N, h, w, C) each: after the first convolution, then after each block.
        """
        x = (signed_levels(images) - tf.constant(_MEAN_COLOUR)) / 256.0
        x = tf.nn.relu(_convolved(x, self._stem, 2, "VALID"))
        found = [x]
        x = tf.nn.max_pool2d(x, 3, 2, "VALID")
        for (_, halves), (first, second) in list(zip(_BLOCKS, self._blocks, strict=True))[:blocks]:
            new = tf.nn.relu(_convolved(x, first, *((2, "VALID") if halves else (1, "SAME"))))
            new = _convolved(new, second, 1, "SAME")
            if halves:
                x = tf.nn.avg_pool2d(x, 2, 2, "VALID")
            shape = [max(a, b) for a, b in zip(x.shape[1:], new.shape[1:], strict=True)]
            x = tf.nn.relu(_filled(x, shape) + _filled(new, shape))
            found.append(x)
        return found


def _parameters(layers: Iterator[tuple[str, np.ndarray]], kind: str) -> np.ndarray:
    found, values = next(layers)
    if found != kind:
        raise ValueError(found)
    return values


def _convolution(
    layers: Iterator[tuple[str, np.ndarray]], side: int, inputs: int, outputs: int
) -> tuple[np.ndarray, np.ndarray]:
    """Kernel and bias of a convolution and the affine layer that follows, in one."""
    values = _parameters(layers, "con")
    scale, shift = np.split(_parameters(layers, "affine"), 2)
    kernel = values[:-outputs].reshape(outputs, inputs, side, side).transpose(2, 3, 1, 0)
    return kernel * scale, values[-outputs:] * scale + shift


def _convolved(x: tf.Tensor, layer: tuple[Any, Any], stride: int, padding: str) -> tf.Tensor:
    kernel, bias = layer
    return tf.nn.conv2d(x, kernel, stride, padding) + bias


def _filled(x: tf.Tensor, shape: list[int]) -> tf.Tensor:
    """Adds zeros at the ends, as dlib does where it adds tensors of two shapes."""
    ends = [[0, wanted - has] for wanted, has in zip(shape, x.shape[1:], strict=True)]
    return tf.pad(x, [[0, 0], *ends]) if any(end for _, end in ends) else x
