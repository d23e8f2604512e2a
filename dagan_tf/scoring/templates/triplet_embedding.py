"""Triplet probabilistic embedding (Sankaranarayanan et al., BTAS 2016): v -> W v, learned.

For an anchor i, a j of the same person and a k of another, the probability that i is nearer to j
is p = exp(s_ij) / (exp(s_ij) + exp(s_ik)) with s_ij = (W v_i) . (W v_j); W, begun by PCA, minimises
-log p by stochastic gradient descent over triplets whose k is the nearest of a few drawn.
"""

from collections.abc import Sequence

import numpy as np

from dagan_tf.errors import DaganError
from dagan_tf.metrics.templates import check_finite, normalised
from dagan_tf.scoring.templates.drawing import Groups


def train_triplet_embedding(
    features: np.ndarray,
    people: Sequence[str] | np.ndarray,
    *,
    dimensions: int = 128,
    steps: int = 2000,
    batch: int = 64,
    drawn: int = 32,
    rate: float = 0.01,
    seed: int = 0,
) -> np.ndarray:
    """Trains the embedding.

    Args:
        features: (N, D), scaled to length 1 here.
        people: (N,) whom each shows.
        dimensions: Rows of W; at most D and N.
        steps: Of gradient descent.
        batch: Triplets a step.
        drawn: Faces of others drawn a triplet, the most similar of which is the negative.
        rate: Of learning. Steps, batch, drawn and rate are ours; the paper's are not known.
        seed: Of the draws.

    Returns:
        W, (dimensions, D) float32; use it as `embedded(features, W)`.

    Raises:
        DaganError: Features that are not finite, fewer than 2 people, nobody with 2 faces, or
            dimensions out of range.
    """
    check_finite(features)
    _, person = np.unique(np.asarray(people), return_inverse=True)
    if person.shape != (len(features),):
        raise DaganError(f"people has shape {person.shape}; expected ({len(features)},)")
    groups = Groups(person)
    counts = groups.counts
    if len(counts) < 2 or counts.max() < 2:
        raise DaganError(f"{len(counts)} people with at most {counts.max(initial=0)} faces each")
    if not 1 <= dimensions <= min(features.shape):
        raise DaganError(f"dimensions: got {dimensions}, expected 1 to {min(features.shape)}")
    rows = normalised(features).astype(np.float64)
    weights = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)[2][:dimensions]
    rng = np.random.default_rng(seed)
    anchors = np.flatnonzero(counts[person] > 1)
    for _ in range(steps):
        anchor = rng.choice(anchors, batch)
        positive = groups.others(rng, anchor)
        candidates = rng.integers(len(rows), size=(batch, drawn))
        projected = rows @ weights.T
        similar = np.einsum("bd,bkd->bk", projected[anchor], projected[candidates])
        similar[person[candidates] == person[anchor][:, None]] = -np.inf
        hardest = similar.argmax(axis=1)
        usable = similar[np.arange(batch), hardest] > -np.inf
        negative = candidates[np.arange(batch), hardest]
        kept = [index[usable] for index in (anchor, positive, negative)]
        if usable.any():
            weights = weights - rate * triplet_gradient(weights, *(rows[index] for index in kept))
    return weights.astype(np.float32)


def embedded(features: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """W applied to features of length 1: (N, dimensions) float32 of length 1."""
    return normalised(normalised(features) @ weights.T)


def triplet_loss(
    weights: np.ndarray, anchor: np.ndarray, positive: np.ndarray, negative: np.ndarray
) -> np.ndarray:
    """-log p of each triplet.

    Args:
        weights: (K, D).
        anchor: (B, D).
        positive: (B, D) of the same people.
        negative: (B, D) of others.

    Returns:
        (B,) float64, at least 0; log 2 where both are equally similar.
    """
    apart = (anchor @ weights.T * ((positive - negative) @ weights.T)).sum(axis=1)
    return np.logaddexp(0.0, -apart)


def triplet_gradient(
    weights: np.ndarray, anchor: np.ndarray, positive: np.ndarray, negative: np.ndarray
) -> np.ndarray:
    """Gradient of the mean `triplet_loss` by the weights, (K, D); arguments likewise."""
    apart = positive - negative
    left, right = anchor @ weights.T, apart @ weights.T
    share = -np.exp(-np.logaddexp(0.0, (left * right).sum(axis=1)))[:, None] / len(anchor)
    return (share * left).T @ apart + (share * right).T @ anchor
