"""Named feature spaces for telling real faces from synthetic ones.

Every feature is computed from uint8 pixels in the same way for both sets; none of them was
trained on faces, so none can favour a set. A distance is only comparable within one feature
space and one image size: print its name beside every number.
"""

from collections.abc import Callable

import cv2
import numpy as np

from dagan_tf.core.pixels import from_levels, to_unit

# The spaces divide an image into this many cells a side, whatever its size.
_CELLS = 8
_ORIENTATIONS = 9
_BANDS = 3


def check_images(images: np.ndarray, name: str = "images") -> None:
    """Raises ValueError unless `images` is uint8 (N, S, S, 3), N > 0, S a multiple of 8."""
    images = np.asarray(images)
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3 or not len(images):
        raise ValueError(
            f"{name} is {images.dtype} {images.shape}; expected uint8 (N, S, S, 3) with N > 0"
        )
    height, width = images.shape[1:3]
    if height != width or height % _CELLS:
        raise ValueError(
            f"{name} is {width}x{height} pixels; expected squares of a multiple of {_CELLS}"
        )


def pixel_features(images: np.ndarray) -> np.ndarray:
    """Mean colours of a 16x16 grid: what a blurred eye sees.

    Args:
        images: (N, S, S, 3) uint8 RGB; S a multiple of 8.

    Returns:
        (N, 768) float64 in [0, 1].
    """
    check_images(images)
    small = [cv2.resize(image, (16, 16), interpolation=cv2.INTER_AREA) for image in images]
    return to_unit(np.stack(small).reshape(len(images), -1), np.float64)


def appearance_features(images: np.ndarray) -> np.ndarray:
    """Histograms of oriented gradients with colour and texture statistics.

    An 8x8 grid of cells with 9 orientations each, normalised over 2x2 cells (Dalal and Triggs,
    CVPR 2005); mean and standard deviation of Y, Cr, Cb in each cell; and the logarithm of each
    cell's energy in three band-pass levels, which sees blur, noise and resampling.

    Args:
        images: (N, S, S, 3) uint8 RGB; S a multiple of 8.

    Returns:
        (N, 2340) float64.
    """
    check_images(images)
    return np.stack([_appearance(image) for image in images])


FEATURES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "appearance": appearance_features,
    "pixels": pixel_features,
}


def keep_face(images: np.ndarray) -> np.ndarray:
    """Greys out all but the face's ellipse, with a soft edge.

    In the canonical frame the head's centre and size are fixed, so one ellipse serves all. Used
    to judge the face alone: a background stretched by the simulator gives it away at once and
    would hide everything else.

    Args:
        images: (N, S, S, 3) uint8 RGB in the canonical frame.

    Returns:
        (N, S, S, 3) uint8.
    """
    check_images(images)
    size = images.shape[1]
    axis = (np.arange(size) + 0.5) / size * 2 - 1
    radius = np.hypot(axis[None, :] / 0.62, axis[:, None] / 0.74)
    window = np.clip((1.08 - radius) / 0.16, 0.0, 1.0)[..., None]
    return from_levels(images * window + 128.0 * (1.0 - window))


def _appearance(image: np.ndarray) -> np.ndarray:
    luma = to_unit(cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb), np.float64)
    return np.concatenate([_hog(luma[..., 0]), _cell_statistics(luma), _bands(luma[..., 0])])


def _cells(values: np.ndarray) -> np.ndarray:
    """(S, S, C) -> (8, 8, pixels of a cell, C)."""
    side = values.shape[0] // _CELLS
    cells = values.reshape(_CELLS, side, _CELLS, side, -1).transpose(0, 2, 1, 3, 4)
    return cells.reshape(_CELLS, _CELLS, side * side, -1)


def _hog(luma: np.ndarray) -> np.ndarray:
    down, right = np.gradient(luma)
    magnitude = np.hypot(right, down)
    angle = np.arctan2(down, right) % np.pi / np.pi * _ORIENTATIONS
    lower = np.floor(angle)
    share = angle - lower
    low = lower.astype(int) % _ORIENTATIONS
    votes = np.zeros((*luma.shape, _ORIENTATIONS))
    rows, columns = np.indices(luma.shape)
    votes[rows, columns, low] = magnitude * (1 - share)
    votes[rows, columns, (low + 1) % _ORIENTATIONS] = magnitude * share
    cells = _cells(votes).mean(axis=2)
    blocks = np.concatenate(
        [cells[:-1, :-1], cells[:-1, 1:], cells[1:, :-1], cells[1:, 1:]], axis=-1
    )
    # 0.01 is the gradient of a cell that is all but flat: its noise must not be blown up.
    blocks = blocks / np.sqrt((blocks**2).sum(axis=-1, keepdims=True) + 0.01**2)
    return np.minimum(blocks, 0.4).ravel()


def _cell_statistics(luma: np.ndarray) -> np.ndarray:
    cells = _cells(luma)
    return np.concatenate([cells.mean(axis=2).ravel(), cells.std(axis=2).ravel()])


def _bands(luma: np.ndarray) -> np.ndarray:
    energies, finer = [], luma
    for level in range(_BANDS):
        coarser = cv2.GaussianBlur(finer, (0, 0), 2.0**level)
        energies.append(_cells((finer - coarser)[..., None] ** 2).mean(axis=2))
        finer = coarser
    # One grey step is 1/255; energies below a quarter of it are rounding.
    return np.log(np.stack(energies) + (0.25 / 255.0) ** 2).ravel()
