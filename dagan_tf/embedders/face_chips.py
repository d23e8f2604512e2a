"""Cuts out of canonical frames what dlib's face recognition network looks at, differentiably."""

import numpy as np
import tensorflow as tf

from dagan_tf.embedders.dlib_resnet import CHIP_SIZE, chip_matrix
from dagan_tf.simulator.fitting.framing import mean_landmarks
from dagan_tf.simulator.head.morphable_model import MorphableModel

_MAX_YAW = 90


class FaceChips:
    """Frames faces as `dlib_resnet` does, by the mean head's landmarks at the image's yaw."""

    def __init__(self, image_size: int) -> None:
        """Works out where the chip lies in a frame.

        Args:
            image_size: side of the frames, pixels.
        """
        self._size = image_size
        model = MorphableModel.load()
        degrees = range(-_MAX_YAW, _MAX_YAW + 1)
        self._matrices = np.stack(
            [chip_matrix(mean_landmarks(model, yaw, image_size)) for yaw in degrees]
        ).astype(np.float32)

    def __call__(
        self, images: tf.Tensor, yaws: tf.Tensor, moves: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Cuts the chips out, bilinearly; what lies beyond the frame continues its edge.

        Args:
            images: float32 (N, S, S, 3) in the canonical frame.
            yaws: float32 (N,), degrees, > 0 when the nose points to the right.
            moves: float32 (N, 4), moves what is cut out right and down by parts of S, scales it
                by 1 + the third about the frame's middle and turns it clockwise by the fourth,
                radians; None leaves it as it is.

        Returns:
            float32 (N, 150, 150, 3).
        """
        whole = tf.cast(tf.round(yaws), tf.int32)
        matrices = tf.gather(
            self._matrices, tf.clip_by_value(whole, -_MAX_YAW, _MAX_YAW) + _MAX_YAW
        )
        pixels = tf.range(CHIP_SIZE, dtype=tf.float32)
        x, y = tf.meshgrid(pixels, pixels)
        grid = tf.stack([x, y, tf.ones_like(x)], axis=-1)
        places = tf.einsum("hwk,njk->nhwj", grid, matrices)
        if moves is not None:
            middle = (self._size - 1) / 2.0
            scale, angle = 1.0 + moves[:, 2], moves[:, 3]
            along, across = scale * tf.cos(angle), scale * tf.sin(angle)
            turn = tf.reshape(tf.stack([along, -across, across, along], axis=-1), (-1, 2, 2))
            places = tf.einsum("njk,nhwk->nhwj", turn, places - middle) + middle
            places += self._size * moves[:, None, None, :2]
        places = tf.clip_by_value(places, 0.0, self._size - 1.0)
        low = tf.minimum(tf.floor(places), self._size - 2.0)
        share = places - low
        column, row = (tf.cast(low[..., axis], tf.int32) for axis in (0, 1))
        right, down = share[..., 0, None], share[..., 1, None]
        rows = tf.reshape(images, (-1, self._size * self._size, 3))
        first = row * self._size + column

        def at(offset: int) -> tf.Tensor:
            return tf.gather(rows, first + offset, batch_dims=1)

        upper = at(0) * (1.0 - right) + at(1) * right
        lower = at(self._size) * (1.0 - right) + at(self._size + 1) * right
        return upper * (1.0 - down) + lower * down
