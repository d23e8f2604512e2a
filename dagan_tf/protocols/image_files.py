"""Where a protocol's images lie: as its files name them, one folder deeper, in another format."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dagan_tf.errors import DaganError
from dagan_tf.faces.photo_io import PHOTO_SUFFIXES

# Faces whose images are looked for before the protocol is said to have none.
_TRIED = 20
_SUFFIXES = (*PHOTO_SUFFIXES, *(suffix.upper() for suffix in PHOTO_SUFFIXES))


class ImageFiles:
    """From the name that a protocol gives an image to the file."""

    def __init__(self, root: Path, paths: Sequence[str]) -> None:
        """Finds out at what depth the images lie.

        Args:
            root: the protocol's.
            paths: of all its faces, below `root`, with "/". If none of the first few exists, one
                more folder is looked for at each depth, such as `lfw/` before a path or
                `train/` within it.
        """
        self._root = root
        self._depth, self._extra = 0, ""
        # Of the image found last: a set that was converted has one throughout.
        self._suffix = PHOTO_SUFFIXES[0]
        tried = list(dict.fromkeys(paths))[:_TRIED]
        if any(self._there(root / path) for path in tried):
            return
        for path in tried:
            parts = path.split("/")
            for depth in range(len(parts)):
                folder = root.joinpath(*parts[:depth])
                if not folder.is_dir():
                    break
                for extra in sorted(one.name for one in folder.iterdir() if one.is_dir()):
                    if self._there(folder.joinpath(extra, *parts[depth:])):
                        self._depth, self._extra = depth, extra
                        return

    def __call__(self, path: str) -> Path:
        """The file of an image, whether it exists or not; with another suffix if only that does."""
        file = self._root / path
        if self._extra:
            parts = path.split("/")
            file = self._root.joinpath(*parts[: self._depth], self._extra, *parts[self._depth :])
        return self._there(file) or file

    def _there(self, file: Path) -> Path | None:
        """The file, or one of the same name that is a photo; None if there is neither."""
        for suffix in (file.suffix, self._suffix, *_SUFFIXES):
            one = file.with_suffix(suffix)
            if one.is_file():
                self._suffix = suffix
                return one
        return None

    def check(self, paths: Sequence[str]) -> None:
        """Refuses a protocol that names an image which is not there; says how many are missing."""
        wanted = dict.fromkeys(paths)
        missing = [file for file in map(self, wanted) if not file.is_file()]
        if not missing:
            return
        deeper = ""
        if len(missing) == len(wanted) and not self._extra:
            deeper = ", neither there nor one folder deeper"
        raise DaganError(f"{missing[0]}: no such image ({len(missing)} are missing in all{deeper})")


def home(root: Path, marker: str) -> Path:
    """The folder that holds a set's files: `root`, or the one folder in it that does.

    Args:
        root: as the user names it.
        marker: a file or folder that the set's own folder has.

    Raises:
        DaganError: no such folder, or several folders in it that would do.
    """
    if not root.is_dir():
        raise DaganError(f"{root}: {'not a folder' if root.exists() else 'no such folder'}")
    if (root / marker).exists():
        return root
    deeper = sorted(one for one in root.iterdir() if (one / marker).exists())
    if len(deeper) > 1:
        names = ", ".join(one.name for one in deeper)
        raise DaganError(f"{root}: {marker} is in {names}; expected one of them as the folder")
    if not deeper:
        raise DaganError(f"{root}: no {marker}, neither in it nor one folder deeper")
    return deeper[0]
