"""A third agent beside the discriminator's two: a frozen face recogniser keeps who a face is."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from dagan_tf.config.settings import DataConfig
from dagan_tf.data.record_format import parse_example
from dagan_tf.data.records import read_index, shard_paths
from dagan_tf.embedders.dlib_graph import EMBEDDING_SIZE, FaceEmbedding
from dagan_tf.embedders.face_chips import FaceChips
from dagan_tf.errors import DaganError
from dagan_tf.gan.losses import embedding_perception

# So many images of a folder tell its mean well enough: the error is a sixtieth of the spread.
_MOST_IMAGES = 4096
_BATCH = 32
# Chips are moved by up to these either way: parts of the frame's side to the right and down, part
# of their own size, radians.
_MOVES = (0.04, 0.04, 0.1, 0.15)


class Likeness:
    """Wants dlib's network to see a refined face where it sees the simulated one, moved by a step.

    The common step is the mean difference between real and simulated faces: what all simulated
    faces have in common and no real one has. It is what a refiner should change; what tells two
    people apart it should not. Where there are labelled photos of a simulated person, the step can
    be that person's own: what the simulator got wrong with this face. Chips are moved, scaled and
    turned a little at random and half of them lose their colour: so a change that pleases the
    network in one place only, or by tinting the face, is worth little.
    """

    def __init__(self, image_size: int, steps: np.ndarray | None = None) -> None:
        """Loads the network.

        Args:
            image_size: side of the training images, pixels.
            steps: float32 (I + 1, 2, 128), mean embedding of the reals less that of the simulated
                faces, in colour and in grey: of each of the I identities, then the common one; None
                for a common step of zeros.
        """
        self._chips = FaceChips(image_size)
        self._network = FaceEmbedding()
        self._steps = tf.constant(
            np.zeros((1, 2, EMBEDDING_SIZE)) if steps is None else steps, tf.float32
        )

    @classmethod
    def measured(
        cls,
        simulated: str | os.PathLike[str],
        real: str | os.PathLike[str],
        config: DataConfig,
        identities: Sequence[str] = (),
    ) -> Likeness:
        """The likeness agent of two record folders, whose steps it measures.

        Args:
            simulated: record folder.
            real: record folder.
            config: image size and flips.
            identities: whose own steps to measure, in the order of the labels; one without a real
                or without a simulated image among the first 4,096 of a folder gets the common step.

        Raises:
            DaganError: a folder has an image whose yaw is unknown, or cannot be read.
        """
        found = cls(config.image_size)
        (before, drawn), (aim, photographed) = (
            found._means(folder, config, identities) for folder in (simulated, real)
        )
        steps = aim - before
        steps[~(drawn & photographed)] = steps[-1]
        found._steps = tf.constant(steps, tf.float32)
        return found

    def __call__(
        self,
        simulated: tf.Tensor,
        refined: tf.Tensor,
        yaws: tf.Tensor,
        draws: tf.Tensor,
        labels: tf.Tensor,
    ) -> tf.Tensor:
        """The loss of refined faces.

        Args:
            simulated: float32 (N, S, S, 3), [-1, 1], in the canonical frame.
            refined: float32 (N, S, S, 3).
            yaws: float32 (N,), degrees.
            draws: float32 (N, 5) in [0, 1), random: below 0.5 the two lose their colour; they are
                moved right and down by up to 0.04 sides, scaled by up to 10 % and turned by up to
                0.15 radians, 0.5 leaves them in place.
            labels: int32 (N,), the identities; below 0, or where there are no own steps, the common
                step counts.

        Returns:
            float32 (N,), see `losses.embedding_perception`.
        """
        grey = draws[:, 0] < 0.5
        moves = tf.constant(_MOVES) * (2.0 * draws[:, 1:] - 1.0)
        before, after = (
            self.embed(tf.where(grey[:, None, None, None], _grey(images), images), yaws, moves)
            for images in (simulated, refined)
        )
        common = self._steps.shape[0] - 1
        rows = tf.where((labels >= 0) & (labels < common), labels, common)
        steps = tf.gather_nd(self._steps, tf.stack([rows, tf.cast(grey, rows.dtype)], axis=1))
        return embedding_perception(before, after, steps)

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

    def _means(
        self, folder: str | os.PathLike[str], config: DataConfig, identities: Sequence[str]
    ) -> tuple[np.ndarray, np.ndarray]:
        """(I + 1, 2, 128) means of each identity and of all; (I + 1,) bool, is there an image?"""
        embed = tf.function(self.embed, reduce_retracing=True)
        row_of = {name.encode(): row for row, name in enumerate(identities)}
        sums = np.zeros((len(identities) + 1, 2, EMBEDDING_SIZE))
        counts = np.zeros(len(identities) + 1)
        for images, yaws, names in _batches(folder, config.image_size):
            turned = [(images, yaws)]
            if config.horizontal_flip:
                turned.append((tf.reverse(images, axis=[2]), -yaws))
            for faces, sides in turned:
                both = [embed(shown, sides).numpy() for shown in (faces, _grey(faces))]
                for name, embedding in zip(names.numpy(), np.stack(both, axis=1), strict=True):
                    rows = [row_of[name], -1] if name in row_of else [-1]
                    sums[rows] += embedding
                    counts[rows] += 1
        return sums / np.maximum(counts, 1)[:, None, None], counts > 0


def _grey(images: tf.Tensor) -> tf.Tensor:
    return tf.image.grayscale_to_rgb(tf.image.rgb_to_grayscale(images))


def _batches(
    folder: str | os.PathLike[str], image_size: int
) -> Iterator[tuple[tf.Tensor, tf.Tensor, tf.Tensor]]:
    index = read_index(folder)
    records = tf.data.TFRecordDataset(shard_paths(folder, index)).take(_MOST_IMAGES)
    for batch in records.map(lambda item: parse_example(item, image_size)).batch(_BATCH):
        unknown = int(np.isnan(batch["yaw"].numpy()).sum())
        if unknown:
            raise DaganError(
                f"{os.fspath(folder)!r}: the yaw of {unknown} images or more is unknown;"
                " loss.embedding_weight expects faces of known yaw (0 trains without it)"
            )
        yield batch["image"], batch["yaw"], batch["identity"]
