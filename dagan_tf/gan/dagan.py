"""DA-GAN as one Keras model: `fit` trains refiner and discriminator together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from dagan_tf.config.settings import LossConfig
from dagan_tf.core.keras_compat import (
    add_state,
    apply_scaled_gradients,
    build_optimizer_weights,
    loss_scale,
)
from dagan_tf.core.progress import Progress
from dagan_tf.gan.adversaries import REALISM
from dagan_tf.gan.equilibrium import BoundaryEquilibrium
from dagan_tf.gan.history import History
from dagan_tf.gan.objectives import objectives
from dagan_tf.gan.parts import Part, part_of, sum_of_parts
from dagan_tf.gan.skin_change import changed
from dagan_tf.gan.skin_generator import CHANGE

if TYPE_CHECKING:
    from dagan_tf.gan.likeness import Likeness
    from dagan_tf.gan.perceptual import PerceptualDistance

_PART_NAMES = (
    "generator_loss",
    "discriminator_loss",
    "pose_loss",
    "embedding_loss",
    "pair_loss",
    "perceptual_loss",
    "matte_loss",
    "guidance_loss",
    "identity_loss_real",
    "identity_loss_refined",
    "real_error",
    "refined_error",
    "convergence",
    "refinement",
    "diversity",
    "simulated_diversity",
)
METRIC_NAMES = (
    *_PART_NAMES,
    "balance",
    "convergence_smoothed",
    "generator_gradient",
    "discriminator_gradient",
)


class DAGAN(keras.Model):
    """Trains a refiner against a dual-agent discriminator (Zhao et al., NIPS 2017).

    A batch is a dict: `simulated` and `real` float32 (B, S, S, 3) in [-1, 1], `mask` float32
    (B, S, S, 1) in [0, 1], `simulated_label` and `real_label` int32 (B,), -1 = unlabelled; with
    `loss.augment` also `simulated_draws` and `real_draws`, see `augmentation.augment`; with
    `likeness` also `simulated_draws` and `simulated_yaw` float32 (B,), degrees; with the losses of
    `guidance` and `judge_pairs` also `skin`, `inside` (B, S, S, 1) in [0, 1], `target` (B, S, S, 3)
    and `paired` (B,), 1 where there is a target, see `data.pipeline.training_batches`.
    Replicas must get equally many images. `call` refines, unclipped.

    Metrics, all means since the last reset: the losses; `real_error` and `refined_error`, the
    auto-encoder's; `convergence` (L_con, of those of each replica's batch); `balance` (k);
    `refinement`, mean |refined - simulated| (0 = identity map); `diversity`, mean standard
    deviation of a pixel over the refined batch (0 = collapse), and `simulated_diversity`, over the
    simulated one; `convergence_smoothed`, see `Progress`; `generator_gradient` and
    `discriminator_gradient`, global norms of a replica's gradients. With `training.accumulate` the
    diversities and L_con are means over the parts of a batch.
    """

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        *,
        loss: LossConfig | None = None,
        ema_decay: float = 0.0,
        warmup_steps: int = 0,
        accumulate: int = 1,
        plateau_steps: int = 0,
        history: History | None = None,
        likeness: Likeness | None = None,
        perceptual: PerceptualDistance | None = None,
        **kwargs: Any,
    ) -> None:
        """Wires the parts.

        Args:
            generator: from `build_generator`.
            discriminator: from `build_discriminator`.
            loss: forms and weights of the losses; None takes the defaults.
            ema_decay: of the running average of the generator's weights; 0 keeps none.
            warmup_steps: see `TrainingConfig.warmup_steps`.
            accumulate: see `TrainingConfig.accumulate`.
            plateau_steps: see `TrainingConfig.plateau_steps`.
            history: of refined images, for one device only; None keeps none.
            likeness: the frozen recogniser of `loss.embedding_weight`, None without it.
            perceptual: the distance of `loss.perceptual_weight`, None without it.
            **kwargs: the model's name.
        """
        super().__init__(**kwargs)
        self.generator = generator
        self.discriminator = discriminator
        self.loss_config = loss or LossConfig()
        self.equilibrium = BoundaryEquilibrium(
            diversity_ratio=self.loss_config.diversity_ratio,
            balance_rate=self.loss_config.balance_rate,
            initial_balance=self.loss_config.initial_balance,
            name="equilibrium",
        )
        self.progress = Progress(plateau_steps, name="progress")
        self.history_buffer = history
        self.likeness = likeness
        self.perceptual = perceptual
        self._on_skin = _on_known_skin(generator) if self.loss_config.matte_weight else None
        self.accumulate = accumulate
        self.ema_decay = ema_decay
        self.warmup_steps = warmup_steps
        self.averages = [
            add_state(self, f"average_{index}", tf.convert_to_tensor(weight))
            for index, weight in enumerate(generator.trainable_variables if ema_decay else ())
        ]
        self._means = {name: keras.metrics.Mean(name=name) for name in METRIC_NAMES}
        self.built = True

    def compile(
        self,
        generator_optimizer: keras.optimizers.Optimizer,
        discriminator_optimizer: keras.optimizers.Optimizer,
        **kwargs: Any,
    ) -> None:
        """Sets and builds both optimisers; call it inside the strategy's scope.

        Args:
            generator_optimizer: for the refiner.
            discriminator_optimizer: for the discriminator, another object.
            **kwargs: as of `keras.Model.compile`, e.g. `jit_compile`, `run_eagerly`.
        """
        super().compile(optimizer=generator_optimizer, **kwargs)
        self.generator_optimizer = generator_optimizer
        self.discriminator_optimizer = discriminator_optimizer
        build_optimizer_weights(generator_optimizer, self.generator.trainable_variables)
        build_optimizer_weights(discriminator_optimizer, self.discriminator.trainable_variables)

    @property
    def named_optimizers(self) -> dict[str, keras.optimizers.Optimizer]:
        """Both optimisers by the prefix of their rates' names in logs."""
        return {
            "generator_": self.generator_optimizer,
            "discriminator_": self.discriminator_optimizer,
        }

    @staticmethod
    def status(values: Mapping[str, float]) -> str:
        """What the status line says of the metrics."""
        return (
            f"G {values['generator_loss']:.4f}  D {values['discriminator_loss']:.4f}"
            f"  L_con {values['convergence']:.4f}  k {values['balance']:.3f}"
            f"  moved {values['refinement']:.4f}"
        )

    @property
    def reconstructs(self) -> bool:
        """Whether the discriminator is an auto-encoder."""
        return REALISM[self.loss_config.adversarial] == "reconstruction"

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """Running means of what a step reports; whoever logs them resets them."""
        return list(self._means.values())

    def call(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Refines float32 images (N, H, W, 3) in [-1, 1] with the weights as they are trained."""
        return self.generator(images, training=training)

    def train_step(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """One step of both networks and of k.

        Args:
            batch: what `data.pipeline` delivers, of each domain the same number of images.

        Returns:
            The running means, by name.
        """
        # Read now: a cast may hand on the variable itself, which counts up during the step.
        step = tf.identity(tf.convert_to_tensor(self.progress.steps))
        adversaries = tf.cast(step >= self.warmup_steps, tf.float32)  # 0 in warm-up, then 1
        balance = tf.convert_to_tensor(self.equilibrium.balance)
        scales = {name: loss_scale(optimizer) for name, _, optimizer in self._opponents}

        def part(index: int | tf.Tensor) -> Part:
            return self._part(part_of(batch, index, self.accumulate), step, adversaries, scales)

        values, gradients = part(0) if self.accumulate == 1 else sum_of_parts(part, self.accumulate)
        for name, network, optimizer in self._opponents:
            norm = tf.linalg.global_norm(gradients[name])
            values[f"{name}_gradient"] = norm / scales[name] * _replicas()
            apply_scaled_gradients(optimizer, gradients[name], network.trainable_variables)

        # Without an auto-encoder there is nothing to balance.
        moving = adversaries if self.reconstructs else 0.0
        self.equilibrium.update(values["real_error"], values["refined_error"], moving=moving)
        self.progress.update(values["convergence"], adversaries)
        self._update_averages(step)
        values["balance"] = balance
        values["convergence_smoothed"] = tf.convert_to_tensor(self.progress.smoothed)
        for name, value in values.items():
            self._means[name].update_state(value)
        return {name: metric.result() for name, metric in self._means.items()}

    @property
    def _opponents(self) -> tuple[tuple[str, keras.Model, keras.optimizers.Optimizer], ...]:
        return (
            ("generator", self.generator, self.generator_optimizer),
            ("discriminator", self.discriminator, self.discriminator_optimizer),
        )

    def _part(
        self,
        batch: dict[str, tf.Tensor],
        step: tf.Tensor,
        adversaries: tf.Tensor,
        scales: dict[str, tf.Tensor],
    ) -> Part:
        """Values and scaled gradients of both losses, divided by parts and, these, replicas."""
        balance = tf.convert_to_tensor(self.equilibrium.balance)
        # Optimisers add gradients up over replicas.
        share = 1.0 / (_replicas() * self.accumulate)
        with tf.GradientTape(persistent=True) as tape:
            found = objectives(
                self.loss_config,
                self.generator,
                self.discriminator,
                batch,
                balance=balance,
                adversaries=adversaries,
                step=step,
                history=self.history_buffer,
                likeness=self.likeness,
                perceptual=self.perceptual,
                on_skin=self._on_skin,
            )
            wanted = {
                "generator": found.generator_loss * scales["generator"] * share,
                "discriminator": found.discriminator_loss * scales["discriminator"] * share,
            }
        gradients = {
            name: _or_zeros(
                tape.gradient(wanted[name], network.trainable_variables),
                network.trainable_variables,
            )
            for name, network, _ in self._opponents
        }
        del tape
        return Part(
            {name: found.values[name] / self.accumulate for name in _PART_NAMES},
            {name: [tf.convert_to_tensor(one) for one in own] for name, own in gradients.items()},
        )

    def copy_averages_to(self, generator: keras.Model) -> None:
        """Gives `generator`, a twin of the trained one, the averaged weights (plain if none)."""
        sources = self.averages or self.generator.trainable_variables
        for target, source in zip(generator.trainable_variables, sources, strict=True):
            target.assign(source)

    def _update_averages(self, step: tf.Tensor) -> None:
        # Early on the average follows closely, or the first weights would linger in it.
        count = tf.cast(step, tf.float32)
        decay = tf.minimum(self.ema_decay, (1.0 + count) / (10.0 + count))
        for average, weight in zip(
            self.averages, self.generator.trainable_variables if self.averages else (), strict=True
        ):
            value = tf.convert_to_tensor(weight)
            average.assign(value + decay * (tf.convert_to_tensor(average) - value))


def _on_known_skin(generator: keras.Model) -> Callable[..., tuple[tf.Tensor, tf.Tensor]]:
    """The refiner, told where the skin is, and its own matte; a closure tracks no weights twice."""
    parts = keras.Model(generator.inputs, generator.get_layer(CHANGE).input)

    def refine(images: tf.Tensor, skin: tf.Tensor, training: bool) -> tuple[tf.Tensor, tf.Tensor]:
        images, light, hue, detail, matte = parts(images, training=training)
        return changed(images, light, hue, detail, skin), matte

    return refine


def _or_zeros(gradients: list[tf.Tensor | None], variables: list[Any]) -> list[tf.Tensor]:
    """Zeros for what a loss does not reach: an unused head of the discriminator, or a matte."""
    return [
        tf.zeros_like(tf.convert_to_tensor(variable)) if gradient is None else gradient
        for gradient, variable in zip(gradients, variables, strict=True)
    ]


def _replicas() -> int:
    return tf.distribute.get_strategy().num_replicas_in_sync
