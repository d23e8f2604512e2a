"""What the benchmarks on the Face Research Lab London Set share.

DeBruine and Jones (2017), CC BY 4.0; folders `{neutral,smiling}_{front,left_3quarter,...}`.
"""

from pathlib import Path

from dagan_tf.data.photos import PhotoItem, list_photos


def real_photos(folder: str | Path, view: str) -> dict[str, PhotoItem]:
    """Photos of one view ("smiling_front") by person."""
    return {item.identity: item for item in list_photos(folder, "frll", include=f"{view}/*")}
