"""The two ways in which the realism agent answers, and what each side makes of its answers."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from dagan_tf.config.settings import LossConfig
from dagan_tf.gan import losses

# How the realism agent speaks in each form of `loss.adversarial`.
REALISM = {
    "began": "reconstruction",
    "literal": "reconstruction",
    "gan": "decision",
    "patch": "patches",
}


@dataclass(frozen=True)
class Judgement:
    """What the discriminator saw and said.

    Attributes:
        seen: float32 (B, S, S, 3), the images as it saw them.
        answer: of the realism agent: their reconstruction, or float32 (B, h, w, heads), logits.
        logits: float32 (B, C), of the identity agent.
        weights: float32 (B, h, w, 1), how much each decision counts; None if all count alike.
    """

    seen: tf.Tensor
    answer: tf.Tensor
    logits: tf.Tensor
    weights: tf.Tensor | None = None


@dataclass(frozen=True)
class Verdict:
    """What the realism agent's answers to one batch come to; float32 scalars.

    Attributes:
        against: what the discriminator minimises, L_adv of the paper's equation for it.
        towards: what the refiner minimises.
        real_error: the agent's mean error on real images.
        refined_error: on refined ones.
        convergence: how far the two sides are from their balance; 0 is reached.
    """

    against: tf.Tensor
    towards: tf.Tensor
    real_error: tf.Tensor
    refined_error: tf.Tensor
    convergence: tf.Tensor


def weigh(
    config: LossConfig,
    *,
    real: Judgement,
    refined: Judgement,
    learned: Judgement,
    balance: tf.Tensor,
) -> Verdict:
    """Turns the answers into both sides' losses.

    Args:
        config: of which `adversarial` says how the agent speaks.
        real: of real images.
        refined: of refined ones; the refiner's gradient goes through it.
        learned: of the refined images that the discriminator learns from: the same, or some of
            them older.
        balance: k, float32 scalar; for reconstructions only.
    """
    if REALISM[config.adversarial] == "reconstruction":
        return _reconstruction(config, real, refined, learned, balance)
    return _decision(config.decision, real, refined, learned)


def _reconstruction(
    config: LossConfig,
    real: Judgement,
    refined: Judgement,
    learned: Judgement,
    balance: tf.Tensor,
) -> Verdict:
    """BEGAN, with L(x) = |x - reconstruction of x|: L(real) - k·L(refined) against L(refined)."""

    def error(one: Judgement) -> tf.Tensor:
        return tf.reduce_mean(losses.reconstruction_error(one.seen, one.answer))

    real_error, refined_error = error(real), error(refined)
    return Verdict(
        against=losses.adversarial_discriminator(real_error, error(learned), balance),
        towards=losses.adversarial_generator(refined_error, balance, config.adversarial),
        real_error=real_error,
        refined_error=refined_error,
        convergence=losses.convergence_measure(real_error, refined_error, config.diversity_ratio),
    )


def _decision(form: str, real: Judgement, refined: Judgement, learned: Judgement) -> Verdict:
    """GAN, with a logit for the image or for each patch."""

    def error(one: Judgement, *, is_real: bool) -> tf.Tensor:
        return tf.reduce_mean(losses.decision_error(one.answer, is_real, one.weights, form))

    real_error, refined_error = error(real, is_real=True), error(refined, is_real=False)
    # L_con needs an auto-encoder; this is 0 when the discriminator cannot tell at all.
    chance = losses.UNDECIDED[form]
    return Verdict(
        against=real_error + error(learned, is_real=False),
        towards=tf.reduce_mean(losses.decision_deceived(refined.answer, refined.weights, form)),
        real_error=real_error,
        refined_error=refined_error,
        convergence=tf.abs(real_error - chance) + tf.abs(refined_error - chance),
    )
