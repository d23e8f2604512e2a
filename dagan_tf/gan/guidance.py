"""Losses of what is known about a simulated view; not in the paper.

Known are its head's outline, what the photo showed and, of people who were photographed from that
side, too, the real photo.

Pure functions of float32 batches, one value a sample, as `losses`.
"""

from collections.abc import Callable

import tensorflow as tf

from dagan_tf.config.sections import LossConfig

_COARSE = 8
# Block sides, pixels, and weights of their means' differences in `pair_perception`.
_BLOCKS = ((2, 0.25), (4, 0.5), (8, 1.0), (16, 1.0))
_SOFT = 1e-2
# The outline's pixels are partly head: so wide a rim, pixels, is not held to the surroundings.
_RIM = 3


def guide(
    config: LossConfig, batch: dict[str, tf.Tensor], refined: tf.Tensor, matte: tf.Tensor | None
) -> dict[str, tf.Tensor]:
    """The losses of this module that have a weight; 0 for the others.

    Args:
        config: their weights.
        batch: as of `DAGAN`.
        refined: float32 (N, H, W, 3).
        matte: float32 (N, H, W, 1), logits; None without `loss.matte_weight`.

    Returns:
        float32 scalars by the metric's name, `guidance_loss` the weighted sum of the others.
    """
    simulated = batch["simulated"]

    def pair() -> tf.Tensor:
        seen = 1.0 - (1.0 - config.pair_shown) * batch["mask"]
        there = compared(batch["inside"]) * seen * batch["paired"][:, None, None, None]
        return pair_perception(refined, batch["target"], there)

    wanted: dict[str, tuple[float, Callable[[], tf.Tensor]]] = {
        "pair_loss": (config.pair_weight, pair),
        "surroundings_loss": (
            config.surroundings_weight,
            lambda: surroundings_change(simulated, refined, batch["head"]),
        ),
        "detail_loss": (
            config.detail_weight,
            lambda: detail_change(simulated, refined, batch["mask"] * batch["head"]),
        ),
        "matte_loss": (config.matte_weight, lambda: matte_error(matte, batch["head"])),
    }
    values = {
        name: tf.reduce_mean(loss()) if weight else tf.constant(0.0)
        for name, (weight, loss) in wanted.items()
    }
    total = tf.add_n([weight * values[name] for name, (weight, _) in wanted.items()])
    return {**values, "guidance_loss": total}


def judged(inside: tf.Tensor) -> tf.Tensor:
    """1 where `inside`, float32 (N, H, W, 1), says that there is a head, else 0."""
    return tf.cast(inside > 0.25, tf.float32)


def compared(inside: tf.Tensor) -> tf.Tensor:
    """1 where view and photo can be compared, 0 where `inside` says that they lie apart (0.5)."""
    return tf.cast(inside > 0.75, tf.float32)


def surroundings_change(simulated: tf.Tensor, refined: tf.Tensor, head: tf.Tensor) -> tf.Tensor:
    """How much has changed where there is no head.

    Args:
        simulated: float32 (N, H, W, 3), [-1, 1].
        refined: float32 (N, H, W, 3).
        head: float32 (N, H, W, 1) in [0, 1], how far a pixel is head.

    Returns:
        float32 (N,), mean |refined - simulated| outside of the head, over all pixels.
    """
    outside = 1.0 - tf.nn.max_pool2d(head, _RIM, 1, "SAME")
    return tf.reduce_mean(tf.abs(refined - simulated) * outside, axis=(1, 2, 3))


def detail_change(simulated: tf.Tensor, refined: tf.Tensor, shown: tf.Tensor) -> tf.Tensor:
    """How much of the change is finer than 8 pixels where the photo showed the face.

    There tone may change, as it does when a head turns under its lamps, but nothing is to be
    painted over.

    Args:
        simulated: float32 (N, H, W, 3), [-1, 1].
        refined: float32 (N, H, W, 3).
        shown: float32 (N, H, W, 1) in [0, 1], 1 where the photo really showed the head.

    Returns:
        float32 (N,), at least 0.
    """
    change = refined - simulated
    coarse = tf.nn.avg_pool2d(change, _COARSE, _COARSE, "SAME")
    coarse = tf.image.resize(coarse, tf.shape(change)[1:3])
    return tf.reduce_mean(_soft_size(change - coarse) * shown, axis=(1, 2, 3))


def pair_perception(refined: tf.Tensor, target: tf.Tensor, inside: tf.Tensor) -> tf.Tensor:
    """Difference from the real photo of the same side, as far as both show the head.

    Means over blocks of 2 to 16 pixels are compared: a photo laid onto a view fits it to a pixel
    or two only.

    Args:
        refined: float32 (N, H, W, 3).
        target: float32 (N, H, W, 3), [-1, 1], the photo laid onto the view.
        inside: float32 (N, H, W, 1) in [0, 1], 0 where they are not to be compared.

    Returns:
        float32 (N,), at least 0.
    """
    difference = (refined - target) * inside
    total = 0.0
    for side, weight in _BLOCKS:
        means = tf.nn.avg_pool2d(difference, side, side, "VALID")
        total += weight * tf.reduce_mean(_soft_size(means), axis=(1, 2, 3))
    return total


def matte_error(matte: tf.Tensor, head: tf.Tensor) -> tf.Tensor:
    """Cross-entropy of the refiner's idea of where the head is.

    Args:
        matte: float32 (N, H, W, 1), logits.
        head: float32 (N, H, W, 1) in [0, 1].

    Returns:
        float32 (N,), nats, mean over the pixels.
    """
    errors = tf.nn.sigmoid_cross_entropy_with_logits(labels=head, logits=matte)
    return tf.reduce_mean(errors, axis=(1, 2, 3))


def _soft_size(difference: tf.Tensor) -> tf.Tensor:
    """|d|, rounded at 0 (Charbonnier et al., 1994)."""
    return tf.sqrt(tf.square(difference) + _SOFT**2) - _SOFT
