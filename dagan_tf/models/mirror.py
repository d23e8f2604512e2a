"""A refiner's mean answer to an image and to its mirror image."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="dagan_tf")
class Mirror(keras.layers.Layer):
    """(N, H, W, C) -> the same, left and right exchanged."""

    def call(self, images: tf.Tensor) -> tf.Tensor:
        return tf.reverse(images, axis=[2])

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return shape


def average_mirror(generator: keras.Model) -> keras.Model:
    """A refiner that treats left and right alike, in twice the time.

    What a refiner does to a face and to its mirror image has the same aim; where the two differ it
    is chance, and the mean has less of it: faces keep their likeness better
    (docs/experiments.md).

    Args:
        generator: from float32 (N, H, W, 3) to the same shape; its weights are shared, not copied.

    Returns:
        Model of the same input and output; mirrored images give mirrored answers.
    """
    images = keras.Input(generator.input_shape[1:], name="images")
    back = Mirror(name="mirror_back")(generator(Mirror(name="mirror")(images)))
    average = keras.layers.Average(dtype="float32", name="average")([generator(images), back])
    return keras.Model(images, average, name="generator")
