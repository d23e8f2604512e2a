"""What the benchmarks on the Face Research Lab London Set share.

DeBruine and Jones (2017), CC BY 4.0; folders `{neutral,smiling}_{front,left_3quarter,...}`.
"""

from pathlib import Path

from dagan_tf.data.manifest import ManifestRow
from dagan_tf.data.photos import PhotoItem, list_photos
from dagan_tf.errors import DaganError


def side(yaw: float) -> str | None:
    """Side of the image the nose points to in a three-quarter view; None for any other view.

    Nominally -45 and +45 degrees, and the 3D head fitted to the photos agrees within 2 on average;
    views at 40 count too.
    """
    if abs(abs(yaw) - 45.0) > 7.5:
        return None
    return "left" if yaw < 0 else "right"


def real_photos(folder: str | Path, view: str) -> dict[str, PhotoItem]:
    """Photos of one view ("smiling_front") by person."""
    return {item.identity: item for item in list_photos(folder, "frll", include=f"{view}/*")}


def expression(row: ManifestRow) -> str:
    """ "neutral" or "smiling", of a view of an FRLL photo."""
    folder = Path(row.source).parent.name
    if not folder.endswith("_front"):
        raise DaganError(f"{row.path} comes from {row.source!r}; expected a *_front photo of FRLL")
    return folder.removesuffix("_front")
