"""The learning rate: constant, or halved every so many steps down to a floor (BEGAN's)."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="dagan_tf")
class HalvingSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """max(initial · 2^-(step // decay_steps), floor); BEGAN collapses when it goes on falling."""

    def __init__(self, initial: float, decay_steps: int, floor: float) -> None:
        """Args: initial: rate at step 0. decay_steps: 0 = constant. floor: > initial is ignored."""
        super().__init__()
        self.initial = initial
        self.decay_steps = decay_steps
        self.floor = floor

    def __call__(self, step: tf.Tensor | int) -> tf.Tensor:
        initial = tf.constant(self.initial, tf.float32)
        if not self.decay_steps:
            return initial
        halvings = tf.floor(tf.cast(step, tf.float32) / float(self.decay_steps))
        return tf.maximum(initial * tf.pow(0.5, halvings), min(self.floor, self.initial))

    def get_config(self) -> dict[str, float]:
        return {"initial": self.initial, "decay_steps": self.decay_steps, "floor": self.floor}
