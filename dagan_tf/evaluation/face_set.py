"""Faces with their people and what networks say of them: what is held against another set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dagan_tf.evaluation.features import FEATURES


@dataclass(frozen=True, eq=False)
class FaceSet:
    """Faces in the canonical frame.

    Attributes:
        images: (N, S, S, 3) uint8 RGB.
        people: (N,) str, who each is.
        embeddings: From a network's name to its (N, D) embeddings.
    """

    images: np.ndarray
    people: np.ndarray
    embeddings: Mapping[str, np.ndarray]

    def __post_init__(self) -> None:
        lengths = {len(self.images), len(self.people)} | {len(e) for e in self.embeddings.values()}
        if len(lengths) != 1:
            raise ValueError(f"images, people and embeddings have lengths {sorted(lengths)}")

    def of(self, people: Sequence[str] | np.ndarray) -> "FaceSet":
        """Returns the faces of these people."""
        return self.rows(np.isin(self.people, people))

    def rows(self, keep: np.ndarray) -> "FaceSet":
        """Returns the faces that `keep`, a mask or row numbers, selects."""
        embeddings = {name: values[keep] for name, values in self.embeddings.items()}
        return FaceSet(self.images[keep], self.people[keep], embeddings)

    def features(self, space: str) -> np.ndarray:
        """Returns (N, D) features: embeddings by their network's name, or a space of `FEATURES`."""
        return self.embeddings[space] if space in self.embeddings else FEATURES[space](self.images)
