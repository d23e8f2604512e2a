"""Layers shared by the refiner and the discriminator."""

import keras
import tensorflow as tf


class _Scaling(keras.layers.Layer):
    """A layer whose output is `factor` times as large as its input, or as small."""

    def __init__(self, factor: int, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.factor = factor

    def get_config(self) -> dict[str, object]:
        return {**super().get_config(), "factor": self.factor}

    def _enlarged(self, *sides: int | None) -> list[int | None]:
        return [None if side is None else side * self.factor for side in sides]


@keras.saving.register_keras_serializable(package="dagan_tf")
class Leaky(keras.layers.Layer):
    """max(x, x / 5), any shape: Keras' LeakyReLU as TensorFlow does not recognise it.

    Where a sum is read by this and by another layer, TensorFlow's optimiser of graphs wants to fuse
    it with the convolution before, fails, and says so on stderr ("remapper failed") at every start.
    """

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """The larger one."""
        return 0.6 * x + 0.4 * tf.abs(x)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The same."""
        return shape


@keras.saving.register_keras_serializable(package="dagan_tf")
class SpaceToDepth(_Scaling):
    """(N, H, W, C) -> (N, H/f, W/f, C·f²): folds f x f pixels into channels, losing nothing."""

    def call(self, images: tf.Tensor) -> tf.Tensor:
        """Folds float images (N, H, W, C); ValueError if a side is not a multiple of `factor`."""
        self._check_sides(images.shape)
        return tf.nn.space_to_depth(images, self.factor)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(N, H/f, W/f, C·f²); ValueError as `call`."""
        self._check_sides(shape)
        batch, height, width, channels = shape
        smaller = [None if side is None else side // self.factor for side in (height, width)]
        return (batch, *smaller, (channels or 0) * self.factor**2)

    def _check_sides(self, shape: tuple[int | None, ...]) -> None:
        for name, side in (("height", shape[1]), ("width", shape[2])):
            if side is not None and side % self.factor:
                raise ValueError(f"image {name} {side} is no multiple of downsample {self.factor}")


@keras.saving.register_keras_serializable(package="dagan_tf")
class DepthToSpace(_Scaling):
    """(N, H, W, C·f²) -> (N, H·f, W·f, C): the inverse of `SpaceToDepth`."""

    def call(self, features: tf.Tensor) -> tf.Tensor:
        """Unfolds float features (N, H, W, C·f²)."""
        return tf.nn.depth_to_space(features, self.factor)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(N, H·f, W·f, C)."""
        batch, height, width, channels = shape
        return (batch, *self._enlarged(height, width), (channels or 0) // self.factor**2)


@keras.saving.register_keras_serializable(package="dagan_tf")
class Enlarge(_Scaling):
    """(N, H, W, C) -> (N, H·f, W·f, C), bilinear; also of sides that are known only at run time."""

    def call(self, features: tf.Tensor) -> tf.Tensor:
        """Enlarges float features (N, H, W, C)."""
        return tf.image.resize(features, self.factor * tf.shape(features)[1:3])

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(N, H·f, W·f, C)."""
        batch, height, width, channels = shape
        return (batch, *self._enlarged(height, width), channels)
