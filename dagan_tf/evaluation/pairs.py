"""A simulated view beside the real photo of the same person from the same side."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dagan_tf.data.manifest import ManifestRow
from dagan_tf.data.photos import PhotoItem

# Degrees between a view and the photo it is held against; a photo's nominal yaw is as uncertain.
TOLERANCE = 7.5
# Degrees within which a photo counts as frontal.
FRONTAL = 15.0


@dataclass(frozen=True)
class Pair:
    """One view and what it is held against.

    Attributes:
        view: of the simulated folder.
        source: the photo that the view was made from.
        real: another photo of the person, taken from the view's side.
    """

    view: ManifestRow
    source: PhotoItem
    real: PhotoItem


def pair_views(
    views: Sequence[ManifestRow],
    photos: Sequence[PhotoItem],
    yaw_of: Callable[[PhotoItem], float | None],
    *,
    yaws: Sequence[float] = (),
) -> list[Pair]:
    """Finds each view's real photo.

    Args:
        views: rows of a manifest.
        photos: all photos; a view's source is found among them by its file's and folder's name.
        yaw_of: the yaw of a photo in degrees, None where it is not known.
        yaws: only views within `TOLERANCE` degrees of one of these; empty takes all.

    Returns:
        Pairs in the order of the views' paths; views whose source is not among the photos, or
        whose person was not photographed from their side, are left out. Of several photos the
        nearest in yaw is taken, then the one whose path has most in common with the source's, so
        that a neutral face is held against a neutral one.
    """
    by_name = {_name(Path(item.source)): item for item in photos}
    by_person: dict[str, list[PhotoItem]] = {}
    for item in photos:
        by_person.setdefault(item.identity, []).append(item)
    pairs = []
    for view in sorted(views, key=lambda row: row.path):
        source = by_name.get(_name(Path(view.source)))
        if source is None or (yaws and min(abs(view.yaw - yaw) for yaw in yaws) > TOLERANCE):
            continue
        found = []
        for item in by_person.get(view.identity, []):
            yaw = yaw_of(item) if item != source else None
            if yaw is not None and abs(yaw - view.yaw) <= TOLERANCE:
                shared = _shared(str(item.path), str(source.path))
                found.append((abs(yaw - view.yaw), -shared, str(item.path), item))
        if found:
            pairs.append(Pair(view, source, min(found)[-1]))
    return pairs


def gallery_photos(
    photos: Sequence[PhotoItem],
    sources: set[Path],
    yaw_of: Callable[[PhotoItem], float | None],
) -> dict[str, PhotoItem]:
    """One frontal photo of each person to be recognised by.

    Args:
        photos: all photos.
        sources: files that views were made from: another photo is taken where there is one.
        yaw_of: as of `pair_views`.

    Returns:
        By person, the last such photo; people without a frontal one are left out.
    """
    found: dict[str, PhotoItem] = {}
    for item in photos:
        yaw = yaw_of(item)
        if yaw is None or abs(yaw) > FRONTAL:
            continue
        before = found.get(item.identity)
        if before is None or before.path in sources or item.path not in sources:
            found[item.identity] = item
    return found


def _shared(one: str, other: str) -> int:
    """Number of letters with which two paths begin alike."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in itertools.takewhile(lambda letters: letters[0] == letters[1], pairs))


def _name(path: Path) -> tuple[str, str]:
    """What stays of a photo's path when its folder is moved."""
    return path.parent.name, path.name
