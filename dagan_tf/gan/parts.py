"""A batch worked through in parts, one after the other: their sum is what the whole would give."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf


class Part(NamedTuple):
    """What a part of a batch gives.

    Attributes:
        values: to report, by name; scalars.
        gradients: by network, each as its trainable variables are.
    """

    values: dict[str, tf.Tensor]
    gradients: dict[str, list[tf.Tensor]]


def part_of(
    batch: dict[str, tf.Tensor], index: int | tf.Tensor, parts: int
) -> dict[str, tf.Tensor]:
    """A part of a batch.

    Args:
        batch: tensors whose first axis is the batch's, of a size that `parts` divides.
        index: which part, from 0.
        parts: how many there are.

    Returns:
        The same tensors' rows of that part.
    """
    if parts == 1:
        return batch
    sliced = {}
    for name, value in batch.items():
        size = value.shape[0] // parts
        sliced[name] = tf.ensure_shape(
            value[index * size : (index + 1) * size], (size, *value.shape[1:])
        )
    return sliced


def sum_of_parts(part: Callable[[tf.Tensor], Part], count: int) -> Part:
    """Adds up what the parts give.

    Args:
        part: works out the part of a number.
        count: how many there are.
    """
    # A loop in the graph, so that a part's activations are gone before the next part begins.
    _, total = tf.while_loop(
        lambda index, _: index < count,
        lambda index, total: (index + 1, tf.nest.map_structure(tf.add, total, part(index))),
        (tf.constant(1), part(tf.constant(0))),
        parallel_iterations=1,
    )
    return total
