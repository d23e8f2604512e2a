"""Picks the reader of a head model by the kind of its file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dagan_tf.errors import DaganError
from dagan_tf.simulator.head.formats.bfm import read_bfm_h5, read_bfm_mat
from dagan_tf.simulator.head.formats.eos import read_eos
from dagan_tf.simulator.head.formats.ict import read_ict
from dagan_tf.simulator.head.formats.npz import read_npz
from dagan_tf.simulator.head.formats.pickled_models import read_pickled_model

_READERS = {
    ".npz": read_npz,
    ".npy": read_npz,
    ".mat": read_bfm_mat,
    ".h5": read_bfm_h5,
    ".bin": read_eos,
    ".pkl": read_pickled_model,
}
SUPPORTED = (
    ".npz (our own), a folder with vertex_indices.json (ICT-FaceKit), .mat (BFM 2009), .h5 "
    "(BFM 2017, 2019), .bin (eos), .pkl (FLAME, 3DDFA_V2)"
)


def read_model_arrays(path: Path) -> dict[str, np.ndarray]:
    """Reads any supported model as the arrays of our npz.

    Args:
        path: file, or folder of ICT-FaceKit.

    Raises:
        DaganError: absent, of no supported kind, or malformed.
    """
    if path.is_dir():
        if (path / "vertex_indices.json").is_file():
            return read_ict(path)
        raise DaganError(f"{path}: a folder without vertex_indices.json; supported: {SUPPORTED}")
    if not path.is_file():
        raise DaganError(f"{path}: no such head model file")
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise DaganError(f"{path}: no head model of a known kind; supported: {SUPPORTED}")
    return reader(path)
