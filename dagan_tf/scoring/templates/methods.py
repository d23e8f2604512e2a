"""Template methods by name, trained where they need it on a split's training faces."""

from collections.abc import Callable

import numpy as np

from dagan_tf.errors import DaganError
from dagan_tf.metrics.templates import normalised, pair_scores
from dagan_tf.protocols.protocol import Split
from dagan_tf.scoring.templates.adaptation import adapted_scores
from dagan_tf.scoring.templates.aggregation import train_aggregator
from dagan_tf.scoring.templates.fusion import mean_scores, media_encodings, softmax_scores
from dagan_tf.scoring.templates.pose import YAW_EDGES, pose_routed_scores
from dagan_tf.scoring.templates.triplet_embedding import embedded, train_triplet_embedding

METHODS = {
    "mean": "media mean, cosine",
    "softmax": "softmax fusion of media scores, β 10",
    "nan": "neural aggregation",
    "svm": "template adaptation, linear SVMs",
    "tpe": "triplet probabilistic embedding, media mean",
    "pose": "pose-routed fusion, one network",
}
TRAINED = ("nan", "svm", "tpe")


def score_pairs(
    method: str,
    features: np.ndarray,
    split: Split,
    first: np.ndarray,
    second: np.ndarray,
    *,
    yaw: np.ndarray | None = None,
    seed: int = 0,
    advance: Callable[[int], object] = lambda pairs: None,
) -> np.ndarray:
    """Scores pairs of a split's templates.

    Args:
        method: Of `METHODS`.
        features: (F, D) of all faces of the protocol.
        split: Templates, and the faces to train on.
        first: (N,) int templates.
        second: (N,) int templates.
        yaw: (F,) degrees, for "pose".
        seed: Of the training.
        advance: Called with the number of pairs done, for a progress bar.

    Returns:
        (N,) float32, larger = more alike.

    Raises:
        DaganError: The method is unknown, or lacks training faces or yaw.
    """
    templates = split.templates
    if method not in METHODS:
        raise DaganError(f"method: got {method!r}, expected one of {', '.join(METHODS)}")
    if method in TRAINED and not len(split.training_faces):
        raise DaganError(f"method {method!r} needs faces to train on; this protocol has none")
    if method == "mean":
        return mean_scores(features, templates, first, second, advance=advance)
    if method == "pose":
        if yaw is None:
            raise DaganError("method 'pose' needs the yaw of every face")
        scores = pose_routed_scores([features] * len(YAW_EDGES), templates, yaw, first, second)
        advance(len(scores))
        return scores
    training, people = features[split.training_faces], split.training_subjects
    if method == "nan":
        vectors = train_aggregator(training, people, seed=seed).templates(features, templates)
        return pair_scores(vectors, first, second, advance=advance)
    if method == "tpe":
        dimensions = min(128, *training.shape)
        weights = train_triplet_embedding(training, people, dimensions=dimensions, seed=seed)
        projected = embedded(features, weights)
        return mean_scores(projected, templates, first, second, advance=advance)
    media, owner = media_encodings(features, templates), templates.media_template
    if method == "softmax":
        return softmax_scores(media, owner, first, second, advance=advance)
    gallery = np.concatenate([np.zeros(0, np.int64), *(one.gallery for one in split.searches)])
    # Gallery adaptation takes the gallery's templates to be of one subject each.
    if len(np.unique(templates.subjects[gallery])) < len(np.unique(gallery)):
        gallery = gallery[:0]
    return adapted_scores(
        media, owner, first, second, normalised(training), gallery=gallery, advance=advance
    )
