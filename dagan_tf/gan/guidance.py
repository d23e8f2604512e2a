"""Losses of what is known about a simulated view; not in the paper.

Known are its head's outline, what the photo showed and, of people who were photographed from that
side, too, the real photo.

Pure functions of float32 batches, one value a sample, as `losses`.
"""

from collections.abc import Callable

import tensorflow as tf

from dagan_tf.config.sections import LossConfig
from dagan_tf.gan.octaves import SIDES, brightness, octaves

_COARSE = 8
# Sides of the blocks that are held against those of the photo, pixels.
_TONE_BLOCKS = (8, 16)
_TEXTURE_BLOCK = 16
# What the photo of a turned head shows lies up to a block off. Farther away a block must be more
# alike to be taken for the same.
_STEPS = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
_FAR = 0.05
_NOWHERE = 1e3
# Added to levels before the logarithm, a tenth of white.
_DARKEST = 0.1
# Texture fainter than so much counts as none, half a grey level.
_FAINTEST = 4e-3
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
        matte: float32 (N, H, W, 2), logits; None without `loss.matte_weight`.

    Returns:
        float32 scalars by the metric's name, `guidance_loss` the weighted sum of the others.
    """
    simulated = batch["simulated"]

    def there() -> tf.Tensor:
        return compared(batch["inside"]) * batch["paired"][:, None, None, None]

    def pair() -> tf.Tensor:
        seen = 1.0 - (1.0 - config.pair_shown) * batch["mask"]
        return pair_perception(refined, batch["target"], there(), seen)

    wanted: dict[str, tuple[float, Callable[[], tf.Tensor]]] = {
        "pair_loss": (config.pair_weight, pair),
        "texture_loss": (
            config.texture_weight,
            lambda: texture_perception(refined, batch["target"], there()),
        ),
        "surroundings_loss": (
            config.surroundings_weight,
            lambda: surroundings_change(simulated, refined, batch["head"]),
        ),
        "detail_loss": (
            config.detail_weight,
            lambda: detail_change(simulated, refined, batch["mask"] * batch["head"]),
        ),
        "matte_loss": (
            config.matte_weight,
            lambda: matte_error(matte, batch["head"], batch["mask"]),
        ),
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


def pair_perception(
    refined: tf.Tensor, target: tf.Tensor, inside: tf.Tensor, weight: tf.Tensor
) -> tf.Tensor:
    """Difference of tone from the real photo of the same side, as far as both show the head.

    Logarithms of means over blocks of 8 and 16 pixels are compared, so that dark hair counts, each
    with the most alike of the photo's there and next to it: what a photo does not have in the same
    place is not smeared over the view.

    Args:
        refined: float32 (N, H, W, 3).
        target: float32 (N, H, W, 3), [-1, 1], the photo laid onto the view.
        inside: float32 (N, H, W, 1), 1 where both show the head, else 0.
        weight: float32 (N, H, W, 1), how much each pixel counts.

    Returns:
        float32 (N,), nats, at least 0.
    """
    total = 0.0
    for side in _TONE_BLOCKS:
        share = _blocks(inside, side)
        own, other = (
            tf.math.log(tf.nn.relu((mean / (share + 1e-6) + 1.0) / 2.0) + _DARKEST)
            for mean in (_blocks(x * inside, side) for x in (refined, target))
        )
        total += _nearest(own, other, share, _blocks(weight, side))
    return total


def texture_perception(refined: tf.Tensor, target: tf.Tensor, inside: tf.Tensor) -> tf.Tensor:
    """Difference of texture from the real photo of the same side, as far as both show the head.

    Of blocks of 16 pixels the logarithms of the deviation of each octave of brightness are compared
    as in `pair_perception`: strands and pores in number and strength, not one by one.

    Args:
        refined: float32 (N, H, W, 3).
        target: float32 (N, H, W, 3), [-1, 1], the photo laid onto the view.
        inside: float32 (N, H, W, 1), 1 where both show the head, else 0.

    Returns:
        float32 (N,), nats, at least 0.
    """
    # Not the outline, nor what is next to what may be none of the head.
    inside = -tf.nn.max_pool2d(-inside, SIDES[-1], 1, "SAME")
    share = _blocks(inside, _TEXTURE_BLOCK)

    def strength(images: tf.Tensor) -> tf.Tensor:
        power = _blocks(tf.square(octaves(brightness(images))) * inside, _TEXTURE_BLOCK)
        return tf.math.log(tf.sqrt(power / (share + 1e-6) + _FAINTEST**2))

    return _nearest(strength(refined), strength(target), share, tf.ones_like(share))


def _blocks(images: tf.Tensor, side: int) -> tf.Tensor:
    return tf.nn.avg_pool2d(images, side, side, "VALID")


def _nearest(own: tf.Tensor, other: tf.Tensor, share: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
    """(N,) mean over all blocks of how far `own` is from the most alike of 9 of `other`."""
    there = tf.cast(share > 0.5, own.dtype)
    height, width = own.shape[1], own.shape[2]
    edged = [[0, 0], [1, 1], [1, 1], [0, 0]]
    others, theres = tf.pad(other, edged), tf.pad(there, edged)
    distances = []
    for down, right in _STEPS:
        place = (
            slice(None),
            slice(1 + down, height + 1 + down),
            slice(1 + right, width + 1 + right),
        )
        apart = tf.reduce_mean(_soft_size(own - others[place]), axis=-1, keepdims=True)
        apart += _FAR * (abs(down) + abs(right)) + _NOWHERE * (1.0 - theres[place])
        distances.append(apart)
    best = tf.reduce_min(tf.stack(distances), axis=0)
    return tf.reduce_mean(best * there * weight, axis=(1, 2, 3))


def matte_error(matte: tf.Tensor, head: tf.Tensor, shown: tf.Tensor) -> tf.Tensor:
    """Cross-entropy of the refiner's idea of where the head is, and where the photo showed it.

    Args:
        matte: float32 (N, H, W, 2), logits.
        head: float32 (N, H, W, 1) in [0, 1].
        shown: float32 (N, H, W, 1) in [0, 1], 1 where the photo really showed what is seen.

    Returns:
        float32 (N,), nats, mean over the pixels and both.
    """
    known = tf.concat([head, head * shown], axis=-1)
    errors = tf.nn.sigmoid_cross_entropy_with_logits(labels=known, logits=matte)
    return tf.reduce_mean(errors, axis=(1, 2, 3))


def _soft_size(difference: tf.Tensor) -> tf.Tensor:
    """|d|, rounded at 0 (Charbonnier et al., 1994)."""
    return tf.sqrt(tf.square(difference) + _SOFT**2) - _SOFT
