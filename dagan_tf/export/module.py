"""A generator with its pre- and post-processing in one graph, behind named signatures."""

import os

import keras
import tensorflow as tf

from dagan_tf.core.pixels import tensor_from_signed, tensor_to_signed
from dagan_tf.errors import DaganError

SIGNATURES = ("serving_default", "float", "encoded")


class ExportError(DaganError):
    """A generator that cannot be exported, or an export that does not answer as it should."""


class ExportModule(tf.Module):
    """A generator with its pre- and post-processing behind three named signatures.

    | signature | input | output |
    |---|---|---|
    | `serving_default` | `images` uint8 (N, H, W, 3) | `refined` uint8 (N, H, W, 3) |
    | `float` | `images` float32 (N, H, W, 3), [-1, 1] | `refined` float32 (N, H, W, 3), [-1, 1] |
    | `encoded` | `image_bytes` (N,) JPEG or PNG | `refined_bytes` (N,) PNG of the training size |

    N, H and W are free, from 1 on. Sides that are not multiples of the generator's stride are
    extended at the right and bottom by mirroring, and the answer is cut back. `encoded` takes
    images of different sizes in one request: from each the central square is cut and resized
    (antialiased) to the training size unless it has it already, so that what comes back never
    depends on the other images of a batch; grey becomes RGB, an alpha channel is dropped, and an
    EXIF orientation is not applied.
    """

    def __init__(self, generator: keras.Model, *, image_size: int, stride: int = 1) -> None:
        """Wraps a generator.

        Args:
            generator: float32 (N, H, W, 3) in [-1, 1] to the same shape, with free H and W.
            image_size: Side in pixels the generator was trained at; the size `encoded` works in.
            stride: Number by which the generator needs both sides to be divisible.

        Raises:
            ExportError: The generator takes something else, or a number is not positive.
        """
        super().__init__(name="dagan_refiner")
        for name, value in (("image_size", image_size), ("stride", stride)):
            if value < 1:
                raise ExportError(f"{name} is {value}; expected a positive number of pixels")
        shape = tuple(generator.inputs[0].shape)
        if len(generator.inputs) != 1 or shape != (None, None, None, 3):
            raise ExportError(
                f"the generator takes {len(generator.inputs)} input(s) of shape {shape}; expected "
                "one of shape (None, None, None, 3), so that images of any size can be served"
            )
        self.generator = generator
        self.image_size = image_size
        self.stride = stride

    @tf.function(
        input_signature=[tf.TensorSpec((None, None, None, 3), tf.uint8, "images")], autograph=False
    )
    def refine_uint8(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        """Signature `serving_default`."""
        return {"refined": tensor_from_signed(self._refine(tensor_to_signed(images)))}

    @tf.function(
        input_signature=[tf.TensorSpec((None, None, None, 3), tf.float32, "images")],
        autograph=False,
    )
    def refine_float(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        """Signature `float`."""
        return {"refined": tf.clip_by_value(self._refine(images), -1.0, 1.0)}

    @tf.function(
        input_signature=[tf.TensorSpec((None,), tf.string, "image_bytes")], autograph=False
    )
    def refine_encoded(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        """Signature `encoded`."""
        size = self.image_size
        images = tf.map_fn(
            lambda data: _decode_square(data, size),
            image_bytes,
            fn_output_signature=tf.TensorSpec((size, size, 3), tf.uint8),
        )
        refined = tensor_from_signed(self._refine(tensor_to_signed(images)))
        encoded = tf.map_fn(tf.io.encode_png, refined, fn_output_signature=tf.string)
        return {"refined_bytes": encoded}

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Writes the SavedModel with its three signatures into `folder`.

        Raises:
            ExportError: It cannot be written.
        """
        signatures = {
            "serving_default": self.refine_uint8,
            "float": self.refine_float,
            "encoded": self.refine_encoded,
        }
        # Not this module itself: through it TensorFlow would come upon Keras 3's wrappers of the
        # variables and save those, by names of their own (Variable_3) that no signature reads.
        # `tf.saved_model.load` does not mind; a session, TensorFlow Serving's, finds no weights.
        saved = tf.Module(name=self.name)
        saved.weights = [
            variable if isinstance(variable, tf.Variable) else variable.value
            for variable in self.generator.variables
        ]
        try:
            tf.saved_model.save(saved, os.fspath(folder), signatures=signatures)
        except tf.errors.OpError as error:  # A full disk, for one: TensorFlow's writers raise it.
            raise ExportError(f"{folder}: cannot be written: {error.message}") from error

    def _refine(self, images: tf.Tensor) -> tf.Tensor:
        # Convolutions answer an empty batch with errors that name anything but its emptiness.
        message = "no images, or images of no height or width, cannot be refined"
        with tf.control_dependencies([tf.debugging.assert_positive(tf.size(images), message)]):
            height, width = tf.unstack(tf.shape(images)[1:3])
            images = tf.identity(images)
        padded = _mirror_up(_mirror_up(images, 1, self.stride), 2, self.stride)
        refined = tf.cast(self.generator(padded, training=False), tf.float32)
        return tf.ensure_shape(refined[:, :height, :width], (None, None, None, 3))


def _mirror_up(images: tf.Tensor, axis: int, stride: int) -> tf.Tensor:
    """Extends one axis at its end, mirroring as often as needed, to a size the generator takes."""
    side = tf.shape(images)[axis]
    # Of positive numbers only: ONNX rounds the quotient of a negative one towards zero.
    multiple = (side + stride - 1) // stride * stride
    # tf.pad's REFLECT refuses to add more than the image has; indices that run to and fro do not.
    period = tf.maximum(2 * (side - 1), 1)
    place = tf.range(multiple) % period
    return tf.gather(images, tf.minimum(place, period - place), axis=axis)


def _decode_square(data: tf.Tensor, size: int) -> tf.Tensor:
    image = tf.io.decode_image(data, channels=3, expand_animations=False)
    image = tf.ensure_shape(image, (None, None, 3))
    height, width = tf.shape(image)[0], tf.shape(image)[1]

    def resize() -> tf.Tensor:
        side = tf.minimum(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        square = image[top : top + side, left : left + side]
        resized = tf.image.resize(square, (size, size), antialias=True)
        return tf.cast(tf.clip_by_value(tf.round(resized), 0.0, 255.0), tf.uint8)

    fits = tf.logical_and(tf.equal(height, size), tf.equal(width, size))
    return tf.ensure_shape(tf.cond(fits, lambda: image, resize), (size, size, 3))
