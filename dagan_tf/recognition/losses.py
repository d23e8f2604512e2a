"""The losses of a recogniser: pure functions, a value a sample out.

`embeddings` are float32 (N, D), of any length; `weights` float32 (D, K), a column a person;
`labels` int32 (N,) in [0, K).
"""

import math

import tensorflow as tf


def softmax(
    embeddings: tf.Tensor, weights: tf.Tensor, bias: tf.Tensor, labels: tf.Tensor
) -> tf.Tensor:
    """Cross-entropy of a linear classifier.

    Args:
        embeddings: (N, D).
        weights: (D, K).
        bias: float32 (K,).
        labels: (N,).

    Returns:
        float32 (N,), nats.
    """
    logits = tf.linalg.matmul(embeddings, weights) + bias
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)


def l2_softmax(
    embeddings: tf.Tensor, weights: tf.Tensor, bias: tf.Tensor, labels: tf.Tensor, *, alpha: float
) -> tf.Tensor:
    """L2-constrained softmax: every embedding is given the length alpha first.

    Ranjan, Castillo and Chellappa, "L2-constrained softmax loss for discriminative face
    verification", 2017, eq. 3.

    Args:
        embeddings: (N, D).
        weights: (D, K).
        bias: float32 (K,).
        labels: (N,).
        alpha: the length; the paper's eq. 8 gives ln(p (K - 2) / (1 - p)) as the least that lets
            the mean probability reach p.

    Returns:
        float32 (N,), nats.
    """
    return softmax(alpha * tf.math.l2_normalize(embeddings, axis=1), weights, bias, labels)


def angular_margin(
    embeddings: tf.Tensor,
    weights: tf.Tensor,
    labels: tf.Tensor,
    *,
    scale: float,
    margin: float,
) -> tf.Tensor:
    """Additive angular margin: the own person must be nearer by an angle.

    Deng et al., "ArcFace", CVPR 2019, eq. 3: cross-entropy of scale · cos(theta + margin) for the
    own person and scale · cos(theta) for others, theta being the angle between embedding and the
    person's weights. Where theta + margin passes pi the cosine would rise again; as in the
    authors' code it goes on falling there as cos(theta) - margin · sin(margin).

    Args:
        embeddings: (N, D).
        weights: (D, K).
        labels: (N,).
        scale: s, the length of embeddings.
        margin: m, radians in [0, pi).

    Returns:
        float32 (N,), nats.
    """
    unit = tf.math.l2_normalize(embeddings, axis=1)
    cosines = tf.linalg.matmul(unit, tf.math.l2_normalize(weights, axis=0))
    own = tf.reduce_sum(unit * tf.transpose(_own_weights(weights, labels)), axis=1)
    # The sine's slope has no end at 1: keep off it.
    sine = tf.sqrt(tf.maximum(1.0 - tf.square(own), 1e-9))
    turned = own * math.cos(margin) - sine * math.sin(margin)
    turned = tf.where(own > math.cos(math.pi - margin), turned, own - margin * math.sin(margin))
    wanted = tf.one_hot(labels, tf.shape(weights)[1])
    logits = scale * (cosines + wanted * (turned - own)[:, None])
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)


def triplet_semihard(embeddings: tf.Tensor, labels: tf.Tensor, *, margin: float) -> tf.Tensor:
    """Triplet loss with semi-hard negatives (Schroff et al., "FaceNet", CVPR 2015, section 3.2).

    For every pair of one person the negative is the nearest that is farther than the positive; if
    there is none, the farthest of all. Distances are squared, between embeddings of length 1.

    Args:
        embeddings: (N, D).
        labels: (N,).
        margin: by which the negative should be farther.

    Returns:
        float32 (N,): each anchor's sum over its positives, times N / number of pairs, so that the
        mean over the batch is the mean over pairs. 0 for a batch without pairs.
    """
    unit = tf.math.l2_normalize(embeddings, axis=1)
    distances = tf.maximum(2.0 - 2.0 * tf.linalg.matmul(unit, unit, transpose_b=True), 0.0)
    same = labels[:, None] == labels[None, :]
    # [a, p, n]: distance of the negative n from the anchor a, looked at for the positive p.
    others = distances[:, None, :]
    other = tf.logical_not(same)[:, None, :]
    farther = tf.where(other & (others > distances[:, :, None]), others, math.inf)
    nearest = tf.reduce_min(farther, axis=2)
    farthest = tf.reduce_max(tf.where(tf.logical_not(same), distances, -math.inf), axis=1)
    negative = tf.where(tf.math.is_inf(nearest), farthest[:, None], nearest)
    pair = tf.linalg.set_diag(same, tf.zeros(tf.shape(labels), tf.bool))
    pair &= tf.math.is_finite(negative)  # A batch of one person has no negatives.
    loss = tf.where(pair, tf.nn.relu(distances - negative + margin), 0.0)
    count = tf.reduce_sum(tf.cast(pair, tf.float32))
    share = tf.cast(tf.size(labels), tf.float32) / tf.maximum(count, 1.0)
    return tf.reduce_sum(loss, axis=1) * share


def _own_weights(weights: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """(D, N): each sample's own person's weights, of length 1."""
    return tf.gather(tf.math.l2_normalize(weights, axis=0), labels, axis=1)
