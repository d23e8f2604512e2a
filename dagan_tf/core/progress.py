"""How training gets on: steps done, smoothed L_con, and the factor on the learning rates."""

import keras
import tensorflow as tf

from dagan_tf.core.keras_compat import add_state

SMOOTHING = 0.99
_IMPROVEMENT = 1e-3


@keras.saving.register_keras_serializable(package="dagan_tf")
class Progress(keras.layers.Layer):
    """State that decides about the learning rates, all of it in checkpoints.

    Attributes:
        steps: int64 scalar variable, training steps done. Unlike an optimiser's count it includes
            steps that float16's loss scaling skipped.
        smoothed: float32, running mean (decay 0.99) of L_con since the warm-up; 0 before.
        best: float32, lowest `smoothed` that counted as an improvement.
        best_step: int64, when that was, or when the rates were last halved.
        rate_scale: float32, factor on both learning rates.
    """

    def __init__(self, plateau_steps: int = 0, **kwargs: object) -> None:
        """Starts at step 0.

        Args:
            plateau_steps: halve the rates after this many steps without improvement; 0 = never.
            **kwargs: the layer's name.
        """
        super().__init__(**kwargs)
        self.plateau_steps = plateau_steps
        self.steps = add_state(self, "steps", tf.constant(0, tf.int64), "int64")
        self.smoothed = add_state(self, "smoothed", 0.0)
        self.best = add_state(self, "best", float("inf"))
        self.best_step = add_state(self, "best_step", tf.constant(0, tf.int64), "int64")
        self.rate_scale = add_state(self, "rate_scale", 1.0)
        self.built = True

    def update(self, convergence: tf.Tensor, counting: tf.Tensor) -> None:
        """Counts a step.

        Args:
            convergence: float32 scalar, L_con of the replica's batch.
            counting: float32 scalar, 1, or 0 during warm-up: only the step is counted then.
        """
        context = tf.distribute.get_replica_context()
        if context is not None and context.num_replicas_in_sync > 1:
            convergence = context.all_reduce(tf.distribute.ReduceOp.MEAN, convergence)
        step = tf.convert_to_tensor(self.steps) + 1
        before = tf.convert_to_tensor(self.smoothed)
        first = tf.math.is_inf(tf.convert_to_tensor(self.best))
        smoothed = tf.where(first, convergence, SMOOTHING * before + (1 - SMOOTHING) * convergence)
        best = tf.convert_to_tensor(self.best)
        counts = counting > 0
        better = counts & (smoothed < best * (1 - _IMPROVEMENT))
        best_step = tf.where(better | ~counts, step, tf.convert_to_tensor(self.best_step))
        if self.plateau_steps:
            flat = counts & (step - best_step >= self.plateau_steps)
            scale = tf.convert_to_tensor(self.rate_scale)
            self.rate_scale.assign(tf.where(flat, 0.5 * scale, scale))
            best_step = tf.where(flat, step, best_step)
        self.smoothed.assign(tf.where(counts, smoothed, before))
        self.best.assign(tf.where(better, smoothed, best))
        self.best_step.assign(best_step)
        self.steps.assign(step)

    def get_config(self) -> dict[str, object]:
        """The layer's settings, from which Keras builds it anew."""
        return {**super().get_config(), "plateau_steps": self.plateau_steps}
