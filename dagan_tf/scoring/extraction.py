"""Features of all faces of a protocol by a frozen network, from the images themselves."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol as Interface

import numpy as np

from dagan_tf.core.files import write_whole
from dagan_tf.data.photos import list_photos
from dagan_tf.errors import DaganError
from dagan_tf.faces.face import FaceFinder
from dagan_tf.faces.photo_io import read_photo
from dagan_tf.faces.subject import find_subject
from dagan_tf.faces.weights import LANDMARK_SOURCES
from dagan_tf.protocols.features import FaceFeatures
from dagan_tf.protocols.image_files import ImageFiles
from dagan_tf.protocols.protocol import Protocol

# Faces that an interruption costs at most.
_PART = 64


class Network(Interface):
    """What embeds a photo's face by its 68 landmarks."""

    def embed(self, photo: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        """(H, W, 3) uint8 and (68, 2) pixels to (D,)."""
        ...


def extract(
    protocol: Protocol,
    network: Network,
    *,
    parts: Path | None = None,
    skip_missing: bool = False,
    landmarks: str = LANDMARK_SOURCES[0],
    advance: Callable[[int], object] = lambda faces: None,
) -> FaceFeatures:
    """Reads, finds and embeds every face.

    Args:
        protocol: Whose faces.
        network: The network.
        parts: A folder of what an interrupted run of the same network has done and this one does;
            None keeps nothing on the way.
        skip_missing: A face whose image can't be read, or in which no face is found, is absent
            instead of an error. Of several faces `find_subject` takes one.
        landmarks: Where they come from, of `LANDMARK_SOURCES`.
        advance: Called with the number of faces done.

    Returns:
        The features, scaled as the network gives them, and FRLL's nominal yaw.

    Raises:
        DaganError: The file and what is wrong with it.
    """
    finder = FaceFinder(landmarks=landmarks)
    faces = protocol.faces
    files = ImageFiles(protocol.root, faces.paths)
    rows: list[np.ndarray | None] = []
    for start in range(0, len(faces), _PART):
        keys = list(zip(faces.paths, faces.sightings, strict=True))[start : start + _PART]
        file = None if parts is None else parts / f"{start:09d}.npz"
        done = None if file is None else _read_part(file, keys, skip_missing)
        if done is None:
            done = []
            for row in range(start, start + len(keys)):
                done.append(_embedded(protocol, row, files, network, finder, skip_missing))
                advance(1)
            if file is not None:
                _write_part(file, keys, done)
        else:
            advance(len(done))
        rows += done
    present = np.array([row is not None for row in rows])
    if not present.any():
        raise DaganError(f"{protocol.root}: {absent_faces(protocol, present)}")
    width = next(len(row) for row in rows if row is not None)
    features = np.stack([np.zeros(width) if row is None else row for row in rows])
    return FaceFeatures(features.astype(np.float32), present, _nominal_yaw(protocol))


def absent_faces(protocol: Protocol, present: np.ndarray) -> str:
    """Why faces have no features: images that are not there, or in which no face was found.

    Args:
        protocol: Whose faces.
        present: (F,) bool: those with features.

    Returns:
        One line; empty if all have.
    """
    if present.all():
        return ""
    files = ImageFiles(protocol.root, protocol.faces.paths)
    lost = [protocol.faces.paths[row] for row in np.flatnonzero(~present)]
    missing = sum(not files(path).is_file() for path in lost)
    return (
        f"of {len(present)} faces {missing} have no image file,"
        f" in the images of {len(lost) - missing} no face was found"
    )


def _embedded(
    protocol: Protocol,
    row: int,
    files: ImageFiles,
    network: Network,
    finder: FaceFinder,
    skip_missing: bool,
) -> np.ndarray | None:
    file = files(protocol.faces.paths[row])
    box = protocol.faces.boxes[row]
    try:
        image = read_photo(file)
        face = find_subject(finder, image, box if np.isfinite(box).all() else None)
        return network.embed(image, face.landmarks)
    except (DaganError, OSError) as error:
        if skip_missing:
            return None
        raise DaganError(f"{file}: {error}; --missing=skip leaves such faces out") from None


def _write_part(
    file: Path, keys: Sequence[tuple[str, str]], rows: Sequence[np.ndarray | None]
) -> None:
    found = [row for row in rows if row is not None]
    file.parent.mkdir(parents=True, exist_ok=True)
    with write_whole(file) as partial, partial.open("wb") as stream:
        np.savez(
            stream,
            keys=np.array(keys, dtype=np.str_),
            present=np.array([row is not None for row in rows]),
            features=np.stack(found) if found else np.zeros((0, 0)),
        )


def _read_part(
    file: Path, keys: Sequence[tuple[str, str]], skip_missing: bool
) -> list[np.ndarray | None] | None:
    """What a part holds of these faces; None if it is not there, of others, or lacks one."""
    try:
        with np.load(file) as archive:
            named, present, features = (archive[name] for name in ("keys", "present", "features"))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, EOFError):
        return None
    if named.tolist() != [list(key) for key in keys] or not (skip_missing or present.all()):
        return None
    found = iter(features)
    return [next(found) if there else None for there in present]


def _nominal_yaw(protocol: Protocol) -> np.ndarray | None:
    if not protocol.name.startswith("FRLL"):
        return None
    known = {
        item.path.relative_to(protocol.root).as_posix(): item.yaw
        for item in list_photos(protocol.root, "frll")
    }
    return np.array([known[path] for path in protocol.faces.paths], dtype=np.float64)
