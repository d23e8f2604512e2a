"""The learning rate: constant, halved, or falling evenly at the end, down to a floor."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="dagan_tf")
class FallingSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """max(initial · scale · 2^-(step // decay_steps) · what is left, floor).

    What is left is 1 until linear_steps before the end and falls to 0 from there.

    BEGAN collapses when it goes on falling, hence the floor.
    """

    def __init__(
        self,
        initial: float,
        decay_steps: int,
        floor: float,
        scale: tf.Variable | None = None,
        *,
        steps: int = 0,
        linear_steps: int = 0,
    ) -> None:
        """Sets the rates.

        Args:
            initial: rate at step 0.
            decay_steps: 0 = no halving by step.
            floor: lowest rate; above `initial` it is ignored.
            scale: float32 scalar that others change, such as `Progress.rate_scale`; None = 1.
            steps: of the whole training, for linear_steps.
            linear_steps: the last so many steps the rate falls evenly; 0 = none.
        """
        super().__init__()
        self.initial = initial
        self.decay_steps = decay_steps
        self.floor = floor
        self.scale = scale
        self.steps = steps
        self.linear_steps = linear_steps

    def __call__(self, step: tf.Tensor | int) -> tf.Tensor:
        """The rate at a step, float32 scalar."""
        rate = tf.constant(self.initial, tf.float32)
        if self.decay_steps:
            halvings = tf.floor(tf.cast(step, tf.float32) / float(self.decay_steps))
            rate *= tf.pow(0.5, halvings)
        if self.linear_steps:
            left = (float(self.steps) - tf.cast(step, tf.float32)) / float(self.linear_steps)
            rate *= tf.clip_by_value(left, 0.0, 1.0)
        if self.scale is not None:
            rate *= tf.convert_to_tensor(self.scale)
        return tf.maximum(rate, min(self.floor, self.initial))

    def get_config(self) -> dict[str, float]:
        """The schedule's settings; `scale` is not among them."""
        return {
            "initial": self.initial,
            "decay_steps": self.decay_steps,
            "floor": self.floor,
            "steps": self.steps,
            "linear_steps": self.linear_steps,
        }
