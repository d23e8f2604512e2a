"""Scores of two templates fused from the scores of all pairs of their media.

Media encodings are as in `metrics.templates.media_means`: the mean over a media's faces, scaled
to length 1 each, so that a media's score is a cosine.
"""

from collections.abc import Callable, Sequence

import numpy as np

from dagan_tf.errors import DaganError
from dagan_tf.metrics.templates import check_finite, media_means, normalised, pair_scores
from dagan_tf.protocols.protocol import Templates


def media_encodings(features: np.ndarray, templates: Templates) -> np.ndarray:
    """Mean over each media's faces, (M, D) float32 of length 1; errors as `media_means`.

    Args:
        features: (F, D) of all faces.
        templates: Whose M media are wanted.
    """
    alone = np.arange(len(templates.media_template))
    return media_means(features, templates.face, templates.media, alone)


def mean_scores(
    features: np.ndarray,
    templates: Templates,
    first: np.ndarray,
    second: np.ndarray,
    *,
    advance: Callable[[int], object] = lambda pairs: None,
) -> np.ndarray:
    """Cosine of the templates' media means, (N,) float32.

    Args:
        features: (F, D) of all faces.
        templates: The templates.
        first: (N,) int templates.
        second: (N,) int templates.
        advance: Called with the number of pairs done, for a progress bar.
    """
    means = media_means(features, templates.face, templates.media, templates.media_template)
    return pair_scores(means, first, second, advance=advance)


def softmax_scores(
    encodings: np.ndarray,
    owner: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    *,
    betas: Sequence[float] = (10.0,),
    advance: Callable[[int], object] = lambda pairs: None,
) -> np.ndarray:
    """Softmax-weighted mean of the cosines of all pairs of media.

    Σ s exp(βs) / Σ exp(βs), averaged over the betas: 0 is the mean of the scores, a large β their
    maximum (Masi et al. 2016, "Pose-aware face recognition in the wild", average β = 0..20; the
    IJB-A code of DA-GAN's authors takes 10).

    Args:
        encodings: (M, D) of media, any length.
        owner: (M,) int, the template of each.
        first: (N,) int templates.
        second: (N,) int templates.
        betas: One or more finite numbers.
        advance: Called with the number of pairs done, for a progress bar.

    Returns:
        (N,) float32 in [-1, 1].

    Raises:
        DaganError: A beta that is not finite, features that are not finite or all 0, or a template
            without media.
    """
    check_finite(encodings)
    rows, members = normalised(encodings), grouped(owner)
    scores = np.empty(len(first), dtype=np.float32)
    for place, (one, two) in enumerate(zip(first.tolist(), second.tolist(), strict=True)):
        if not (len(members.get(one, ())) and len(members.get(two, ()))):
            raise DaganError(f"pair {place} names template {one} or {two}, which has no media")
        scores[place] = fused(rows[members[one]] @ rows[members[two]].T, betas)
        advance(1)
    return scores


def fused(scores: np.ndarray, betas: Sequence[float]) -> float:
    """Softmax-weighted mean of scores of any shape, averaged over the betas."""
    if not len(betas) or not np.isfinite(betas).all():
        raise DaganError(f"betas are {list(betas)}; expected one or more finite numbers")
    flat = scores.astype(np.float64).ravel()
    weights = np.exp(np.outer(betas, flat) - np.max(np.outer(betas, flat), axis=1, keepdims=True))
    return float(np.mean((weights @ flat) / weights.sum(axis=1)))


def grouped(owner: np.ndarray) -> dict[int, np.ndarray]:
    """From each value of (M,) `owner` to the rows that have it, in order."""
    order = np.argsort(owner, kind="stable")
    values, starts = np.unique(owner[order], return_index=True)
    return dict(zip(values.tolist(), np.split(order, starts[1:]), strict=True))
