"""Is a simulated or refined face still the same person?

All measures return one value a face; the caller averages (and can resample people). The
embeddings come from a network that took no part in training.
"""

from collections.abc import Sequence

import numpy as np


def paired_distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Euclidean distance of each pair of rows.

    Args:
        first: (N, D) embeddings.
        second: (N, D) embeddings of the same people in the same order.

    Returns:
        (N,) float64; for dlib's 128-D embedding, 0.6 is its authors' same-person threshold.
    """
    first, second = _check_pairs(first, second)
    return np.linalg.norm(first - second, axis=1)


def paired_cosines(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Cosine of each pair of rows, (N,) float64 in [-1, 1]; arguments as `paired_distances`."""
    first, second = _check_pairs(first, second)
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return (first * second).sum(axis=1) / np.maximum(lengths, 1e-12)


def identity_margins(
    probes: np.ndarray,
    probe_people: Sequence[str] | np.ndarray,
    gallery: np.ndarray,
    gallery_people: Sequence[str] | np.ndarray,
) -> np.ndarray:
    """How much nearer each probe is to its own person than to anybody else.

    Distance to the nearest photo of another person minus distance to the nearest photo of the
    probe's person. The share above 0 is the rank-1 rate; the share at or below 0 is the share of
    faces that have become somebody else, for a gallery that holds the training people.

    Args:
        probes: (N, D) embeddings.
        probe_people: (N,) people; each has to be in the gallery.
        gallery: (M, D) embeddings.
        gallery_people: (M,) people.

    Returns:
        (N,) float64, in units of the embedding.

    Raises:
        ValueError: A probe's person is not in the gallery, or nobody else is.
    """
    probe_people, gallery_people = np.asarray(probe_people), np.asarray(gallery_people)
    missing = np.setdiff1d(probe_people, gallery_people)
    if len(missing):
        raise ValueError(f"person {str(missing[0])!r} is among the probes but not in the gallery")
    same = probe_people[:, None] == gallery_people[None, :]
    if same.all(axis=1).any():
        raise ValueError("the gallery holds one person only; expected others to tell apart")
    distances = distance_matrix(probes, gallery)
    own = np.where(same, distances, np.inf).min(axis=1)
    other = np.where(same, np.inf, distances).min(axis=1)
    return other - own


def rank1(
    probes: np.ndarray,
    probe_people: Sequence[str] | np.ndarray,
    gallery: np.ndarray,
    gallery_people: Sequence[str] | np.ndarray,
) -> np.ndarray:
    """Whether each probe's nearest gallery photo shows its own person; a tie is a miss.

    Arguments as `identity_margins`; returns (N,) bool, whose mean is the rank-1 rate.
    """
    return identity_margins(probes, probe_people, gallery, gallery_people) > 0


def distance_matrix(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Euclidean distances between all rows: (N, D) and (M, D) -> (N, M) float64."""
    first = np.asarray(first, dtype=np.float64)
    second = np.asarray(second, dtype=np.float64)
    if first.ndim != 2 or second.ndim != 2 or first.shape[1] != second.shape[1]:
        raise ValueError(f"embeddings of shapes {first.shape} and {second.shape}; expected (N, D)")
    # By differences, not by |a|² + |b|² - 2ab, which loses the small distances to cancellation.
    return np.stack([np.linalg.norm(second - row, axis=1) for row in first])


def _check_pairs(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    first, second = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if first.ndim != 2 or first.shape != second.shape:
        raise ValueError(f"shapes are {first.shape} and {second.shape}; expected (N, D) twice")
    return first, second
