"""DA-GAN's losses: pure functions of float32 batches, one value a sample, no reduction.

The paper (Zhao et al., NIPS 2017) minimises

    L_G = -L_adv + lambda_1 L_ip + lambda_2 L_pp        for the refiner
    L_D =  L_adv + lambda_1 L_ip                        for the discriminator

with L_adv = |y - D(y)| - k |x' - D(x')| for a real image y and a refined image x'. The train step
averages over the batch and over the replicas, nowhere else.
"""

import math
from collections.abc import Callable

import tensorflow as tf

# Decision errors of a discriminator that answers 0.
UNDECIDED = {"cross_entropy": math.log(2.0), "hinge": 1.0}


def pose_perception(
    simulated: tf.Tensor,
    refined: tf.Tensor,
    mask: tf.Tensor | None = None,
    *,
    outside_weight: float = 1.0,
    scale: str = "element",
    form: str = "l1",
    downsample: int = 1,
    colour_weight: float = 0.0,
) -> tf.Tensor:
    """L_pp: mean difference of the refined image from the simulated one.

    Args:
        simulated: float32 (N, H, W, 3), [-1, 1].
        refined: float32 (N, H, W, 3).
        mask: float32 (N, H, W, 1), 1 where the photo really showed the face, 0 elsewhere; None
            weights all pixels alike.
        outside_weight: weight of the pixels with mask 0; 1 is the paper's loss. The sum is still
            divided by H·W, so that a smaller visible part counts less.
        scale: `element` divides by H·W·3, `pixel` by H·W as the paper prints it.
        form: of a difference d: the paper's `l1` |d|, or `l2` d².
        downsample: average differences (and weights) over blocks of this many pixels a side first.
        colour_weight: this many times the difference without its luma (Rec. 601), in the same form,
            is added: what makes a pixel redder costs more than what makes it darker. 0 is the
            paper's loss.

    Returns:
        float32 (N,), at least 0.
    """
    difference = simulated - refined
    weight = None if mask is None else mask + outside_weight * (1.0 - mask)
    if downsample > 1:
        difference = tf.nn.avg_pool2d(difference, downsample, downsample, "VALID")
        if weight is not None:
            weight = tf.nn.avg_pool2d(weight, downsample, downsample, "VALID")

    def cost(of: tf.Tensor) -> tf.Tensor:
        return tf.square(of) if form == "l2" else tf.abs(of)

    size = cost(difference)
    if colour_weight:
        size += colour_weight * cost(difference - tf.image.rgb_to_grayscale(difference))
    if weight is not None:
        size *= weight
    factor = float(size.shape[-1]) if scale == "pixel" else 1.0
    return factor * tf.reduce_mean(size, axis=(1, 2, 3))


def reconstruction_error(images: tf.Tensor, reconstruction: tf.Tensor) -> tf.Tensor:
    """|v - D(v)|, the auto-encoder's mean absolute error (BEGAN's L).

    The paper sums where this takes the mean: the equilibrium's rate alpha = 0.001 fits means.

    Args:
        images: float32 (N, H, W, 3), [-1, 1].
        reconstruction: float32 (N, H, W, 3).

    Returns:
        float32 (N,), at least 0.
    """
    return tf.reduce_mean(tf.abs(images - reconstruction), axis=(1, 2, 3))


def identity_perception(logits: tf.Tensor, labels: tf.Tensor, form: str = "softmax") -> tf.Tensor:
    """L_ip: cross-entropy of the identity agent, 0 for unlabelled images.

    Args:
        logits: float32 (N, K).
        labels: int32 (N,), 0..K-1, or -1 for an unlabelled image.
        form: `softmax` over the identities, or `sigmoid`: the paper's printed
            -(Y log D + (1-Y) log(1-D)), a mean over K yes/no questions.

    Returns:
        float32 (N,), nats.
    """
    known = labels >= 0
    safe = tf.where(known, labels, 0)
    if form == "softmax":
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=safe, logits=logits)
    else:
        targets = tf.one_hot(safe, tf.shape(logits)[1])
        loss = tf.reduce_mean(
            tf.nn.sigmoid_cross_entropy_with_logits(labels=targets, logits=logits), axis=1
        )
    return tf.where(known, loss, 0.0)


def confident_labels(
    logits: tf.Tensor, labels: tf.Tensor, confidence: float, form: str = "softmax"
) -> tf.Tensor:
    """Labels, filled in where the identity agent is sure (Sohn et al., 2020, FixMatch).

    Not in the paper. It supposes that unlabelled images show the identities that labelled ones do.

    Args:
        logits: float32 (N, K), the identity agent's.
        labels: int32 (N,), 0..K-1, or -1 for an unlabelled image.
        confidence: smallest probability of the likeliest identity that counts as sure, (0, 1].
        form: as of `identity_perception`.

    Returns:
        int32 (N,): known labels as they are; no gradient goes through it.
    """
    probabilities = tf.nn.softmax(logits) if form == "softmax" else tf.nn.sigmoid(logits)
    sure = tf.reduce_max(probabilities, axis=1) >= confidence
    guess = tf.argmax(logits, axis=1, output_type=labels.dtype)
    return tf.where((labels < 0) & sure, guess, labels)


def embedding_perception(simulated: tf.Tensor, refined: tf.Tensor, gap: tf.Tensor) -> tf.Tensor:
    """How far a frozen recogniser sees the refined face from where it ought to be.

    Not in the paper. Its mean over a batch is the spread of the moves, which changes who the faces
    are, plus what is missing from their mean to the gap, which is the same for everybody.

    Args:
        simulated: float32 (N, D), embeddings of the simulated faces.
        refined: float32 (N, D), of the same, refined.
        gap: float32 (D,) or (N, D), mean embedding of real faces less that of simulated ones.

    Returns:
        float32 (N,), |refined - simulated - gap|², at least 0.
    """
    return tf.reduce_sum(tf.square(refined - simulated - gap), axis=1)


def adversarial_discriminator(
    real_error: tf.Tensor, refined_error: tf.Tensor, balance: tf.Tensor | float
) -> tf.Tensor:
    """L_adv, the discriminator's part: reconstruct reals well and refined images badly.

    Args:
        real_error: float32 (N,), `reconstruction_error` of the reals.
        refined_error: float32 (N,), of the refined images.
        balance: k in [0, 1].

    Returns:
        float32 (N,).
    """
    return real_error - balance * refined_error


def adversarial_generator(
    refined_error: tf.Tensor, balance: tf.Tensor | float, form: str = "began"
) -> tf.Tensor:
    """-L_adv, as far as it depends on the refiner.

    Args:
        refined_error: float32 (N,), `reconstruction_error` of the refined images.
        balance: k in [0, 1].
        form: `began` leaves k out, as BEGAN does. `literal` keeps the paper's factor k: with
            k_0 = 0 the refiner then gets no gradient, the errors never come near the wanted
            ratio, and k stays 0 for ever, so it needs k_0 > 0.

    Returns:
        float32 (N,).
    """
    return balance * refined_error if form == "literal" else refined_error


def convergence_measure(
    real_error: tf.Tensor, refined_error: tf.Tensor, diversity_ratio: float
) -> tf.Tensor:
    """L_con = L(real) + |gamma·L(real) - L(refined)|: falls as training converges.

    Args:
        real_error: float32, any shape, already averaged as wanted.
        refined_error: float32, same shape.
        diversity_ratio: gamma.

    Returns:
        float32, same shape.
    """
    return real_error + tf.abs(diversity_ratio * real_error - refined_error)


def gradient_penalty(
    answer: Callable[[tf.Tensor], tf.Tensor], images: tf.Tensor, weights: tf.Tensor | float = 1.0
) -> tf.Tensor:
    """R1: squared norm of the discriminator's gradient at real images (Mescheder et al., 2018).

    Args:
        answer: from images to logits float32 (N, h, w, heads), whose mean of an image is the
            decision; an image's logits depend on no other image.
        images: float32 (N, S, S, 3).
        weights: float32 (N, h, w, 1), how much each logit counts in the mean.

    Returns:
        float32 (N,), in logits squared per image squared; differentiable once more.
    """
    with tf.GradientTape() as tape:
        tape.watch(images)
        decisions = tf.reduce_mean(answer(images) * weights, axis=(1, 2, 3))
    gradient = tape.gradient(decisions, images)
    return tf.reduce_sum(tf.square(gradient), axis=(1, 2, 3))


def decision_error(
    logits: tf.Tensor, real: bool, weights: tf.Tensor | None = None, form: str = "cross_entropy"
) -> tf.Tensor:
    """Error of real/refined decisions, in the `gan` and `patch` forms.

    Args:
        logits: float32 (N, h, w, 1), one a patch; > 0 = taken for real. `gan` has h = w = 1.
        real: what the decision ought to be. The discriminator wants its right answer for both
            kinds, the refiner wants its images taken for real (Goodfellow et al., 2014, the
            non-saturating form; SimGAN's eq. 1 to 3).
        weights: float32 (N, h, w, 1), how much each patch counts; None counts all alike.
        form: `cross_entropy`, or `hinge`: what a logit lacks of being 1 on its right side.

    Returns:
        float32 (N,), mean over the patches, times their weights: nats of a cross-entropy, or
        logits; `UNDECIDED[form]` for an undecided discriminator.
    """
    if form == "hinge":
        loss = tf.nn.relu(1.0 - logits if real else 1.0 + logits)
    else:
        wanted = tf.fill(tf.shape(logits), 1.0 if real else 0.0)
        loss = tf.nn.sigmoid_cross_entropy_with_logits(labels=wanted, logits=logits)
    return tf.reduce_mean(loss if weights is None else loss * weights, axis=(1, 2, 3))


def decision_deceived(
    logits: tf.Tensor, weights: tf.Tensor | None = None, form: str = "cross_entropy"
) -> tf.Tensor:
    """What the refiner minimises of the decisions on its images.

    Args:
        logits: as of `decision_error`.
        weights: likewise.
        form: with `cross_entropy` its error if they were real; with `hinge` the logits themselves,
            negated, so that the refiner goes on when they are past 1 (Lim and Ye, 2017).

    Returns:
        float32 (N,).
    """
    if form != "hinge":
        return decision_error(logits, real=True, weights=weights)
    return -tf.reduce_mean(logits if weights is None else logits * weights, axis=(1, 2, 3))
