"""Neural aggregation (Yang et al., CVPR 2017): a template's vector is a learned mean of its faces.

Attention a = softmax(q . f_k) gives r0 = Σ a_k f_k; a second attention with q1 = tanh(W r0 + b)
gives the vector. It stays in the faces' convex hull and does not depend on their order. q, W, b are
learned on frozen features with a linear classifier of the training people on top, which is thrown
away afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dagan_tf.errors import DaganError
from dagan_tf.metrics.templates import check_finite, normalised
from dagan_tf.protocols.protocol import Templates
from dagan_tf.scoring.templates.drawing import Groups
from dagan_tf.scoring.templates.fusion import grouped


@dataclass(frozen=True, eq=False)
class Aggregator:
    """Two attention blocks.

    Attributes:
        query: (D,) float64 q.
        weights: (D, D) float64 W.
        bias: (D,) float64 b.
    """

    query: np.ndarray
    weights: np.ndarray
    bias: np.ndarray

    def __call__(self, faces: np.ndarray) -> np.ndarray:
        """(..., K, D) faces of a template each to its (..., D) vector."""
        return _forward(self, faces)[-1]

    def templates(self, features: np.ndarray, templates: Templates) -> np.ndarray:
        """(F, D) features of faces to (T, D) float32 of templates, of length 1 each."""
        check_finite(features)
        rows = normalised(features).astype(np.float64)
        owner = templates.media_template[templates.media]
        members = grouped(owner)
        vectors = [self(rows[templates.face[members[row]]]) for row in range(len(templates))]
        return normalised(np.stack(vectors))


def train_aggregator(
    features: np.ndarray,
    people: Sequence[str] | np.ndarray,
    *,
    faces: int = 8,
    steps: int = 500,
    batch: int = 32,
    rate: float = 0.003,
    seed: int = 0,
) -> Aggregator:
    """Trains the attention by classifying templates drawn from the training people.

    Args:
        features: (N, D), scaled to length 1 here.
        people: (N,) whom each shows.
        faces: Faces a drawn template, with repeats.
        steps: Of Adam.
        batch: Templates a step.
        rate: Of learning. Faces, steps, batch and rate are ours.
        seed: Of the draws.

    Returns:
        The aggregator; begun as the plain mean.

    Raises:
        DaganError: Features that are not finite or fewer than 2 people.
    """
    check_finite(features)
    names, person = np.unique(np.asarray(people), return_inverse=True)
    if person.shape != (len(features),) or len(names) < 2:
        raise DaganError(f"{len(names)} people of {len(features)} faces; expected 2 or more people")
    rows = normalised(features).astype(np.float64)
    width = rows.shape[1]
    groups = Groups(person)
    sums = np.zeros((len(names), width))
    np.add.at(sums, person, rows)
    # A classifier that knows the people's means leaves the attention to be learned.
    classifier = 16.0 * sums / groups.counts[:, None]
    values = [np.zeros(width), np.zeros((width, width)), np.zeros(width), classifier]
    first = [np.zeros_like(value) for value in values]
    second = [np.zeros_like(value) for value in values]
    rng = np.random.default_rng(seed)
    for step in range(1, steps + 1):
        chosen = rng.integers(len(names), size=batch)
        drawn = groups.members(rng, chosen, faces)
        _, gradients = classification(Aggregator(*values[:3]), values[3], rows[drawn], chosen)
        for place, gradient in enumerate(gradients):
            first[place] = 0.9 * first[place] + 0.1 * gradient
            second[place] = 0.999 * second[place] + 0.001 * gradient**2
            mean, square = first[place] / (1 - 0.9**step), second[place] / (1 - 0.999**step)
            values[place] = values[place] - rate * mean / (np.sqrt(square) + 1e-8)
    return Aggregator(*values[:3])


def classification(
    aggregator: Aggregator, classifier: np.ndarray, faces: np.ndarray, person: np.ndarray
) -> tuple[float, tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Mean cross entropy of B templates and its gradients by q, W, b and the classifier.

    Args:
        aggregator: q, W and b.
        classifier: (P, D), logits are classifier . vector.
        faces: (B, K, D).
        person: (B,) int.
    """
    attention0, mean0, query1, attention1, vector = _forward(aggregator, faces)
    logits = vector @ classifier.T
    logits -= logits.max(axis=1, keepdims=True)
    shares = np.exp(logits)
    shares /= shares.sum(axis=1, keepdims=True)
    places = np.arange(len(person))
    loss = float(-np.log(shares[places, person]).mean())
    shares[places, person] -= 1.0
    shares /= len(person)
    by_classifier = shares.T @ vector
    by_query1 = _attention_gradient(attention1, faces, shares @ classifier)
    by_inner = by_query1 * (1.0 - query1**2)
    by_weights = by_inner.T @ mean0
    by_query = _attention_gradient(attention0, faces, by_inner @ aggregator.weights).sum(axis=0)
    return loss, (by_query, by_weights, by_inner.sum(axis=0), by_classifier)


def _forward(
    aggregator: Aggregator, faces: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    attention0 = _softmax(faces @ aggregator.query)
    mean0 = (attention0[..., None] * faces).sum(axis=-2)
    query1 = np.tanh(mean0 @ aggregator.weights.T + aggregator.bias)
    attention1 = _softmax((faces * query1[..., None, :]).sum(axis=-1))
    return attention0, mean0, query1, attention1, (attention1[..., None] * faces).sum(axis=-2)


def _attention_gradient(
    attention: np.ndarray, faces: np.ndarray, by_vector: np.ndarray
) -> np.ndarray:
    """(B, D) gradient by the query of each template, from that by the attention's mean."""
    by_attention = (faces @ by_vector[..., None])[..., 0]
    centred = by_attention - (attention * by_attention).sum(axis=-1, keepdims=True)
    return ((attention * centred)[..., None] * faces).sum(axis=-2)


def _softmax(values: np.ndarray) -> np.ndarray:
    weights = np.exp(values - values.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)
