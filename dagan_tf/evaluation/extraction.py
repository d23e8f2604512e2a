"""Features of all faces of a protocol by a frozen network, from the images themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol as Interface

import numpy as np

from dagan_tf.data.photos import list_photos
from dagan_tf.errors import DaganError
from dagan_tf.faces.face import FaceFinder
from dagan_tf.faces.photo_io import read_photo
from dagan_tf.protocols.features import FaceFeatures
from dagan_tf.protocols.protocol import Protocol

# Around a box that the set gives, as a share of it: detectors want to see the whole head.
_MARGIN = 0.4


class Network(Interface):
    """What embeds a photo's face by its 68 landmarks."""

    def embed(self, photo: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        """(H, W, 3) uint8 and (68, 2) pixels to (D,)."""
        ...


def extract(
    protocol: Protocol,
    network: Network,
    *,
    skip_missing: bool = False,
    advance: Callable[[int], object] = lambda faces: None,
) -> FaceFeatures:
    """Reads, finds and embeds every face.

    Args:
        protocol: Whose faces.
        network: The network.
        skip_missing: A face whose image can't be read, or in which no single face is found, is
            absent instead of an error.
        advance: Called with the number of faces done.

    Returns:
        The features, scaled as the network gives them, and FRLL's nominal yaw.

    Raises:
        DaganError: The file and what is wrong with it.
    """
    finder = FaceFinder()
    rows: list[np.ndarray | None] = []
    for path, box in zip(protocol.faces.paths, protocol.faces.boxes, strict=True):
        try:
            image = _around(read_photo(protocol.root / path), box)
            rows.append(network.embed(image, finder.find_one(image).landmarks))
        except (DaganError, OSError) as error:
            if not skip_missing:
                raise DaganError(
                    f"{protocol.root / path}: {error}; --missing=skip leaves such faces out"
                ) from None
            rows.append(None)
        advance(1)
    present = np.array([row is not None for row in rows])
    if not present.any():
        raise DaganError(f"{protocol.root}: no face was found in any of {len(rows)} images")
    width = next(len(row) for row in rows if row is not None)
    features = np.stack([np.zeros(width) if row is None else row for row in rows])
    return FaceFeatures(features.astype(np.float32), present, _nominal_yaw(protocol))


def _around(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    if not np.isfinite(box).all():
        return image
    left, top, width, height = box
    edges = (
        max(int(top - _MARGIN * height), 0),
        int(top + (1 + _MARGIN) * height),
        max(int(left - _MARGIN * width), 0),
        int(left + (1 + _MARGIN) * width),
    )
    cut = image[edges[0] : edges[1], edges[2] : edges[3]]
    if not cut.size:
        raise DaganError(f"the face's box {box.tolist()} lies outside the image {image.shape[:2]}")
    return np.ascontiguousarray(cut)


def _nominal_yaw(protocol: Protocol) -> np.ndarray | None:
    if not protocol.name.startswith("FRLL"):
        return None
    known = {
        item.path.relative_to(protocol.root).as_posix(): item.yaw
        for item in list_photos(protocol.root, "frll")
    }
    return np.array([known[path] for path in protocol.faces.paths], dtype=np.float64)
