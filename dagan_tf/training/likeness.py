"""A third agent beside the discriminator's two: a frozen face recogniser keeps who a face is."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from dagan_tf.config import DataConfig
from dagan_tf.data.records import parse_example, read_index, shard_paths
from dagan_tf.errors import DaganError
from dagan_tf.models.face_chips import FaceChips
from dagan_tf.models.face_embedding import EMBEDDING_SIZE, FaceEmbedding
from dagan_tf.training.losses import embedding_perception

# So many images of a folder tell its mean well enough: the error is a sixtieth of the spread.
_MOST_IMAGES = 4096
_BATCH = 32
# Chips are moved by up to these either way: parts of the frame's side to the right and down, part
# of their own size, radians.
_MOVES = (0.04, 0.04, 0.1, 0.15)


class Likeness:
    """Wants a refined face where dlib's network finds the simulated one, moved by a common step.

    The step is the mean difference between real and simulated faces: what all simulated faces have
    in common and no real one has. It is what a refiner should change; what tells two people apart
    it should not. Chips are moved a little at random and half of them lose their colour: what
    pleases the network only in one place or by tinting the face is worth little then.
    """

    def __init__(self, image_size: int, gap: np.ndarray | None = None) -> None:
        """Loads the network.

        Args:
            image_size: side of the training images, pixels.
            gap: float32 (2, 128), mean embedding of the reals less that of the simulated faces,
                in colour and in grey; None for zeros.
        """
        self._chips = FaceChips(image_size)
        self._network = FaceEmbedding()
        self._gap = tf.constant(np.zeros((2, EMBEDDING_SIZE)) if gap is None else gap, tf.float32)

    @classmethod
    def measured(
        cls,
        simulated: str | os.PathLike[str],
        real: str | os.PathLike[str],
        config: DataConfig,
    ) -> Likeness:
        """The likeness agent of two record folders, whose gap it measures.

        Raises:
            DaganError: a folder has an image whose yaw is unknown, or cannot be read.
        """
        found = cls(config.image_size)
        before, aim = (found._mean(folder, config) for folder in (simulated, real))
        found._gap = tf.constant(aim - before, tf.float32)
        return found

    def __call__(
        self, simulated: tf.Tensor, refined: tf.Tensor, yaws: tf.Tensor, draws: tf.Tensor
    ) -> tf.Tensor:
        """The loss of refined faces.

        Args:
            simulated: float32 (N, S, S, 3), [-1, 1], in the canonical frame.
            refined: float32 (N, S, S, 3).
            yaws: float32 (N,), degrees.
            draws: float32 (N, 5) in [0, 1), random: below 0.5 the two lose their colour; they are
                moved right and down by up to 0.04 sides, scaled by up to 10 % and turned by up to
                0.15 radians, 0.5 leaves them in place.

        Returns:
            float32 (N,), see `losses.embedding_perception`.
        """
        grey = draws[:, 0] < 0.5
        moves = tf.constant(_MOVES) * (2.0 * draws[:, 1:] - 1.0)
        before, after = (
            self.embed(tf.where(grey[:, None, None, None], _grey(images), images), yaws, moves)
            for images in (simulated, refined)
        )
        return embedding_perception(before, after, tf.gather(self._gap, tf.cast(grey, tf.int32)))

    def embed(
        self, images: tf.Tensor, yaws: tf.Tensor, moves: tf.Tensor | None = None
    ) -> tf.Tensor:
        """dlib's embeddings, float32 (N, 128), of images in the canonical frame.

        Args:
            images: float32 (N, S, S, 3), [-1, 1].
            yaws: float32 (N,), degrees.
            moves: of the chip, as of `FaceChips`.
        """
        return self._network(self._chips(images, yaws, moves))

    def _mean(self, folder: str | os.PathLike[str], config: DataConfig) -> np.ndarray:
        embed = tf.function(self.embed, reduce_retracing=True)
        total, count = np.zeros((2, EMBEDDING_SIZE)), 0
        for images, yaws in _batches(folder, config.image_size):
            turned = [(images, yaws)]
            if config.horizontal_flip:
                turned.append((tf.reverse(images, axis=[2]), -yaws))
            for faces, sides in turned:
                for row, shown in enumerate((faces, _grey(faces))):
                    total[row] += embed(shown, sides).numpy().sum(axis=0)
                count += len(faces)
        return total / count


def _grey(images: tf.Tensor) -> tf.Tensor:
    return tf.image.grayscale_to_rgb(tf.image.rgb_to_grayscale(images))


def _batches(
    folder: str | os.PathLike[str], image_size: int
) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
    index = read_index(folder)
    records = tf.data.TFRecordDataset(shard_paths(folder, index)).take(_MOST_IMAGES)
    for batch in records.map(lambda item: parse_example(item, image_size)).batch(_BATCH):
        unknown = int(np.isnan(batch["yaw"].numpy()).sum())
        if unknown:
            raise DaganError(
                f"{os.fspath(folder)!r}: the yaw of {unknown} images or more is unknown;"
                " loss.embedding_weight expects faces of known yaw (0 trains without it)"
            )
        yield batch["image"], batch["yaw"]
