"""The arrays that come with the packaged head, in `head/assets`."""

from importlib import resources

import numpy as np

from dagan_tf.simulator.head.formats.npz import read_npz


def read_packaged(name: str) -> dict[str, np.ndarray]:
    """Reads one of the archives that come with the packaged head.

    Args:
        name: file in `head/assets`, such as "head.npz".

    Returns:
        The arrays under their names.

    Raises:
        DaganError: no readable npz archive.
    """
    packaged = resources.files("dagan_tf.simulator.head").joinpath("assets", name)
    with resources.as_file(packaged) as file:
        return read_npz(file)
