"""A refiner's mean answer to an image, to its mirror image and to the image moved a little."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from dagan_tf.errors import DaganError

TRANSFORMS = ("mirror", "shift")
# Pixels by which the image is moved, along both axes: with 0, a refiner of stride 2 or 4 meets it
# at each diagonal place of its grid.
SHIFTS = (1, 2, 3)
# Near the border a moved image lacks what was moved out: where that may be its answer does not
# count, and over so many pixels inwards it comes to count in full.
_PASSAGE = 4.0


@keras.saving.register_keras_serializable(package="dagan_tf")
class Mirror(keras.layers.Layer):
    """(N, H, W, C) -> the same, left and right exchanged."""

    def call(self, images: tf.Tensor) -> tf.Tensor:
        """The images, left and right exchanged; float (N, H, W, C)."""
        return tf.reverse(images, axis=[2])

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The images' own shape."""
        return shape


@keras.saving.register_keras_serializable(package="dagan_tf")
class Shift(keras.layers.Layer):
    """(N, H, W, C) -> the same, moved right and down by `pixels`, the border repeated."""

    def __init__(self, pixels: int, **settings: object) -> None:
        """Sets the distance.

        Args:
            pixels: how far, > 0 to the right and down.
            **settings: the layer's name.
        """
        super().__init__(**settings)
        self.pixels = pixels

    def call(self, images: tf.Tensor) -> tf.Tensor:
        """The images, moved; float (N, H, W, C)."""
        for axis in (1, 2):
            side = tf.shape(images)[axis]
            place = tf.clip_by_value(tf.range(side) - self.pixels, 0, side - 1)
            images = tf.gather(images, place, axis=axis)
        return images

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The images' own shape."""
        return shape

    def get_config(self) -> dict[str, object]:
        """The layer's settings, from which Keras builds it anew."""
        return {**super().get_config(), "pixels": self.pixels}


@keras.saving.register_keras_serializable(package="dagan_tf")
class InnerMean(keras.layers.Layer):
    """[(N, H, W, C), ...] -> their mean; towards the border the first counts more and more."""

    def call(self, answers: list[tf.Tensor]) -> tf.Tensor:
        """The mean of answers of one shape, float (N, H, W, C), as float32."""
        first, *others = (tf.cast(answer, tf.float32) for answer in answers)
        rows, columns = (_inside(tf.shape(first)[axis]) for axis in (1, 2))
        weight = tf.minimum(tf.reshape(rows, (1, -1, 1, 1)), tf.reshape(columns, (1, 1, -1, 1)))
        return (first + weight * tf.add_n(others)) / (1.0 + weight * len(others))

    def compute_output_shape(self, shapes: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        """The first answer's shape."""
        return shapes[0]


def check_transforms(transforms: Sequence[str]) -> None:
    """Raises DaganError if one of them is not of `TRANSFORMS`, or is named twice."""
    for place, name in enumerate(transforms):
        if name not in TRANSFORMS:
            raise DaganError(f"average over {name!r}; expected of {', '.join(TRANSFORMS)}")
        if name in transforms[:place]:
            raise DaganError(f"average over {name!r} twice; expected each once")


def self_ensemble(generator: keras.Model, transforms: Sequence[str]) -> keras.Model:
    """A refiner that answers with a mean over transforms of the image, undone in the answers.

    A refiner has the same aim for a face, for its mirror image and for the face moved by a pixel;
    where its answers differ it is by chance, and their mean has less of that: faces keep their
    likeness better (docs/lab-notebook.md). The self-ensemble of Timofte, Rothe and Van Gool,
    "Seven ways to improve example-based single image super resolution", CVPR 2016.

    Args:
        generator: from float32 (N, H, W, 3) to the same shape; its weights are shared, not copied.
        transforms: Of `TRANSFORMS`: `mirror` doubles the time and treats left and right alike,
            `shift` takes four times the time and evens out the grid of a generator's stride. Both
            together take eight times the time. Sides of less than nine pixels are not moved.

    Returns:
        Model of the same input and output.

    Raises:
        DaganError: As `check_transforms`.
    """
    check_transforms(transforms)
    if "shift" in transforms:
        generator = _average_shifts(generator)
    if "mirror" in transforms:
        generator = _average_mirror(generator)
    return generator


def _average_mirror(generator: keras.Model) -> keras.Model:
    images = keras.Input(generator.input_shape[1:], name="images")
    back = Mirror(name="mirror_back")(generator(Mirror(name="mirror")(images)))
    average = keras.layers.Average(dtype="float32", name="average")([generator(images), back])
    return keras.Model(images, average, name="generator")


def _average_shifts(generator: keras.Model) -> keras.Model:
    images = keras.Input(generator.input_shape[1:], name="images")
    answers = [generator(images)]
    for pixels in SHIFTS:
        moved = Shift(-pixels, name=f"shift_{pixels}")(images)
        answers.append(Shift(pixels, name=f"shift_{pixels}_back")(generator(moved)))
    average = InnerMean(dtype="float32", name="inner_mean")(answers)
    return keras.Model(images, average, name="generator")


def _inside(side: tf.Tensor) -> tf.Tensor:
    """(side,) float32 in [0, 1]: how far a row or column counts as inside the image."""
    place = tf.range(side)
    border = tf.cast(tf.minimum(place, side - 1 - place), tf.float32)
    return tf.clip_by_value((border - max(SHIFTS)) / _PASSAGE, 0.0, 1.0)
