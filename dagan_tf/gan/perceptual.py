"""How far two images of a face look apart to a network that learned to tell people apart."""

import tensorflow as tf

from dagan_tf.embedders.dlib_graph import FaceEmbedding

# The first convolution sees edges and pores, the later blocks features; the last ones, which say
# who it is, are not asked.
_BLOCKS = 5
_ASKED = (0, 3, 5)
# The network saw faces half as large again: so it sees what is finer than it was taught.
_ENLARGED = 1.5
_LITTLE = 1e-3


class PerceptualDistance:
    """Distance in the early layers of dlib's network (Johnson et al., 2016, perceptual losses).

    Frozen: it has no variables.
    """

    def __init__(self) -> None:
        """Raises: DaganError: the network's weights are not installed."""
        self._network = FaceEmbedding()

    def __call__(self, images: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
        """The distance.

        Args:
            images: float32 (N, H, W, 3), about [-1, 1].
            target: float32 (N, H, W, 3), [-1, 1].

        Returns:
            float32 (N,), at least 0: of three layers the mean |difference|, over the mean size of
            the target's, summed.
        """
        total = tf.zeros([])
        for own, other in zip(self._features(images), self._features(target), strict=True):
            size = tf.reduce_mean(tf.abs(other), axis=(1, 2, 3)) + _LITTLE
            total += tf.reduce_mean(tf.abs(own - other), axis=(1, 2, 3)) / size
        return total

    def _features(self, images: tf.Tensor) -> list[tf.Tensor]:
        size = [round(_ENLARGED * side) for side in images.shape[1:3]]
        found = self._network.activations(tf.image.resize(images, size), _BLOCKS)
        return [found[index] for index in _ASKED]
