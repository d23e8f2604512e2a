"""The canonical frame: where a head lies in every image of this package, whatever its pose.

The frame's centre and side follow the fitted head in three dimensions, not its landmarks in the
image. So a simulated view at 60 degrees and a real photo at 60 degrees are framed alike, and no
classifier can tell them apart by their crop.
"""

from __future__ import annotations

import numpy as np

from dagan_tf.faces.alignment import upright_square
from dagan_tf.simulator.fitting.fit import FaceFit
from dagan_tf.simulator.head.morphable_model import MorphableModel
from dagan_tf.simulator.render.camera import Camera, Pose, rotation_matrix
from dagan_tf.simulator.render.grid import middle

# Side of the frame, in root mean square heights of the 68 landmarks about their centre: the face,
# both ears at any yaw, and some hair and neck. Heights, not radii: fits to a frontal and a turned
# photo of one person agree in height to 1 %, in width and depth only to 8 %.
FRAME_HEIGHTS = 5.35
# The frame's centre lies this many heights behind the landmarks' centre, so that neither the nose
# of a left profile nor that of a right one is cut off.
DEPTH_HEIGHTS = 0.48


def frame_camera(
    model: MorphableModel, fit: FaceFit, pose: Pose, image_size: int, *, zoom: float = 1.0
) -> Camera:
    """Camera that shows the fitted head in the canonical frame.

    Args:
        model: the 3D head the fit belongs to.
        fit: a fitted face.
        pose: the pose to show, degrees.
        image_size: side of the square frame, pixels.
        zoom: > 1 shows less of the surroundings.

    Returns:
        The camera; the frame's centre is at pixel ((S - 1) / 2, (S - 1) / 2).
    """
    return _camera(*_anchor(model, fit), pose, image_size, zoom)


def frame_depth(model: MorphableModel, fit: FaceFit, pose: Pose, image_size: int) -> float:
    """Depth of the frame's centre in `frame_camera`'s images, pixels, larger is nearer.

    Args:
        model: the 3D head the fit belongs to.
        fit: a fitted face.
        pose: the pose shown, degrees.
        image_size: side of the square frame, pixels.
    """
    centre, height = _anchor(model, fit)
    scale = image_size / (FRAME_HEIGHTS * height)
    return float(scale * (rotation_matrix(pose) @ centre)[2])


def frame_matrix(
    model: MorphableModel, fit: FaceFit, image_size: int, *, zoom: float = 1.0
) -> np.ndarray:
    """Similarity that carries the fitted photo into the canonical frame, its roll removed.

    Args:
        model: the 3D head the fit belongs to.
        fit: the photo's fit.
        image_size: side of the square frame, pixels.
        zoom: > 1 shows less of the surroundings.

    Returns:
        (2, 3) float64, photo pixels to frame pixels.
    """
    centre, height = _anchor(model, fit)
    seen = fit.camera.project(centre[None])[0, :2].astype(np.float64)
    ratio = zoom * image_size / (FRAME_HEIGHTS * height * fit.camera.scale)
    return upright_square(seen, fit.pose.roll, ratio, image_size)


def mean_landmarks(model: MorphableModel, yaw: float, image_size: int) -> np.ndarray:
    """Where the mean head's 68 landmarks lie in the canonical frame.

    Args:
        model: the 3D head.
        yaw: degrees.
        image_size: side of the frame, pixels.

    Returns:
        (68, 2) float32 pixels, including those of a far side that is hidden.
    """
    points = model.mean[model.landmark_vertices].astype(np.float64)
    camera = _camera(*_anchor_of(points), Pose(yaw), image_size)
    return camera.project(points)[:, :2].astype(np.float32)


def _camera(
    centre: np.ndarray, height: float, pose: Pose, image_size: int, zoom: float = 1.0
) -> Camera:
    scale = zoom * image_size / (FRAME_HEIGHTS * height)
    rotation = rotation_matrix(pose)
    offset = scale * (rotation @ centre)[:2] * np.array([1.0, -1.0])
    return Camera(scale=scale, rotation=rotation, translation=middle(image_size) - offset)


def _anchor(model: MorphableModel, fit: FaceFit) -> tuple[np.ndarray, float]:
    """Centre (3,) and landmark height of the fitted, expressionless head, in model units."""
    points = model.landmarks(fit.identity).astype(np.float64)
    return _anchor_of(points)


def _anchor_of(landmarks: np.ndarray) -> tuple[np.ndarray, float]:
    height = float(landmarks[:, 1].std())
    return landmarks.mean(axis=0) - np.array([0.0, 0.0, DEPTH_HEIGHTS * height]), height
