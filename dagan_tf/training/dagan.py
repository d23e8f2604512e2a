"""DA-GAN as one Keras model: `fit` trains refiner and discriminator together."""

from typing import Any

import keras
import tensorflow as tf

from dagan_tf.compat import add_state
from dagan_tf.config import LossConfig
from dagan_tf.training import losses
from dagan_tf.training.equilibrium import BoundaryEquilibrium

METRIC_NAMES = (
    "generator_loss",
    "discriminator_loss",
    "pose_loss",
    "identity_loss_real",
    "identity_loss_refined",
    "real_error",
    "refined_error",
    "convergence",
    "balance",
    "refinement",
    "diversity",
)


class DAGAN(keras.Model):
    """Trains a refiner against a dual-agent discriminator (Zhao et al., NIPS 2017).

    A batch is a dict: `simulated` and `real` float32 (B, S, S, 3) in [-1, 1], `mask` float32
    (B, S, S, 1) in [0, 1], `simulated_label` and `real_label` int32 (B,), -1 = unlabelled.
    Replicas must get equally many images. `call` refines, unclipped.

    Metrics, all means since the last reset: the losses; `real_error` and `refined_error`, the
    auto-encoder's; `convergence` (L_con, of those of each replica's batch); `balance` (k);
    `refinement`, mean |refined - simulated| (0 = identity map); `diversity`, mean standard
    deviation of a pixel over the refined batch (0 = collapse).
    """

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        *,
        loss: LossConfig | None = None,
        ema_decay: float = 0.0,
        warmup_steps: int = 0,
        **kwargs: Any,
    ) -> None:
        """Wires the parts.

        Args:
            generator: from `build_generator`.
            discriminator: from `build_discriminator`.
            loss: forms and weights of the losses; None takes the defaults.
            ema_decay: of the running average of the generator's weights; 0 keeps none.
            warmup_steps: see `TrainingConfig.warmup_steps`.
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
        generator_optimizer.build(self.generator.trainable_variables)
        discriminator_optimizer.build(self.discriminator.trainable_variables)

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return list(self._means.values())

    def call(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
        return self.generator(images, training=training)

    def train_step(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        config = self.loss_config
        balance = tf.convert_to_tensor(self.equilibrium.balance)
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        # Read now: a cast may hand on the variable itself, which counts up during the step.
        step = tf.identity(tf.convert_to_tensor(self.generator_optimizer.iterations))
        adversaries = tf.cast(step >= self.warmup_steps, tf.float32)  # 0 in warm-up, then 1
        simulated = batch["simulated"]

        with tf.GradientTape(persistent=True) as tape:
            refined = self.generator(simulated, training=True)
            real_back, real_logits = self.discriminator(batch["real"], training=True)
            refined_back, refined_logits = self.discriminator(refined, training=True)

            mean = tf.reduce_mean
            real_error = mean(losses.reconstruction_error(batch["real"], real_back))
            refined_error = mean(losses.reconstruction_error(refined, refined_back))
            pose = mean(
                losses.pose_perception(
                    simulated,
                    refined,
                    batch["mask"],
                    outside_weight=config.pose_mask_weight,
                    scale=config.pose_scale,
                )
            )
            identity_real = mean(
                losses.identity_perception(real_logits, batch["real_label"], config.identity)
            )
            identity_refined = mean(
                losses.identity_perception(
                    refined_logits, batch["simulated_label"], config.identity
                )
            )
            discriminator_loss = losses.adversarial_discriminator(
                real_error, refined_error, balance
            ) + config.identity_weight * (identity_real + identity_refined)
            generator_loss = config.pose_weight * pose + adversaries * (
                losses.adversarial_generator(refined_error, balance, config.adversarial)
                + config.identity_weight * identity_refined
            )
            # Optimisers add gradients up over replicas.
            discriminator_objective = discriminator_loss / replicas
            generator_objective = generator_loss / replicas

        for objective, network, optimizer in (
            (discriminator_objective, self.discriminator, self.discriminator_optimizer),
            (generator_objective, self.generator, self.generator_optimizer),
        ):
            variables = network.trainable_variables
            gradients = tape.gradient(objective, variables)
            optimizer.apply_gradients(zip(gradients, variables, strict=True))
        del tape

        self.equilibrium.update(real_error, refined_error, moving=adversaries)
        self._update_averages(step)
        self._update_metrics(
            generator_loss=generator_loss,
            discriminator_loss=discriminator_loss,
            pose_loss=pose,
            identity_loss_real=identity_real,
            identity_loss_refined=identity_refined,
            real_error=real_error,
            refined_error=refined_error,
            convergence=self.equilibrium.measure(real_error, refined_error),
            balance=balance,
            refinement=mean(tf.abs(refined - simulated)),
            diversity=mean(tf.math.reduce_std(refined, axis=0)),
        )
        return {name: metric.result() for name, metric in self._means.items()}

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

    def _update_metrics(self, **values: tf.Tensor) -> None:
        for name, value in values.items():
            self._means[name].update_state(value)
