"""Who is trained on and who is tested: real faces listed from any layout and from protocols."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dagan_tf.data.layouts import LAYOUTS
from dagan_tf.data.photos import list_photos
from dagan_tf.data.poses import read_yaws
from dagan_tf.errors import DaganError
from dagan_tf.faces.photo_io import PHOTO_SUFFIXES
from dagan_tf.protocols.image_files import ImageFiles, home
from dagan_tf.protocols.protocol import Protocol
from dagan_tf.protocols.readers import read_protocol

# Layouts of recognition sets; all others are `list_photos`'.
SET_LAYOUTS = ("lfw", "cfp", "ijba", "ijbb", "ijbc")
# What CFP calls a profile is turned at least so far, degrees.
_CFP_PROFILE = 60.5


@dataclass(frozen=True)
class RealFace:
    """One real face.

    Attributes:
        path: its photo.
        identity: the person.
        yaw: nominal, degrees, > 0 when the nose points to the right; None where it is not told.
        sighting: tells people in one photo apart.
        box: left, top, width, height of the face, pixels, where the set tells; else None.
        central: of several faces in the photo it is the one nearest the centre; else such a photo
            is left out.
        least_yaw: it is turned at least this far, degrees, to whichever side the fit says.
        tested: it is one of the protocol's.
    """

    path: Path
    identity: str
    yaw: float | None = None
    sighting: str = ""
    box: tuple[float, ...] | None = None
    central: bool = False
    least_yaw: float = 0.0
    tested: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """Tells faces apart."""
        return str(self.path), self.sighting


def list_training(
    folder: str | os.PathLike[str], layout: str, poses: str | os.PathLike[str] = ""
) -> list[RealFace]:
    """Lists the people to train on.

    Layouts, besides those of `list_photos`:
        lfw: FOLDER/NAME/NAME_0001.jpg, also FOLDER/lfw/NAME/....
        cfp: FOLDER/Data/Images/NNN/{frontal,profile}/*.jpg, also FOLDER/Data/Images/train/....
        ijba: the faces of IJB-A's files, of all splits.
        ijbb, ijbc: the templates of the searches' galleries and probes.

    Args:
        folder: the photos.
        layout: one of these.
        poses: CSV file `path,yaw`: degrees of photos, paths relative to the folder; "" = none.

    Returns:
        At least one face.

    Raises:
        DaganError: an unknown layout, a folder without photos in it, or as `read_poses`.
    """
    root = Path(folder)
    if layout == "lfw":
        faces = _lfw(root)
    elif layout == "cfp":
        faces = _cfp(root)
    elif layout in SET_LAYOUTS:
        faces = _named_faces(root, layout)
    elif layout not in LAYOUTS:
        raise DaganError(
            f"layout is {layout!r}; expected one of {', '.join((*LAYOUTS, *SET_LAYOUTS))}"
        )
    else:
        faces = [RealFace(one.path, one.identity, one.yaw) for one in list_photos(root, layout)]
    return read_poses(poses, root, faces) if poses else faces


def read_poses(
    file: str | os.PathLike[str], root: Path, faces: Sequence[RealFace]
) -> list[RealFace]:
    """Gives faces the yaw that a CSV file `path,yaw` tells; those without a row keep theirs.

    Args:
        file: the CSV file.
        root: folder that its paths are relative to.
        faces: of the folder.

    Raises:
        DaganError: file and row of a photo that is not among the faces, of one named twice, or of
            a yaw that is not a number within 90 degrees.
    """
    yaws = read_yaws(file, root, (face.path for face in faces))
    return [replace(face, yaw=yaws.get(face.path, face.yaw)) for face in faces]


def protocol_faces(protocol: Protocol) -> list[RealFace]:
    """The faces of a protocol, in its order.

    Their people are named where the protocol names them; FRLL's yaws are its layout's.
    """
    files = ImageFiles(protocol.root, protocol.faces.paths)
    people = _people(protocol)
    yaws: dict[str, float | None] = {}
    if protocol.name.startswith("FRLL"):
        yaws = {str(one.path): one.yaw for one in list_photos(protocol.root, "frll")}
    return [
        RealFace(
            files(path),
            people.get(face, ""),
            yaws.get(str(files(path))),
            sighting,
            box_of(protocol.faces.boxes[face]),
            central=not yaws,
            tested=True,
        )
        for face, (path, sighting) in enumerate(
            zip(protocol.faces.paths, protocol.faces.sightings, strict=True)
        )
    ]


def merged(training: Iterable[RealFace], tested: Iterable[RealFace]) -> list[RealFace]:
    """Each face once: what is known of one that is trained on and tested is put together."""
    faces = {face.key: face for face in training}
    for face in tested:
        known = faces.get(face.key)
        faces[face.key] = (
            replace(known, tested=True, central=known.central or face.central) if known else face
        )
    return list(faces.values())


def box_of(values: np.ndarray) -> tuple[float, ...] | None:
    """A protocol's box as numbers; None where it is not known."""
    return tuple(map(float, values)) if np.isfinite(values).all() else None


def _lfw(root: Path) -> list[RealFace]:
    folders = [root, *sorted(one for one in root.glob("*") if one.is_dir())]
    for folder in folders:
        found = sorted(
            path
            for path in folder.glob("*/*_[0-9][0-9][0-9][0-9].*")
            if path.suffix.lower() in PHOTO_SUFFIXES
        )
        if found:
            return [RealFace(path, path.parent.name, central=True) for path in found]
    raise DaganError(f"{root}: no photos in layout 'lfw'; expected NAME/NAME_0001.jpg")


def _cfp(root: Path) -> list[RealFace]:
    images = home(root, "Data") / "Data" / "Images"
    for pattern in ("*/{}/*", "*/*/{}/*"):
        faces = [
            RealFace(path, path.parent.parent.name, central=True, least_yaw=least)
            for view, least in (("frontal", 0.0), ("profile", _CFP_PROFILE))
            for path in sorted(images.glob(pattern.format(view)))
            if path.suffix.lower() in PHOTO_SUFFIXES
        ]
        if faces:
            return sorted(faces, key=lambda face: face.path)
    raise DaganError(
        f"{images}: no photos in layout 'cfp'; expected NNN/frontal/01.jpg and NNN/profile/01.jpg"
    )


def _named_faces(root: Path, layout: str) -> list[RealFace]:
    """Faces of IJB's files whose people are named."""
    protocol = read_protocol("ijba" if layout == "ijba" else f"{layout}-search", root)
    people = _people(protocol)
    for split in protocol.splits:
        people.update(
            zip(split.training_faces.tolist(), split.training_subjects.tolist(), strict=True)
        )
    return [
        replace(face, identity=people[row], tested=False)
        for row, face in enumerate(protocol_faces(protocol))
        if people.get(row)
    ]


def _people(protocol: Protocol) -> dict[int, str]:
    """Whom each face of a template shows."""

    def rows() -> Iterator[tuple[int, str]]:
        for split in protocol.splits:
            templates = split.templates
            owners = templates.media_template[templates.media]
            yield from zip(
                templates.face.tolist(), templates.subjects[owners].tolist(), strict=True
            )

    return {face: person for face, person in rows() if person}


def turned(yaw: float, least: float) -> float:
    """A fitted yaw where the set tells that the face is turned at least `least` degrees."""
    return math.copysign(max(abs(yaw), least), yaw)
