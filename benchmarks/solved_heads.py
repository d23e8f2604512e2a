"""Solved heads on features that are there, split by split: seconds for a whole experiment."""

from typing import TYPE_CHECKING

import numpy as np

from dagan_tf.protocols.protocol import Protocol
from dagan_tf.recognition.crops import Crops
from dagan_tf.recognition.linear_head import train_linear_head

if TYPE_CHECKING:
    from dagan_tf.recognition.systems import Run


def runs_of(
    name: str,
    values: np.ndarray,
    times: np.ndarray,
    crops: Crops,
    protocol: Protocol,
    *,
    shrinkage: float,
    dimensions: int,
) -> "list[Run]":
    """A head a split, solved on images of the people trained on.

    Args:
        name: of the system.
        values: (N, D) features, a row a row of `crops`.
        times: (N,) bool or int, how often each is shown; nobody who is tested is.
        crops: who and what each is.
        protocol: its splits name the people to train on.
        shrinkage: of `train_linear_head`.
        dimensions: likewise.
    """
    from dagan_tf.recognition.scores import compare, figures_of
    from dagan_tf.recognition.systems import Run, faces_of

    people = np.array([row.identity for row in crops.rows])
    faces = faces_of(protocol, crops)
    tested = values[[face for face in faces if face is not None]]
    runs = []
    for split in protocol.splits:
        allowed = np.isin(people, split.training_subjects)
        chosen = np.repeat(np.arange(len(people)), times * allowed)
        head = train_linear_head(
            values[chosen], people[chosen], shrinkage=shrinkage, dimensions=dimensions
        )
        figures = figures_of(split, compare(split, faces, head(tested)))
        runs.append(Run(name, split.name, 0, len(chosen), figures))
    return runs
