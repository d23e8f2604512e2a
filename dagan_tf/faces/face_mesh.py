"""MediaPipe's face mesh as a source of the 68 landmarks: weights of no non-commercial data.

Kartynnik et al., "Real-time facial surface geometry from monocular video on mobile GPUs", 2019;
weights Apache-2.0, run by OpenCV. Each landmark is a fixed mix of mesh points, found by
`scripts/place_mesh_points.py`. The jaw's are then moved out to the mesh's outline in the image,
where annotators mark it: the mesh's own lie on the edge of the face, hidden if the face is turned.
"""

from functools import cache
from importlib import resources
from typing import Any

import cv2
import numpy as np

from dagan_tf.core.pixels import to_unit
from dagan_tf.core.tflite import load_tflite
from dagan_tf.faces.alignment import apply_similarity, invert_similarity, warp_similarity
from dagan_tf.faces.detector import FaceBox, check_photo
from dagan_tf.faces.keypoints import roll_of
from dagan_tf.faces.weights import FACE_MESH, weight_path

POINTS = 468
_SIZE = 192
_OUTPUT = "conv2d_20"
# Side of what the network sees, in widths of BlazeFace's box and of the mesh: as MediaPipe has it.
_ROOM = 1.5
_JAW = slice(0, 17)
_EYES, _MOUTH = slice(36, 48), slice(48, 60)
# Corners of the eyes, those of one eye and of the other, in the order of an upright image.
_EYE_CORNERS = ((33, 133), (362, 263))


class MeshPredictor:
    """Predicts the 68 points from the face mesh; may be pickled.

    The weights are loaded at the first use and never pickled.
    """

    def __init__(self) -> None:
        """Loads nothing yet."""
        self._net: Any = None

    def predict(self, photo: np.ndarray, box: FaceBox) -> np.ndarray:
        """Returns (68, 2) float32 landmarks, pixels, x right and y down.

        Args:
            photo: (H, W, 3) uint8 RGB.
            box: Of the face. With BlazeFace's keypoints of any roll; others are upright, and the
                mesh found in them says where it is looked for again.
        """
        return landmarks_of(self.mesh(photo, box))

    def mesh(self, photo: np.ndarray, box: FaceBox) -> np.ndarray:
        """Returns the mesh, (468, 2) float64 pixels; arguments as of `predict`."""
        check_photo(photo)
        centre = np.array([box.left + box.width / 2, box.top + box.height / 2])
        side = _ROOM * max(box.width, box.height)
        if box.keypoints:
            return self._run(photo, centre, side, roll_of(np.array(box.keypoints)))
        return self._run(photo, *_place(self._run(photo, centre, side, 0.0)))

    def _run(self, photo: np.ndarray, centre: np.ndarray, side: float, roll: float) -> np.ndarray:
        if self._net is None:
            self._net = load_tflite(weight_path(FACE_MESH))
        cosine, sine = np.cos(np.radians(roll)), np.sin(np.radians(roll))
        turn = _SIZE / side * np.array([[cosine, sine], [-sine, cosine]])
        matrix = np.column_stack([turn, (_SIZE - 1) / 2 - turn @ centre])
        seen = warp_similarity(photo, matrix, _SIZE, border="black")
        self._net.setInput(to_unit(seen.transpose(2, 0, 1)[None]))
        found = self._net.forward(_OUTPUT).reshape(POINTS, 3)[:, :2].astype(np.float64)
        # The network counts pixels' edges, the photo their centres.
        return apply_similarity(invert_similarity(matrix), found - 0.5)

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the network, which does not go through a pickle."""
        return {"_net": None}


def landmarks_of(mesh: np.ndarray) -> np.ndarray:
    """The 68 landmarks, (68, 2) float32, of a mesh, (468, 2) pixels."""
    vertices, weights = _mixes()
    points = (weights[:, :, None] * mesh[vertices]).sum(axis=1)
    centre = (points[_EYES].mean(axis=0) + points[_MOUTH].mean(axis=0)) / 2
    points[_JAW] = centre + _outward(mesh, centre, points[_JAW] - centre)
    return points.astype(np.float32)


def _outward(mesh: np.ndarray, centre: np.ndarray, rays: np.ndarray) -> np.ndarray:
    """Rays from the centre, (N, 2), lengthened to the convex outline of the mesh."""
    hull = cv2.convexHull(mesh.astype(np.float32))[:, 0].astype(np.float64)
    edges = np.roll(hull, -1, axis=0) - hull
    normals = np.column_stack([edges[:, 1], -edges[:, 0]])
    distance = ((hull - centre) * normals).sum(axis=1)
    # Outward ones, whichever way round the hull was walked.
    normals *= np.sign(distance)[:, None]
    towards = rays @ normals.T
    with np.errstate(divide="ignore"):
        times = np.where(towards > 0.0, np.abs(distance) / towards, np.inf).min(axis=1)
    return rays * np.maximum(times, 1.0)[:, None]


def _place(mesh: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Centre, side and roll of the square in which a mesh is looked for again."""
    right, left = (mesh[list(corners)].mean(axis=0) for corners in _EYE_CORNERS)
    across = left - right
    roll = float(np.degrees(np.arctan2(across[1], across[0])))
    cosine, sine = np.cos(np.radians(roll)), np.sin(np.radians(roll))
    turn = np.array([[cosine, sine], [-sine, cosine]])
    upright = mesh @ turn.T
    low, high = upright.min(axis=0), upright.max(axis=0)
    return turn.T @ ((low + high) / 2), _ROOM * float((high - low).max()), roll


@cache
def _mixes() -> tuple[np.ndarray, np.ndarray]:
    """Of each landmark K mesh points, (68, K) int64, and their weights, which sum to 1."""
    with (
        resources.files("dagan_tf.faces").joinpath("mesh_points.npz").open("rb") as stream,
        np.load(stream) as archive,
    ):
        return archive["vertices"].astype(np.int64), archive["weights"].astype(np.float64)
