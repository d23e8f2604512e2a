"""A linear head on frozen features: directions in which photos of one person differ are shrunk.

Linear discriminant analysis with a shrunk within-class covariance (Hatch et al. 2006, WCCN, for
speakers): with few people it is as much of a head as frozen features can bear. What it is shown of
a person, real, simulated or refined, decides which differences it learns to overlook: yaw, if there
are views of one person at many yaws.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dagan_tf.errors import DaganError
from dagan_tf.metrics.templates import check_finite


@dataclass(frozen=True, eq=False)
class LinearHead:
    """A trained head.

    Attributes:
        mean: (D,) float64, taken off features first.
        projection: (D, K) float64.
    """

    mean: np.ndarray
    projection: np.ndarray

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """(N, D) features to (N, K) float32 of length 1; their dot products are the scores."""
        projected = (features - self.mean) @ self.projection
        lengths = np.linalg.norm(projected, axis=1, keepdims=True)
        return (projected / np.maximum(lengths, 1e-12)).astype(np.float32)


def train_linear_head(
    features: np.ndarray,
    people: Sequence[str] | np.ndarray,
    *,
    shrinkage: float = 0.3,
    dimensions: int = 40,
) -> LinearHead:
    """Trains the head.

    Args:
        features: (N, D).
        people: (N,) whom each shows.
        shrinkage: in (0, 1]; how far the within-person covariance is drawn to a multiple of one.
        dimensions: K, at most D; those that tell people apart best.

    Returns:
        The head.

    Raises:
        DaganError: features that are not finite, fewer than 2 people, nobody with 2 features, or
            a setting out of range.
    """
    check_finite(features)
    people = np.asarray(people)
    if people.shape != (len(features),):
        raise DaganError(f"people has shape {people.shape}; expected ({len(features)},)")
    if not 0.0 < shrinkage <= 1.0:
        raise DaganError(f"shrinkage: got {shrinkage}, expected a share in (0, 1]")
    if not 1 <= dimensions <= features.shape[1]:
        raise DaganError(f"dimensions: got {dimensions}, expected 1 to {features.shape[1]}")
    names, place, counts = np.unique(people, return_inverse=True, return_counts=True)
    if len(names) < 2 or counts.max() < 2:
        raise DaganError(
            f"{len(names)} people with at most {counts.max(initial=0)} features each; expected 2 "
            "people or more, and 2 features or more of some"
        )
    rows = features.astype(np.float64)
    means = np.zeros((len(names), rows.shape[1]))
    np.add.at(means, place, rows)
    means /= counts[:, None]
    spread = rows - means[place]
    within = spread.T @ spread / len(rows)
    even = np.trace(within) / len(within)
    within = (1.0 - shrinkage) * within + shrinkage * even * np.eye(len(within))
    values, vectors = np.linalg.eigh(within)
    whiten = vectors / np.sqrt(values)
    offset = means.mean(axis=0)
    _, _, directions = np.linalg.svd((means - offset) @ whiten, full_matrices=True)
    return LinearHead(offset, whiten @ directions[:dimensions].T)
