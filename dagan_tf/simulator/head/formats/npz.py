"""Our own head model: an npz archive of the arrays listed in docs/face-models.md."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from dagan_tf.errors import DaganError


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """Reads every array of an archive; arrays that need pickle are refused.

    Args:
        path: npz file.

    Returns:
        The arrays under their names.

    Raises:
        DaganError: no readable npz archive.
    """
    try:
        archive = np.load(path, allow_pickle=False)
        if isinstance(archive, np.ndarray):
            raise DaganError(f"{path}: a single array, expected an npz archive of named arrays")
        with archive:
            return {name: archive[name] for name in archive.files}
    except DaganError:
        raise
    # A damaged archive fails in many ways, depending on which byte is wrong.
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise DaganError(f"{path}: not a readable npz head model ({error})") from error
