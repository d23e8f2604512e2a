"""What refiner and discriminator each minimise on a batch, for every adversarial form."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import keras
import tensorflow as tf

from dagan_tf.config.settings import LossConfig
from dagan_tf.gan import guidance, losses
from dagan_tf.gan.augmentation import augment
from dagan_tf.gan.history import History

if TYPE_CHECKING:
    from dagan_tf.gan.likeness import Likeness

# How the discriminator's realism agent speaks in each form of `loss.adversarial`.
REALISM = {
    "began": "reconstruction",
    "literal": "reconstruction",
    "gan": "decision",
    "patch": "patches",
}


_PENALTY_EVERY = 4


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
    with_matte: Callable[..., tuple[tf.Tensor, tf.Tensor]] | None = None,
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
        with_matte: the refiner, answering with its matte's logits, too; for `loss.matte_weight`.

    Returns:
        The losses; call it under a gradient tape.
    """
    mean = tf.reduce_mean
    simulated, labels = batch["simulated"], batch["simulated_label"]
    if with_matte is None:
        refined, matte = generator(simulated, training=True), None
    else:
        refined, matte = with_matte(simulated, training=True)
    real_seen = _seen(config, batch["real"], batch, "real")
    refined_seen = _seen(config, refined, batch, "simulated")
    real_answer, real_logits = discriminator(real_seen, training=True)
    refined_answer, refined_logits = discriminator(refined_seen, training=True)
    judged_seen, judged_answer, judged_logits, judged_labels = (
        refined_seen, refined_answer, refined_logits, labels,
    )  # fmt: skip
    if history is not None:
        judged, judged_labels = history.exchange(tf.stop_gradient(refined), labels, step)
        judged_seen = _seen(config, judged, batch, "simulated")
        judged_answer, judged_logits = discriminator(judged_seen, training=True)

    pose = mean(
        losses.pose_perception(
            simulated,
            refined,
            batch["mask"],
            outside_weight=config.pose_mask_weight,
            scale=config.pose_scale,
            form=config.pose_form,
            delta=config.pose_delta,
            downsample=config.pose_downsample,
            colour_weight=config.pose_colour_weight,
        )
    )
    real_labels = batch["real_label"]
    if config.identity_confidence:
        # Named as it is, then learned as it was changed: what is sure of one is not of the other.
        plain_logits = discriminator(batch["real"])[1] if config.augment else real_logits
        real_labels = losses.confident_labels(
            plain_logits, real_labels, config.identity_confidence, config.identity
        )
    identity_real = mean(losses.identity_perception(real_logits, real_labels, config.identity))
    identity_refined = mean(losses.identity_perception(refined_logits, labels, config.identity))
    identity_judged = mean(
        losses.identity_perception(judged_logits, judged_labels, config.identity)
    )

    if REALISM[config.adversarial] == "reconstruction":
        real_error = mean(losses.reconstruction_error(real_seen, real_answer))
        refined_error = mean(losses.reconstruction_error(refined_seen, refined_answer))
        judged_error = mean(losses.reconstruction_error(judged_seen, judged_answer))
        against = losses.adversarial_discriminator(real_error, judged_error, balance)
        towards = losses.adversarial_generator(refined_error, balance, config.adversarial)
        convergence = losses.convergence_measure(real_error, refined_error, config.diversity_ratio)
    else:
        real_error = mean(losses.decision_error(real_answer, real=True))
        refined_error = mean(losses.decision_error(refined_answer, real=False))
        against = real_error + mean(losses.decision_error(judged_answer, real=False))
        towards = mean(losses.decision_error(refined_answer, real=True))
        # L_con needs an auto-encoder; this is 0 when the discriminator cannot tell at all.
        chance = math.log(2.0)
        convergence = tf.abs(real_error - chance) + tf.abs(refined_error - chance)

    moved = tf.constant(0.0)
    if likeness is not None:
        persons = tf.where(step >= config.embedding_own_from, labels, -1)
        moved = mean(
            likeness(simulated, refined, batch["simulated_yaw"], batch["simulated_draws"], persons)
        )

    guided = _guided(config, refined, matte, batch)
    generator_loss = config.pose_weight * pose + guided["guidance_loss"] + adversaries * (
        towards + config.identity_weight * identity_refined + config.embedding_weight * moved
    )
    discriminator_loss = against + config.identity_weight * (identity_real + identity_judged)
    if config.gradient_penalty:
        discriminator_loss += config.gradient_penalty * _penalty(discriminator, real_seen, step)
    values = {
        "generator_loss": generator_loss,
        "discriminator_loss": discriminator_loss,
        "pose_loss": pose,
        "embedding_loss": moved,
        **guided,
        "identity_loss_real": identity_real,
        "identity_loss_refined": identity_refined,
        "real_error": real_error,
        "refined_error": refined_error,
        "convergence": convergence,
        "refinement": mean(tf.abs(refined - simulated)),
        "diversity": mean(tf.math.reduce_std(refined, axis=0)),
        "simulated_diversity": mean(tf.math.reduce_std(simulated, axis=0)),
    }
    return Objectives(generator_loss, discriminator_loss, values)


def _guided(
    config: LossConfig, refined: tf.Tensor, matte: tf.Tensor | None, batch: dict[str, tf.Tensor]
) -> dict[str, tf.Tensor]:
    """The losses of `guidance` that have a weight, and their weighted sum; 0 for the others."""
    simulated = batch["simulated"]
    wanted: dict[str, tuple[float, Callable[[], tf.Tensor]]] = {
        "pair_loss": (
            config.pair_weight,
            lambda: guidance.pair_perception(
                refined, batch["target"], batch["inside"] * batch["paired"][:, None, None, None]
            ),
        ),
        "surroundings_loss": (
            config.surroundings_weight,
            lambda: guidance.surroundings_change(simulated, refined, batch["head"]),
        ),
        "detail_loss": (
            config.detail_weight,
            lambda: guidance.detail_change(simulated, refined, batch["mask"] * batch["head"]),
        ),
        "matte_loss": (
            config.matte_weight,
            lambda: guidance.matte_error(matte, batch["head"]),
        ),
    }
    values = {
        name: tf.reduce_mean(loss()) if weight else tf.constant(0.0)
        for name, (weight, loss) in wanted.items()
    }
    total = tf.add_n([weight * values[name] for name, (weight, _) in wanted.items()])
    return {**values, "guidance_loss": total}


def _seen(
    config: LossConfig, images: tf.Tensor, batch: dict[str, tf.Tensor], domain: str
) -> tf.Tensor:
    """What the discriminator gets to see of images."""
    if config.judge_head:
        inside = batch["inside" if domain == "simulated" else "real_inside"]
        images = images * inside + (inside - 1.0)
    return augment(images, batch[f"{domain}_draws"]) if config.augment else images


def _penalty(discriminator: keras.Model, images: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
    """R1 on every so-manieth step, so many times as large: on average the same, in less time."""

    def penalty() -> tf.Tensor:
        answer = losses.gradient_penalty(lambda x: discriminator(x, training=True)[0], images)
        return _PENALTY_EVERY * tf.reduce_mean(answer)

    return tf.cond(step % _PENALTY_EVERY == 0, penalty, lambda: tf.constant(0.0))
