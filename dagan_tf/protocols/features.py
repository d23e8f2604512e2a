"""Features of a protocol's faces in one .npz file, and what is left of a split without some."""

import os
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from dagan_tf.core.files import write_whole
from dagan_tf.errors import DaganError
from dagan_tf.protocols.protocol import Faces, Pairs, Search, Split, Templates


@dataclass(frozen=True, eq=False)
class FaceFeatures:
    """Features of all faces of a protocol.

    Attributes:
        features: (F, D) float32; rows of absent faces are 0.
        present: (F,) bool.
        yaw: (F,) float64 degrees, or None.
    """

    features: np.ndarray
    present: np.ndarray
    yaw: np.ndarray | None


@dataclass(frozen=True)
class Dropped:
    """How much of a split could not be compared for lack of features."""

    faces: int
    templates: int
    pairs: int
    probes: int
    gallery: int


def write_features(
    file: str | os.PathLike[str],
    faces: Faces,
    features: np.ndarray,
    present: np.ndarray,
    yaw: np.ndarray | None = None,
) -> None:
    """Writes what `read_features` reads: rows of present faces only."""
    arrays = {
        "features": features[present],
        "paths": np.array(faces.paths)[present],
        "sightings": np.array(faces.sightings)[present],
    }
    if yaw is not None:
        arrays["yaw"] = yaw[present]
    with write_whole(file) as partial, partial.open("wb") as stream:
        np.savez(stream, **arrays)


def read_features(
    file: str | os.PathLike[str], faces: Faces, *, skip_missing: bool = False
) -> FaceFeatures:
    """Reads features and puts them in the order of the protocol's faces.

    Args:
        file: .npz with `features` (N, D) and `paths` (N,) as the protocol names them; `sightings`
            (N,) where an image shows several people; `yaw` (N,) degrees if known. More faces than
            the protocol's are ignored.
        faces: Of the protocol.
        skip_missing: Faces without a row are absent instead of an error.

    Raises:
        DaganError: File and row of what is wrong: not an .npz, an array that lacks or has another
            length or type, a face named twice, a value that is not finite, features all 0, a face
            of the protocol without features.
    """
    try:
        with np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise DaganError(f"{file}: no such file") from None
    except (OSError, ValueError, zipfile.BadZipFile, zlib.error, EOFError, AttributeError) as error:
        raise DaganError(f"{file}: not a whole .npz file ({error})") from None
    for name in ("features", "paths"):
        if name not in arrays:
            raise DaganError(f"{file}: lacks {name!r}; it has {', '.join(arrays) or 'nothing'}")
    features, paths = arrays["features"], arrays["paths"]
    if features.ndim != 2 or features.dtype.kind != "f":
        raise DaganError(
            f"{file}: features are {features.dtype} {features.shape}; expected floats (N, D)"
        )
    for name, values in arrays.items():
        if values.shape[:1] != (len(features),):
            raise DaganError(f"{file}: {name} has shape {values.shape}; expected {len(features)}")
    for name, kinds, expected in (
        ("paths", "U", "texts"),
        ("sightings", "U", "texts"),
        ("yaw", "fiu", "numbers"),
    ):
        if name in arrays and (arrays[name].dtype.kind not in kinds or arrays[name].ndim != 1):
            raise DaganError(f"{file}: {name} are {arrays[name].dtype}; expected {expected} (N,)")
    for bad, what in (
        (~np.isfinite(features).all(axis=1), "hold values that are not finite"),
        (~features.any(axis=1), "are all 0"),
    ):
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            raise DaganError(
                f"{file}: features of row {row} ({paths[row]}) {what} ({bad.sum()} such rows)"
            )
    sightings = arrays.get("sightings", np.full(len(paths), ""))
    several = "sightings" in arrays
    rows: dict[tuple[str, str], int] = {}
    for row, key in enumerate(zip(paths.tolist(), sightings.tolist(), strict=True)):
        if key in rows:
            raise DaganError(f"{file}: row {row} names {key[0]!r} again, as row {rows[key]} does")
        rows[key] = row
    wanted = zip(faces.paths, faces.sightings if several else [""] * len(faces), strict=True)
    found = np.array([rows.get(key, -1) for key in wanted], dtype=np.int64)
    present = found >= 0
    if not present.all() and not skip_missing:
        row = int(np.flatnonzero(~present)[0])
        raise DaganError(
            f"{file}: no features of face {row}, {faces.paths[row]!r} ({(~present).sum()} are "
            f"missing in all); --missing=skip leaves them out and counts them"
        )
    if not present.any():
        raise DaganError(f"{file}: has features of none of the protocol's {len(faces)} faces")
    placed = np.zeros((len(faces), features.shape[1]), np.float32)
    placed[present] = features[found[present]]
    yaw = None
    if "yaw" in arrays:
        yaw = np.full(len(faces), np.nan)
        yaw[present] = arrays["yaw"][found[present]]
    return FaceFeatures(placed, present, yaw)


def without_missing(split: Split, present: np.ndarray) -> tuple[Split, Dropped]:
    """Leaves out faces that are not present, and templates and comparisons left without any.

    Args:
        split: The split.
        present: (F,) bool.

    Returns:
        The rest, its templates renumbered, and counts of what is gone.
    """
    templates = split.templates
    kept_rows = present[templates.face]
    if kept_rows.all() and present[split.training_faces].all():
        return split, Dropped(0, 0, 0, 0, 0)
    media, place = np.unique(templates.media[kept_rows], return_inverse=True)
    kept, owner = np.unique(templates.media_template[media], return_inverse=True)
    number = np.full(len(templates), -1)
    number[kept] = np.arange(len(kept))
    rest = Templates(
        templates.ids[kept],
        templates.subjects[kept],
        templates.face[kept_rows],
        place,
        templates.media_ids[media],
        owner,
    )
    searches = tuple(
        Search(one.name, *(_kept(number[side]) for side in (one.gallery, one.probes)))
        for one in split.searches
    )
    pairs, gone = split.pairs, 0
    if pairs is not None:
        use = (number[pairs.first] >= 0) & (number[pairs.second] >= 0)
        gone = int((~use).sum())
        pairs = Pairs(
            number[pairs.first[use]], number[pairs.second[use]], pairs.same[use], pairs.fold[use]
        )
    train = present[split.training_faces]
    dropped = Dropped(
        int((~present[np.unique(templates.face)]).sum()),
        len(templates) - len(kept),
        gone,
        _lost(split.searches, searches, "probes"),
        _lost(split.searches, searches, "gallery"),
    )
    return replace(
        split,
        templates=rest,
        pairs=pairs,
        searches=searches,
        training_faces=split.training_faces[train],
        training_subjects=split.training_subjects[train],
    ), dropped


def _kept(numbers: np.ndarray) -> np.ndarray:
    return numbers[numbers >= 0]


def _lost(before: Sequence[Search], after: Sequence[Search], side: str) -> int:
    return sum(
        len(getattr(one, side)) - len(getattr(two, side))
        for one, two in zip(before, after, strict=True)
    )
