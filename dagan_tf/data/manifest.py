"""`manifest.csv` and `skipped.csv`: what a folder of faces holds, and why some are missing.

Of simulated and of refined faces; written and read as `row_files` says.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dagan_tf.data.row_files import RowWriter, read_rows, read_rows_if_there, write_rows

MANIFEST_NAME = "manifest.csv"
SKIPPED_NAME = "skipped.csv"


@dataclass(frozen=True)
class ManifestRow:
    """One image of a folder.

    Attributes:
        path: Of the image, relative to the folder, with "/" on every system.
        mask_path: Of its mask, likewise; "" when it has none.
        source: The photo it was made from, as the maker names it.
        identity: The person.
        yaw: Degrees, > 0 when the nose points to the right in the image.
        pitch: Degrees, > 0 looks up.
        roll: Degrees, > 0 tilts clockwise in the image.
        fit_error: Landmark error of the 3D fit, as a fraction of the outer-eye distance.
        depth_path: Of its depth image, like `path`; "" when it has none.
        landmarks: The 68 points as `landmarks_text` writes them; "" when not known. Manifests
            without these last four columns are read, and given them when they are continued.
        head_path: Of the image whose red says where the head is and whose green where its bare
            skin is, like `path`; "" when it has none.
        source_pose: How the photo itself shows the face: yaw, pitch and roll, degrees, between
            spaces; a photo that lies on its side has a roll of 90 or so. "" when not known.
    """

    path: str
    mask_path: str
    source: str
    identity: str
    yaw: float
    pitch: float
    roll: float
    fit_error: float
    depth_path: str = ""
    landmarks: str = ""
    head_path: str = ""
    source_pose: str = ""

    @property
    def files(self) -> list[str]:
        """The paths of the image and of what belongs to it."""
        paths = (self.path, self.mask_path, self.depth_path, self.head_path)
        return [path for path in paths if path]


@dataclass(frozen=True)
class SkippedRow:
    """One photo that gave no image, or one view that it does not allow, and why.

    Attributes:
        source: the photo.
        reason: one line.
        yaw: the view asked for, as in its file name; empty where the whole photo is skipped.
    """

    source: str
    reason: str
    yaw: str = ""


def landmarks_text(points: np.ndarray) -> str:
    """Points (N, 2), pixels, in a manifest's form: "x,y" with one decimal, between spaces."""
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def landmark_points(text: str) -> np.ndarray:
    """What `landmarks_text` wrote: (N, 2) float64, pixels, the first one's centre at (0, 0)."""
    return np.array([pair.split(",") for pair in text.split()], np.float64)


class ManifestWriter(RowWriter[ManifestRow]):
    """Appends to `FOLDER/manifest.csv`, creating it with its header if needed."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        """Opens the folder's manifest.

        Args:
            folder: Exists.

        Raises:
            DaganError: It holds a manifest of another kind.
        """
        super().__init__(Path(folder) / MANIFEST_NAME, ManifestRow)


class SkippedWriter(RowWriter[SkippedRow]):
    """Appends to `FOLDER/skipped.csv`, creating it with its header if needed."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        """Opens the folder's skip list.

        Args:
            folder: Exists.

        Raises:
            DaganError: It holds a skip list of another kind.
        """
        super().__init__(Path(folder) / SKIPPED_NAME, SkippedRow)


def read_manifest(folder: str | os.PathLike[str]) -> list[ManifestRow]:
    """Returns the rows of `folder/manifest.csv` in file order.

    Raises:
        DaganError: The file is missing or damaged, has other columns, a value that is not a
            number, or a path that leaves the folder.
    """
    return read_rows(Path(folder) / MANIFEST_NAME, ManifestRow)


def manifest_so_far(folder: str | os.PathLike[str]) -> list[ManifestRow]:
    """As `read_manifest`, but a folder without a manifest has no rows yet."""
    return read_rows_if_there(Path(folder) / MANIFEST_NAME, ManifestRow)


def write_manifest(folder: str | os.PathLike[str], rows: Sequence[ManifestRow]) -> None:
    """Writes `folder/manifest.csv` anew, whole or not at all; the folder is made if needed."""
    Path(folder).mkdir(exist_ok=True)
    write_rows(Path(folder) / MANIFEST_NAME, ManifestRow, rows)


def forget_lost(folder: str | os.PathLike[str]) -> list[ManifestRow]:
    """Takes out of the manifest the images that are no longer there, so that they are made anew.

    Args:
        folder: of which the caller is the only writer; its manifest may be absent.

    Returns:
        The rows of those that are there.
    """
    home = Path(folder)
    rows = manifest_so_far(home)
    kept = [row for row in rows if all((home / name).exists() for name in row.files)]
    if len(kept) < len(rows):
        write_manifest(home, kept)
    return kept


def read_skipped(folder: str | os.PathLike[str]) -> list[SkippedRow]:
    """Returns the rows of `folder/skipped.csv` in file order; none when there is no such file.

    Raises:
        DaganError: The file is damaged or has other columns.
    """
    return read_rows_if_there(Path(folder) / SKIPPED_NAME, SkippedRow)


def forget_mended(
    folder: str | os.PathLike[str], files: Mapping[str, Sequence[str | os.PathLike[str]]]
) -> None:
    """Takes out of the skip list what may go well now, so that it is tried once more.

    That is whatever is made of a file that came or changed after the list was last written.

    Args:
        folder: of which the caller is the only writer; its skip list may be absent.
        files: what each source is read from; sources that are not named stay in the list.
    """
    rows = read_skipped(folder)
    if not rows:
        return
    list_file = Path(folder) / SKIPPED_NAME
    written = list_file.stat().st_mtime_ns
    mended = {
        source
        for source in {row.source for row in rows}
        if any(_changed(file) >= written for file in files.get(source, ()))
    }
    if mended:
        write_rows(list_file, SkippedRow, [row for row in rows if row.source not in mended])


def _changed(file: str | os.PathLike[str]) -> int:
    """When a file was written, or put in its place, ns; 0 if it is not there."""
    try:
        status = os.stat(file)
    except OSError:
        return 0
    # A copy may keep the time at which its original was written.
    return max(status.st_mtime_ns, status.st_ctime_ns)


def note_left_out(folder: str | os.PathLike[str], rows: Iterable[SkippedRow]) -> None:
    """Adds files that are no photos to `folder/skipped.csv`, each once."""
    told = {row.source for row in read_skipped(folder)}
    with SkippedWriter(folder) as skipped:
        for row in rows:
            if row.source not in told:
                skipped.write(row)
