"""One real photo to its crop in the frame of the simulated views, in this process or another."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dagan_tf.data.manifest import SkippedRow
from dagan_tf.data.photos import PhotoItem
from dagan_tf.errors import DaganError
from dagan_tf.faces.photo_io import encode_png, read_photo
from dagan_tf.faces.resizing import resized
from dagan_tf.simulator.simulator import Simulator


class FramedFace(NamedTuple):
    """What a record of a real photo holds.

    Attributes:
        image: PNG, RGB, square.
        mask: PNG, one channel, 0 beyond the photo's edges; empty if all is inside.
        yaw: degrees; NaN = unknown.
        pitch: likewise.
        roll: likewise.
    """

    image: bytes
    mask: bytes
    yaw: float
    pitch: float
    roll: float


# Side of the crops, pixels, and what frames the photos; None: they are in the frame already.
Context = tuple[int, Simulator | None]


def start_framing(image_size: int, simulator: Simulator | None) -> Context:
    """What `frame_real` needs, made once a worker."""
    return image_size, simulator


def frame_real(context: Context, item: PhotoItem) -> FramedFace | SkippedRow:
    """The crop of a photo, or why there is none."""
    image_size, simulator = context
    try:
        photo = read_photo(item.path)
        if simulator is None:
            return _as_it_is(photo, item, image_size)
        aligned = simulator.align(photo, yaw=item.yaw)
    except DaganError as error:
        return SkippedRow(source=item.source, reason=str(error))
    # What the photo shows, not what its folder is called.
    pose = aligned.pose
    mask = b"" if aligned.mask.all() else encode_png(aligned.mask)
    return FramedFace(encode_png(aligned.image), mask, pose.yaw, pose.pitch, pose.roll)


def _as_it_is(photo: np.ndarray, item: PhotoItem, image_size: int) -> FramedFace:
    if photo.shape[0] != photo.shape[1]:
        raise DaganError(
            f"the photo is {photo.shape[1]}x{photo.shape[0]}, expected an aligned square"
        )
    yaw = float("nan") if item.yaw is None else item.yaw
    crop = resized(photo, image_size, image_size)
    return FramedFace(encode_png(crop), b"", yaw, float("nan"), float("nan"))
