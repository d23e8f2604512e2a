"""Where photos lie in a folder: each layout tells a file's person and yaw by its path."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple


class Place(NamedTuple):
    """What a file's place says.

    Attributes:
        identity: the person.
        yaw: nominal, degrees, > 0 when the nose points to the right; None if it does not tell.
    """

    identity: str
    yaw: float | None = None


class Layout(NamedTuple):
    """One way to lay out photos.

    Attributes:
        place: from the folder and the parts of a file's path in it to its place; None if no photo
            belongs there.
        pattern: of the paths, for messages.
    """

    place: Callable[[Path, tuple[str, ...]], Place | None]
    pattern: str


# The Face Research Lab London Set (DeBruine and Jones, 2017) names its views by the side of the
# image the nose points to.
_FRLL_YAWS = {
    "left_profile": -90.0,
    "left_3quarter": -45.0,
    "front": 0.0,
    "right_3quarter": 45.0,
    "right_profile": 90.0,
}
FRLL_VIEW = re.compile(rf"(?:neutral|smiling)_({'|'.join(_FRLL_YAWS)})")
_FRLL_PHOTO = re.compile(r"(\d+)_\d+")
_LFW_PHOTO = re.compile(r"_\d{4}$")
_CFP_VIEWS = ("frontal", "profile")
_ORL_PERSON = re.compile(r"s\d+")


def all_files(folder: Path) -> Iterator[Path]:
    """Every file below a folder, however deep; hidden ones and hidden folders are passed over.

    Raises:
        OSError: a folder cannot be listed.
    """
    yield from _below(folder, ())


def _below(folder: Path, above: tuple[tuple[int, int], ...]) -> Iterator[Path]:
    status = folder.stat()
    here = (status.st_dev, status.st_ino)
    if here in above:  # A link to a folder around it.
        return
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            yield from _below(path, (*above, here))
        else:
            yield path


def _folder(_: Path, parts: tuple[str, ...]) -> Place | None:
    return Place(parts[0]) if len(parts) == 2 else None


def _flat(_: Path, parts: tuple[str, ...]) -> Place | None:
    return Place(os.path.splitext(parts[0])[0]) if len(parts) == 1 else None


def _frll(folder: Path, parts: tuple[str, ...]) -> Place | None:
    # resolve(): "." and "neutral_front/.." have no telling name.
    own = FRLL_VIEW.fullmatch(folder.resolve().name)
    if len(parts) != (1 if own else 2):
        return None
    view = own or FRLL_VIEW.fullmatch(parts[0])
    photo = _FRLL_PHOTO.fullmatch(os.path.splitext(parts[-1])[0])
    return Place(photo[1], _FRLL_YAWS[view[1]]) if view and photo else None


def _orl(_: Path, parts: tuple[str, ...]) -> Place | None:
    if len(parts) != 2 or not _ORL_PERSON.fullmatch(parts[0]):
        return None
    return Place(parts[0]) if os.path.splitext(parts[1])[0].isdecimal() else None


def _lfw(_: Path, parts: tuple[str, ...]) -> Place | None:
    named = len(parts) > 1 and _LFW_PHOTO.search(os.path.splitext(parts[-1])[0])
    return Place(parts[-2]) if named else None


def _cfp(_: Path, parts: tuple[str, ...]) -> Place | None:
    # Its folders are Data/Images/NNN/frontal as distributed, some copies have one more.
    return Place(parts[-3]) if len(parts) > 2 and parts[-2] in _CFP_VIEWS else None


LAYOUTS = {
    "folder": Layout(_folder, "IDENTITY/*.jpg"),
    "flat": Layout(_flat, "*.jpg"),
    "frll": Layout(_frll, "neutral_front/NNN_VV.jpg"),
    "lfw": Layout(_lfw, "NAME/NAME_0001.jpg"),
    "cfp": Layout(_cfp, "Data/Images/NNN/frontal/01.jpg"),
    "orl": Layout(_orl, "sN/M.pgm"),
}
