"""BEGAN's proportional control: k keeps refined and real reconstruction errors in a ratio."""

import keras
import tensorflow as tf

from dagan_tf.core.keras_compat import add_state
from dagan_tf.gan.losses import convergence_measure


@keras.saving.register_keras_serializable(package="dagan_tf")
class BoundaryEquilibrium(keras.layers.Layer):
    """Holds k and moves it: k <- clip(k + alpha·(gamma·L(real) - L(refined)), 0, 1).

    k may rest at 0 for long while training is healthy: refined images that are as easy to
    reconstruct as reals pull it down when gamma < 1.

    Attributes:
        balance: float32 scalar variable, k.
    """

    def __init__(
        self,
        *,
        diversity_ratio: float = 0.5,
        balance_rate: float = 0.001,
        initial_balance: float = 0.0,
        **kwargs: object,
    ) -> None:
        """Creates k.

        Args:
            diversity_ratio: gamma, wanted L(refined) / L(real).
            balance_rate: alpha.
            initial_balance: k_0 in [0, 1].
            **kwargs: the layer's name.
        """
        super().__init__(**kwargs)
        self.diversity_ratio = diversity_ratio
        self.balance_rate = balance_rate
        self.initial_balance = initial_balance
        self.balance = add_state(self, "balance", initial_balance)
        self.built = True

    def update(
        self, real_error: tf.Tensor, refined_error: tf.Tensor, *, moving: tf.Tensor | float = 1.0
    ) -> None:
        """Moves k by one step.

        Args:
            real_error: float32 scalar, mean reconstruction error of the replica's reals.
            refined_error: float32 scalar, of its refined images.
            moving: 1, or 0 to leave k where it is.
        """
        step = self.balance_rate * (self.diversity_ratio * real_error - refined_error)
        context = tf.distribute.get_replica_context()
        if context is not None and context.num_replicas_in_sync > 1:
            # Averaged before clipping: the clip of a mean is not the mean of clips.
            step = context.all_reduce(tf.distribute.ReduceOp.MEAN, step)
        self.balance.assign(tf.clip_by_value(self.balance + moving * step, 0.0, 1.0))

    def measure(self, real_error: tf.Tensor, refined_error: tf.Tensor) -> tf.Tensor:
        """L_con of mean errors, see `convergence_measure`."""
        return convergence_measure(real_error, refined_error, self.diversity_ratio)

    def get_config(self) -> dict[str, object]:
        """The layer's settings, from which Keras builds it anew."""
        return {
            **super().get_config(),
            "diversity_ratio": self.diversity_ratio,
            "balance_rate": self.balance_rate,
            "initial_balance": self.initial_balance,
        }
