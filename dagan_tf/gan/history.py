"""Refined images of earlier steps, which the discriminator sees again (SimGAN's history buffer)."""

import keras
import tensorflow as tf

from dagan_tf.core.keras_compat import add_state


@keras.saving.register_keras_serializable(package="dagan_tf")
class History(keras.layers.Layer):
    """A ring of refined images and labels, kept in variables so that checkpoints hold it.

    At each exchange half of the batch enters: in order while there is room, later in place of
    images drawn at random. The other way, images drawn at random replace that half, once as many
    are there.

    Attributes:
        filled: int64 scalar variable, images that ever entered, at most the size.
    """

    def __init__(self, size: int, image_size: int, seed: int = 0, **kwargs: object) -> None:
        """Starts empty.

        Args:
            size: images kept, at least 1.
            image_size: pixels.
            seed: of the draws.
            **kwargs: the layer's name.
        """
        super().__init__(**kwargs)
        self.size = size
        self.image_size = image_size
        self.seed = seed
        self.images = add_state(self, "images", tf.zeros((size, image_size, image_size, 3)))
        self.labels = add_state(self, "labels", tf.zeros((size,), tf.int64), "int64")
        self.filled = add_state(self, "filled", tf.constant(0, tf.int64), "int64")
        self.built = True

    def exchange(
        self, images: tf.Tensor, labels: tf.Tensor, step: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Swaps half of a batch for older images.

        Args:
            images: float32 (N, S, S, 3), N even and at most twice the size.
            labels: int32 (N,).
            step: int64 scalar; fixes the draws together with the seed.

        Returns:
            Images and labels of the same shapes: the second half is the batch's own.
        """
        half = min(images.shape[0] // 2, self.size)
        filled = tf.convert_to_tensor(self.filled)
        keys = tf.random.stateless_uniform([2, self.size], seed=tf.stack([step, self.seed + 77]))
        places = tf.range(self.size, dtype=tf.int64)
        # Empty places sort behind the filled ones: never drawn while enough are filled.
        drawn = tf.argsort(tf.where(places < filled, keys[0], 2.0))[:half]
        enough = filled >= half
        old_images = tf.gather(tf.convert_to_tensor(self.images), drawn)
        old_labels = tf.cast(tf.gather(tf.convert_to_tensor(self.labels), drawn), labels.dtype)
        shown_images = tf.where(enough, old_images, images[:half])
        shown_labels = tf.where(enough, old_labels, labels[:half])

        # The lowest keys enter: empty places in order first, then filled ones at random.
        empty_first = tf.where(
            places < filled, 1.0 + keys[1], tf.cast(places, tf.float32) / self.size
        )
        entered = tf.argsort(empty_first)[:half, None]
        self.images.assign(
            tf.tensor_scatter_nd_update(tf.convert_to_tensor(self.images), entered, images[:half])
        )
        self.labels.assign(
            tf.tensor_scatter_nd_update(
                tf.convert_to_tensor(self.labels), entered, tf.cast(labels[:half], tf.int64)
            )
        )
        self.filled.assign(tf.minimum(filled + half, self.size))
        return (
            tf.concat([shown_images, images[half:]], axis=0),
            tf.concat([shown_labels, labels[half:]], axis=0),
        )

    def get_config(self) -> dict[str, object]:
        """The layer's settings, from which Keras builds it anew."""
        return {
            **super().get_config(),
            "size": self.size,
            "image_size": self.image_size,
            "seed": self.seed,
        }
