"""Known yaws of photos: a CSV file `path,yaw`, paths relative to the folder of the photos."""

import os
from collections.abc import Iterable
from pathlib import Path

from dagan_tf.data.tables import csv_rows, inside, number
from dagan_tf.errors import DaganError


def read_yaws(
    file: str | os.PathLike[str], folder: Path, photos: Iterable[Path]
) -> dict[Path, float]:
    """Reads the yaws of a folder's photos.

    Args:
        file: CSV file with columns `path` and `yaw`: degrees in [-90, 90], > 0 when the nose points
            to the right in the image.
        folder: that the paths are relative to.
        photos: all of it.

    Returns:
        Degrees by photo, of those that have a row.

    Raises:
        DaganError: file and row of a photo that is not among them, of one named twice, or of a yaw
            that is no number within 90 degrees.
    """
    known = {path.relative_to(folder).as_posix(): path for path in photos}
    yaws: dict[Path, float] = {}
    for where, row in csv_rows(Path(file), ("path", "yaw")):
        path, yaw = inside(where, row["path"]), number(where, "yaw", row["yaw"])
        if path not in known:
            raise DaganError(f"{where}: {path!r} is none of the {len(known)} photos of {folder}")
        if known[path] in yaws:
            raise DaganError(f"{where}: {path!r} is named again")
        if not abs(yaw) <= 90:
            raise DaganError(f"{where}: yaw is {row['yaw']!r}; expected degrees in [-90, 90]")
        yaws[known[path]] = yaw
    return yaws
