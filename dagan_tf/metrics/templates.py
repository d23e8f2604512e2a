"""From features of faces to features of templates to scores of pairs, for a whole set at once."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from dagan_tf.errors import DaganError

_BLOCK = 1024
# A pair's own dot product costs about this many times its share of a matrix product.
_GATHER_COST = 40


def media_means(
    features: np.ndarray,
    face: np.ndarray,
    media: np.ndarray,
    media_template: np.ndarray,
    *,
    advance: Callable[[int], object] = lambda rows: None,
) -> np.ndarray:
    """Mean over each media's faces, then over a template's media, scaled to length 1.

    A video counts as much as a still. The length-1 sum over media of insightface's evaluation is
    the same vector.

    Args:
        features: (F, D) of all faces.
        face: (R,) int, row of `features` that each template row shows.
        media: (R,) int, media group of each row, 0..M-1.
        media_template: (M,) int, template of each media group, 0..T-1; none left out.
        advance: Called with the number of template rows done, for a progress bar.

    Returns:
        (T, D) float32, each row of length 1.

    Raises:
        DaganError: A feature that isn't finite, an empty media group or template, a zero mean.
    """
    check_finite(features)
    sums = _group_sums(features, face, media, len(media_template), advance)
    counts = np.bincount(media, minlength=len(media_template))
    _check_filled(counts, "media group")
    sums /= counts[:, None]
    templates = int(media_template.max()) + 1
    _check_filled(np.bincount(media_template, minlength=templates), "template")
    rows = np.arange(len(media_template))
    pooled = _group_sums(sums, rows, media_template, templates, lambda rows: None)
    return normalised(pooled)


def pair_scores(
    templates: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    *,
    advance: Callable[[int], object] = lambda pairs: None,
) -> np.ndarray:
    """Dot products of pairs of rows: cosines where the rows have length 1.

    Where a template takes part in many pairs its products with all templates are made at once,
    which is far faster than pair by pair; the result differs by rounding only.

    Args:
        templates: (T, D) features.
        first: (N,) int rows.
        second: (N,) int rows.
        advance: Called with the number of pairs done, for a progress bar.

    Returns:
        (N,) float32.

    Raises:
        DaganError: A feature that isn't finite, or a row that does not exist.
    """
    check_finite(templates)
    templates = np.asarray(templates, dtype=np.float32)
    first, second = np.asarray(first), np.asarray(second)
    for name, rows in (("first", first), ("second", second)):
        if len(rows) and (rows.min() < 0 or rows.max() >= len(templates)):
            raise DaganError(f"{name} names a row outside the {len(templates)} templates")
    scores = np.empty(len(first), dtype=np.float32)
    order = np.argsort(first, kind="stable")
    edges = np.searchsorted(first, np.arange(0, len(templates) + _BLOCK, _BLOCK), sorter=order)
    for block, (start, stop) in enumerate(pairwise(edges)):
        chosen = order[start:stop]
        if not len(chosen):
            continue
        low = block * _BLOCK
        left, right = first[chosen] - low, second[chosen]
        rows = templates[low : low + _BLOCK]
        if len(chosen) * _GATHER_COST < len(rows) * len(templates):
            for part in range(0, len(chosen), 16384):
                piece = slice(part, part + 16384)
                scores[chosen[piece]] = np.einsum(
                    "nd,nd->n", rows[left[piece]], templates[right[piece]]
                )
        else:
            scores[chosen] = (rows @ templates.T)[left, right]
        advance(len(chosen))
    return scores


def normalised(features: np.ndarray) -> np.ndarray:
    """Rows scaled to length 1, (N, D) float32; a row of zeros is refused by its number."""
    features = np.asarray(features, dtype=np.float32)
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    if not lengths.all():
        raise DaganError(f"features of row {int(np.flatnonzero(lengths[:, 0] == 0)[0])} are all 0")
    return features / lengths


def check_finite(features: np.ndarray) -> None:
    """Refuses (N, D) features with NaN or infinite values, naming the first such row."""
    if features.ndim != 2:
        raise DaganError(f"features have shape {features.shape}; expected (N, D)")
    for start in range(0, len(features), 65536):
        bad = ~np.isfinite(features[start : start + 65536]).all(axis=1)
        if bad.any():
            row = start + int(np.flatnonzero(bad)[0])
            raise DaganError(f"features of row {row} hold values that are not finite")


def _group_sums(
    features: np.ndarray,
    rows: np.ndarray,
    groups: np.ndarray,
    count: int,
    advance: Callable[[int], object],
) -> np.ndarray:
    """(count, D) float32 sums of features[rows] by group, in chunks of whole groups."""
    order = np.argsort(groups, kind="stable")
    edges = np.searchsorted(groups, np.arange(count + 1), sorter=order)
    sums = np.zeros((count, features.shape[1]), dtype=np.float32)
    for low in range(0, count, 4096):
        high = min(low + 4096, count)
        chosen = order[edges[low] : edges[high]]
        filled = low + np.flatnonzero(np.diff(edges[low : high + 1]))
        if len(filled):
            sums[filled] = np.add.reduceat(
                features[rows[chosen]], edges[filled] - edges[low], axis=0
            )
        advance(len(chosen))
    return sums


def _check_filled(counts: np.ndarray, name: str) -> None:
    if not counts.all():
        raise DaganError(f"{name} {int(np.flatnonzero(counts == 0)[0])} is empty")
