"""Two masks in one PNG: red says where the head is, green where its bare skin is."""

import os

import numpy as np

from dagan_tf.errors import DaganError
from dagan_tf.faces.photo_io import read_photo, write_png


def write_head(path: str | os.PathLike[str], head: np.ndarray, skin: np.ndarray) -> None:
    """Writes both, (S, S) uint8."""
    write_png(path, np.dstack([head, skin, np.zeros_like(skin)]))


def read_head(path: str | os.PathLike[str]) -> tuple[np.ndarray, np.ndarray]:
    """What `write_head` wrote.

    Raises:
        DaganError: the file cannot be read, or is a grey one of an older version.
    """
    pixels = read_photo(path)
    if pixels[:, :, 2].any():
        raise DaganError(
            f"{os.fspath(path)!r}: holds no skin, as those of an older `trainer.simulate --head`:"
            " make the folder anew"
        )
    return np.ascontiguousarray(pixels[:, :, 0]), np.ascontiguousarray(pixels[:, :, 1])
