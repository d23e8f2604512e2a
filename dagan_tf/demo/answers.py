"""What the demo page is told of photos and of turned faces, made for JSON."""

import base64
from typing import Any

import cv2
import numpy as np

from dagan_tf.demo.photo_store import StoredPhoto
from dagan_tf.demo.turner import TurnedFace
from dagan_tf.faces.photo_io import encode_png

# Longest side of the small copy on which the page marks the faces.
_COPY_SIDE = 640


def photo_answer(name: str, photo: StoredPhoto) -> dict[str, Any]:
    """A stored photo: its name and size, a small copy, and where its faces are.

    Args:
        name: under which it is asked for.
        photo: as it is stored.
    """
    height, width = photo.pixels.shape[:2]
    scale = min(1.0, _COPY_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    copy = cv2.resize(photo.pixels, size, interpolation=cv2.INTER_AREA)
    return {
        "photo": name,
        "width": width,
        "height": height,
        "copy": _data_url(copy),
        "faces": [
            {
                "left": face.box.left,
                "top": face.box.top,
                "width": face.box.width,
                "height": face.box.height,
            }
            for face in photo.faces
        ],
    }


def view_answer(turned: TurnedFace) -> dict[str, Any]:
    """A turned face: both pictures and their pose; `refined` is None without a refiner."""
    return {
        "simulated": _data_url(turned.simulated),
        "refined": None if turned.refined is None else _data_url(turned.refined),
        "complaint": turned.complaint,
        "yaw": turned.pose.yaw,
        "pitch": turned.pose.pitch,
        "own_yaw": turned.source_pose.yaw,
        "own_pitch": turned.source_pose.pitch,
    }


def _data_url(image: np.ndarray) -> str:
    return "data:image/png;base64," + base64.b64encode(encode_png(image)).decode()
