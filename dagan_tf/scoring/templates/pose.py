"""Methods that sort a template's faces by pose: pooling faces, and one network a range of yaw."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dagan_tf.core.pixels import from_levels
from dagan_tf.errors import DaganError
from dagan_tf.metrics.templates import check_finite, normalised
from dagan_tf.protocols.protocol import Templates

# Frontal, half profile, profile; lower edges of |yaw| in degrees. Ours.
YAW_EDGES = (0.0, 30.0, 60.0)


@dataclass(frozen=True, eq=False)
class PooledFaces:
    """Mean images, each of the faces of one template in one bin.

    Attributes:
        images: (B, H, W, 3) uint8.
        owner: (B,) int, the template of each; score them by `fusion.softmax_scores`.
        counts: (B,) int, faces in each.
    """

    images: np.ndarray
    owner: np.ndarray
    counts: np.ndarray


def pool_faces(
    images: np.ndarray,
    templates: Templates,
    yaw: np.ndarray,
    quality: np.ndarray | None = None,
    *,
    yaw_edges: Sequence[float] = YAW_EDGES,
    quality_edges: Sequence[float] = (),
) -> PooledFaces:
    """Averages the aligned images of a template in each bin of |yaw| and quality.

    Pooling faces (Hassner et al., CVPR workshops 2016): the network then reads one image a bin
    instead of one a face. The paper aligns in 3D; how the images here are aligned is the caller's
    choice. The edges are ours.

    Args:
        images: (F, H, W, 3) uint8, aligned alike, of all faces.
        templates: The templates.
        yaw: (F,) degrees.
        quality: (F,) larger = better, if bins of quality are wanted.
        yaw_edges: Rising lower edges of the bins of |yaw|, the first 0.
        quality_edges: Rising edges between bins of quality; none = one bin.

    Returns:
        One image a bin that is not empty, by template, then bin.

    Raises:
        DaganError: A yaw or quality that is not a number, or lengths that differ.
    """
    bins = _routes(yaw, yaw_edges, len(images))
    if quality_edges:
        if quality is None or len(quality) != len(images) or not np.isfinite(quality).all():
            raise DaganError(f"quality: expected {len(images)} finite numbers, one a face")
        bins = bins * (len(quality_edges) + 1) + np.searchsorted(quality_edges, quality, "right")
    keys = np.stack([templates.media_template[templates.media], bins[templates.face]], axis=1)
    found, place, counts = np.unique(keys, axis=0, return_inverse=True, return_counts=True)
    sums = np.zeros((len(found), *images.shape[1:]))
    np.add.at(sums, place.ravel(), images[templates.face])
    means = sums / counts[:, None, None, None]
    return PooledFaces(from_levels(means), found[:, 0], counts)


def pose_routed_scores(
    features: Sequence[np.ndarray],
    templates: Templates,
    yaw: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    *,
    yaw_edges: Sequence[float] = YAW_EDGES,
) -> np.ndarray:
    """One network a range of |yaw|; a pair's score is the mean over ranges that both have.

    After pose-aware models (Masi et al., CVPR 2016; AbdAlmageed et al., WACV 2016): a face goes to
    the network of its pose. Where two templates have no range in common, all networks judge the
    mean of all faces.

    Args:
        features: One (F, D) a range, by that range's network of all faces; the same one repeated
            where there is but one network.
        templates: The templates.
        yaw: (F,) degrees.
        first: (N,) int templates.
        second: (N,) int templates.
        yaw_edges: Rising lower edges of |yaw|, the first 0.

    Returns:
        (N,) float32 in [-1, 1].

    Raises:
        DaganError: A number of networks other than that of ranges, or a yaw that is not a number.
    """
    if len(features) != len(yaw_edges):
        raise DaganError(f"{len(features)} networks for {len(yaw_edges)} ranges of yaw")
    route = _routes(yaw, yaw_edges, len(features[0]))[templates.face]
    owner = templates.media_template[templates.media]
    total, common = np.zeros(len(first)), np.zeros(len(first))
    anyway = np.zeros(len(first))
    for number, network in enumerate(features):
        check_finite(network)
        rows = normalised(network).astype(np.float64)[templates.face]
        inside = route == number
        there = np.bincount(owner[inside], minlength=len(templates)) > 0
        both = there[first] & there[second]
        for use, weight, into in (
            (inside, both, total),
            (np.ones(len(owner), bool), np.ones(len(first)), anyway),
        ):
            sums = np.zeros((len(templates), rows.shape[1]))
            np.add.at(sums, owner[use], rows[use])
            vectors = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
            into += weight * (vectors[first] * vectors[second]).sum(axis=1)
        common += both
    scores = np.where(common > 0, total / np.maximum(common, 1), anyway / len(features))
    return scores.astype(np.float32)


def _routes(yaw: np.ndarray, edges: Sequence[float], count: int) -> np.ndarray:
    """(F,) int, the range of |yaw| each face is in."""
    if len(yaw) != count or not np.isfinite(yaw).all():
        raise DaganError(f"yaw: expected {count} finite numbers of degrees, one a face")
    if not len(edges) or edges[0] != 0 or (np.diff(edges) <= 0).any():
        raise DaganError(f"yaw_edges are {list(edges)}; expected rising numbers from 0 on")
    return np.searchsorted(edges, np.abs(yaw), side="right") - 1
