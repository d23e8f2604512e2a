"""What real photos of turned heads show at the vertices of the heads fitted to the fronts."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from dagan_tf.data.manifest import ManifestRow, read_manifest
from dagan_tf.faces.photo_io import read_photo
from dagan_tf.simulator.fitting.framing import frame_camera
from dagan_tf.simulator.head.mesh import Mesh
from dagan_tf.simulator.render.camera import Pose
from dagan_tf.simulator.render.rasterizer import rasterize
from dagan_tf.simulator.render.sampling import sample
from dagan_tf.simulator.scene.prepared_photo import PreparedPhoto
from dagan_tf.simulator.simulator import Simulator


class TurnedPhoto(NamedTuple):
    """A view and the person's real photo that lies on it.

    Attributes:
        person: whose.
        source: the front's file.
        yaw: degrees.
        front: the front, read onto its head.
        view: (S, S, 3) uint8, the simulated view.
        photo: (S, S, 3) uint8, the real one.
        mask: (S, S) uint8: 0 off the photo, 128 where its structure is another than the view's.
        places: (V, 2) float32, where the vertices lie in both, pixels.
        facing: (V,) cosine to the line of sight; 0 where the vertex is hidden.
    """

    person: str
    source: str
    yaw: float
    front: PreparedPhoto
    view: np.ndarray
    photo: np.ndarray
    mask: np.ndarray
    places: np.ndarray
    facing: np.ndarray


def turned_photos(simulated: Path, pairs: Path, simulator: Simulator) -> Iterator[TurnedPhoto]:
    """All views that have a photo.

    Args:
        simulated: made by `trainer.simulate --head`.
        pairs: made by `trainer.pair`.
        simulator: the one that made them.

    Yields:
        One for each view, sorted by front.
    """
    model = simulator.model
    mesh = Mesh(model.mean, model.triangles)
    laid = {row.path: row for row in read_manifest(pairs)}
    by_source: dict[str, list[ManifestRow]] = {}
    for row in read_manifest(simulated):
        if row.path in laid:
            by_source.setdefault(row.source, []).append(row)
    for source, rows in sorted(by_source.items()):
        front = read_photo(Path(source))
        fit = simulator.fit(front)
        prepared = simulator.prepare(front, fit)
        for row in rows:
            view, photo = read_photo(simulated / row.path), read_photo(pairs / row.path)
            camera = frame_camera(model, fit, Pose(row.yaw, row.pitch), view.shape[0])
            placed = camera.project(prepared.vertices)
            turned = mesh.normals(prepared.vertices) @ camera.rotation.T.astype(np.float32)
            depth = rasterize(placed, model.triangles, *view.shape[:2]).depth
            at = np.clip(np.rint(placed[:, :2]).astype(int), 0, view.shape[0] - 1)
            near = placed[:, 2] > depth[at[:, 1], at[:, 0]] - 4.0
            near &= (np.abs(placed[:, :2] - at) < 1.0).all(axis=1)
            yield TurnedPhoto(
                row.identity, source, row.yaw, prepared, view, photo,
                read_photo(pairs / laid[row.path].mask_path)[..., 0], placed[:, :2],
                near * turned[:, 2],
            )  # fmt: skip


def at_places(image: np.ndarray, places: np.ndarray) -> np.ndarray:
    """(V, ...) samples at (V, 2) places."""
    return sample(image, places[None].astype(np.float32))[0]


def blurred(image: np.ndarray) -> np.ndarray:
    """A float32 image without its pores."""
    return cv2.GaussianBlur(image.astype(np.float32), (0, 0), 1.0)
