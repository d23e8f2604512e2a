"""Losses of what is known about a simulated view; not in the paper.

Known are where its bare skin is and, of people who were photographed from that side, too, the real
photo, moved onto the view until it can be compared place by place.

Pure functions of float32 batches, one value a sample, as `losses`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import tensorflow as tf

from dagan_tf.config.sections import LossConfig
from dagan_tf.gan.means import mean_around

if TYPE_CHECKING:
    from dagan_tf.gan.perceptual import PerceptualDistance

# Levels are compared as means over so many pixels a side, then their logarithms over more.
_FINE, _COARSE = 3, 5
# Added to levels before the logarithm, of [0, 1].
_DARKEST = 0.04
# Skin that is surely skin, and the pixels, both sides together, that its rim loses.
_SURELY, _RIM = 0.8, 5
# How much other skin is held to what it was: not so much that changes end at a line.
_OTHER = 0.1
_LITTLE = 1e-2


def guide(
    config: LossConfig,
    batch: dict[str, tf.Tensor],
    refined: tf.Tensor,
    matte: tf.Tensor | None,
    perceptual: PerceptualDistance | None,
) -> dict[str, tf.Tensor]:
    """The losses of this module that have a weight; 0 for the others.

    Args:
        config: their weights.
        batch: as of `DAGAN`.
        refined: float32 (N, H, W, 3).
        matte: float32 (N, H, W, 1), logits; None without `loss.matte_weight`.
        perceptual: the distance of `loss.perceptual_weight`; None without it.

    Returns:
        float32 scalars by the metric's name, `guidance_loss` the weighted sum of the others.
    """

    def pair() -> tf.Tensor:
        # Where they lie apart the view is held to what it was, or folds are drawn beside noses.
        shared, held = compared(batch), _held(batch)
        aim = shared * batch["target"] + (1.0 - shared) * batch["simulated"]
        return pair_perception(refined, aim, tf.maximum(shared, held))

    def apart() -> tf.Tensor:
        assert perceptual is not None, "loss.perceptual_weight: expected a distance"
        shared, target = compared(batch), batch["target"]
        return perceptual(refined * shared + target * (1.0 - shared), target)

    def unlike() -> tf.Tensor:
        return matte_error(matte, batch["skin"])

    wanted: dict[str, tuple[float, Callable[[], tf.Tensor]]] = {
        "pair_loss": (config.pair_weight, pair),
        "perceptual_loss": (config.perceptual_weight, apart),
        "matte_loss": (config.matte_weight, unlike),
    }
    values = {
        name: tf.reduce_mean(loss()) if weight else tf.constant(0.0)
        for name, (weight, loss) in wanted.items()
    }
    total = tf.add_n([weight * values[name] for name, (weight, _) in wanted.items()])
    return {**values, "guidance_loss": total}


def compared(batch: dict[str, tf.Tensor]) -> tf.Tensor:
    """Where view and photo can be compared.

    Args:
        batch: of which `skin`, float32 (N, H, W, 1) in [0, 1], says how far the view is bare skin,
            `inside`, of the same shape, 1 where both show the head, 0.5 where they lie apart and 0
            elsewhere, and `paired`, (N,), 1 if there is a photo.

    Returns:
        float32 (N, H, W, 1): 1 on skin that both show, not at its rim, else 0.
    """
    both = (batch["skin"] > _SURELY) & (batch["inside"] > 0.75)
    return _without_rim(both) * batch["paired"][:, None, None, None]


def _held(batch: dict[str, tf.Tensor]) -> tf.Tensor:
    """1 on skin of pairs that lie apart there, little on what is less surely skin, else 0."""
    sure, apart = batch["skin"] > _SURELY, tf.abs(batch["inside"] - 0.5) < 0.25
    region = tf.where(sure & apart, 1.0, tf.where(sure | (batch["skin"] < 0.05), 0.0, _OTHER))
    return region * batch["paired"][:, None, None, None]


def _without_rim(region: tf.Tensor) -> tf.Tensor:
    return -tf.nn.max_pool2d(-tf.cast(region, tf.float32), _RIM, 1, "SAME")


def pair_perception(refined: tf.Tensor, target: tf.Tensor, where: tf.Tensor) -> tf.Tensor:
    """Difference of tone from the real photo of the same side, place by place.

    Args:
        refined: float32 (N, H, W, 3).
        target: float32 (N, H, W, 3), [-1, 1], the photo moved onto the view, or the view.
        where: float32 (N, H, W, 1), 1 where they are compared, else 0.

    Returns:
        float32 (N,), nats, at least 0: mean |difference| of the logarithms of levels averaged over
        3 x 3 pixels, these averaged over 5 x 5, over the places that are compared; 0 if none are.
    """
    share = mean_around(where, _COARSE) + _LITTLE

    def tone(images: tf.Tensor) -> tf.Tensor:
        level = tf.nn.relu((mean_around(images, _FINE) + 1.0) / 2.0)
        return mean_around(tf.math.log(level + _DARKEST) * where, _COARSE) / share

    apart = tf.reduce_mean(tf.abs(tone(refined) - tone(target)), axis=-1, keepdims=True)
    count = tf.reduce_sum(where, axis=(1, 2, 3))
    return tf.reduce_sum(apart * where, axis=(1, 2, 3)) / (count + 1.0)


def matte_error(matte: tf.Tensor, skin: tf.Tensor) -> tf.Tensor:
    """Cross-entropy of the refiner's idea of where the bare skin is.

    Args:
        matte: float32 (N, H, W, 1), logits.
        skin: float32 (N, H, W, 1) in [0, 1].

    Returns:
        float32 (N,), nats, mean over the pixels.
    """
    errors = tf.nn.sigmoid_cross_entropy_with_logits(labels=skin, logits=matte)
    return tf.reduce_mean(errors, axis=(1, 2, 3))
