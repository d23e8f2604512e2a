"""What refiner and discriminator each minimise on a batch, for every adversarial form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import keras
import tensorflow as tf

from dagan_tf.config.settings import LossConfig
from dagan_tf.gan import losses
from dagan_tf.gan.adversaries import Judgement, weigh
from dagan_tf.gan.augmentation import augment
from dagan_tf.gan.guidance import compared, guide
from dagan_tf.gan.history import History

if TYPE_CHECKING:
    from dagan_tf.gan.likeness import Likeness
    from dagan_tf.gan.perceptual import PerceptualDistance

_PENALTY_EVERY = 4
_LITTLE = 1e-3


@dataclass(frozen=True)
class Objectives:
    """Losses of one batch (or part of one) on one replica.

    Attributes:
        generator_loss: float32 scalar, the refiner's.
        discriminator_loss: float32 scalar.
        values: float32 scalars to report, by name.
    """

    generator_loss: tf.Tensor
    discriminator_loss: tf.Tensor
    values: dict[str, tf.Tensor]


def objectives(
    config: LossConfig,
    generator: keras.Model,
    discriminator: keras.Model,
    batch: dict[str, tf.Tensor],
    *,
    balance: tf.Tensor,
    adversaries: tf.Tensor,
    step: tf.Tensor,
    history: History | None = None,
    likeness: Likeness | None = None,
    perceptual: PerceptualDistance | None = None,
    on_skin: Callable[..., tuple[tf.Tensor, tf.Tensor]] | None = None,
) -> Objectives:
    """Runs both networks and weighs the losses.

    Args:
        config: forms and weights.
        generator: the refiner.
        discriminator: with the realism agent that `REALISM` names.
        batch: as of `DAGAN`.
        balance: k, float32 scalar.
        adversaries: float32 scalar, 0 while the refiner warms up on the pose loss, then 1.
        step: int64 scalar.
        history: exchanges half of the refined images that the discriminator learns from.
        likeness: the frozen recogniser of `loss.embedding_weight`.
        perceptual: the distance of `loss.perceptual_weight`.
        on_skin: from images and where their skin is to refined ones and the refiner's own idea of
            the skin; for `loss.matte_weight`.

    Returns:
        The losses; call it under a gradient tape.
    """
    mean = tf.reduce_mean
    if config.judge_pairs:
        batch = _with_pairs_as_real(batch)
    simulated, labels = batch["simulated"], batch["simulated_label"]

    # Where the discriminator may look; None: everywhere.
    shared = compared(batch) if config.judge_pairs else None

    def judge(images: tf.Tensor, domain: str) -> Judgement:
        # The rest in mid-grey, which makes no strong edges.
        seen = images if shared is None else images * shared
        if config.augment:
            seen = augment(seen, batch[f"{domain}_draws"])
        answer, logits = discriminator(seen, training=True)
        if shared is None:
            return Judgement(seen, answer, logits)
        return Judgement(seen, answer, logits, _weights(shared, answer))

    if on_skin is None:
        refined, matte = generator(simulated, training=True), None
    else:
        refined, matte = on_skin(simulated, batch["skin"], training=True)
    of_real, of_refined = judge(batch["real"], "real"), judge(refined, "simulated")
    of_learned, learned_labels = of_refined, labels
    if history is not None:
        learned, learned_labels = history.exchange(tf.stop_gradient(refined), labels, step)
        of_learned = judge(learned, "simulated")

    verdict = weigh(config, real=of_real, refined=of_refined, learned=of_learned, balance=balance)
    identity_real, identity_refined, identity_learned = (
        mean(losses.identity_perception(logits, who, config.identity))
        for logits, who in (
            (of_real.logits, _real_labels(config, discriminator, batch, of_real.logits)),
            (of_refined.logits, labels),
            (of_learned.logits, learned_labels),
        )
    )
    pose = mean(
        losses.pose_perception(
            simulated,
            refined,
            batch["mask"],
            outside_weight=config.pose_mask_weight,
            scale=config.pose_scale,
            form=config.pose_form,
            downsample=config.pose_downsample,
            colour_weight=config.pose_colour_weight,
        )
    )
    moved = tf.constant(0.0)
    if likeness is not None:
        persons = tf.where(step >= config.embedding_own_from, labels, -1)
        moved = mean(
            likeness(simulated, refined, batch["simulated_yaw"], batch["simulated_draws"], persons)
        )

    guided = guide(config, batch, refined, matte, perceptual)
    generator_loss = (
        config.pose_weight * pose
        + guided["guidance_loss"]
        + adversaries
        * (
            verdict.towards
            + config.identity_weight * identity_refined
            + config.embedding_weight * moved
        )
    )
    discriminator_loss = verdict.against + config.identity_weight * (
        identity_real + identity_learned
    )
    if config.gradient_penalty:
        discriminator_loss += config.gradient_penalty * _penalty(discriminator, of_real, step)
    values = {
        "generator_loss": generator_loss,
        "discriminator_loss": discriminator_loss,
        "pose_loss": pose,
        "embedding_loss": moved,
        **guided,
        "identity_loss_real": identity_real,
        "identity_loss_refined": identity_refined,
        "real_error": verdict.real_error,
        "refined_error": verdict.refined_error,
        "convergence": verdict.convergence,
        "refinement": mean(tf.abs(refined - simulated)),
        "diversity": mean(tf.math.reduce_std(refined, axis=0)),
        "simulated_diversity": mean(tf.math.reduce_std(simulated, axis=0)),
    }
    return Objectives(generator_loss, discriminator_loss, values)


def _with_pairs_as_real(batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """The same with each view's own photo, moved onto it, as the real image."""
    labels = tf.where(batch["paired"] > 0.0, batch["simulated_label"], -1)
    drawn = {"real_draws": batch["simulated_draws"]} if "simulated_draws" in batch else {}
    return batch | drawn | {"real": batch["target"], "real_label": labels}


def _real_labels(
    config: LossConfig,
    discriminator: keras.Model,
    batch: dict[str, tf.Tensor],
    logits: tf.Tensor,
) -> tf.Tensor:
    """Labels of the real images; those without one get what the identity agent is sure of."""
    labels = batch["real_label"]
    if not config.identity_confidence:
        return labels
    # Named as it is, then learned as it was changed: what is sure of one is not of the other.
    plain = discriminator(batch["real"])[1] if config.augment else logits
    return losses.confident_labels(plain, labels, config.identity_confidence, config.identity)


def _weights(shared: tf.Tensor, answer: tf.Tensor) -> tf.Tensor:
    """1 in the mean, more for patches that show much of what is judged, 0 where all is grey."""
    share = tf.image.resize(shared, answer.shape[1:3], method="area")
    return share / (tf.reduce_mean(share) + _LITTLE)


def _penalty(discriminator: keras.Model, real: Judgement, step: tf.Tensor) -> tf.Tensor:
    """R1 on every fourth step, four times as large: on average the same, in less time."""

    def penalty() -> tf.Tensor:
        weights = 1.0 if real.weights is None else real.weights
        found = losses.gradient_penalty(
            lambda x: discriminator(x, training=True)[0], real.seen, weights
        )
        return _PENALTY_EVERY * tf.reduce_mean(found)

    return tf.cond(step % _PENALTY_EVERY == 0, penalty, lambda: tf.constant(0.0))
