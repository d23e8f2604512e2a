"""Finds which mix of MediaPipe's mesh points each of the 68 landmarks is, for the packaged head.

No other predictor of landmarks takes part: from the mesh point nearest to each landmark the head is
fitted to photos; then each landmark becomes that mix of neighbouring mesh points which lies nearest
to where the fitted heads have it, and so on. Learned from every second photo; the fit error of the
others is printed after each round. The jaw's landmarks keep one mesh point each: they slide along
the outline.

    python scripts/place_mesh_points.py --frll=FRLL --flat=DIR,DIR
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from dagan_tf.core.files import write_whole
from dagan_tf.data.photos import PhotoItem, list_photos
from dagan_tf.errors import DaganError
from dagan_tf.faces import face_mesh
from dagan_tf.faces.detector import FaceDetector
from dagan_tf.faces.face_mesh import MeshPredictor, landmarks_of
from dagan_tf.faces.photo_io import read_photo
from dagan_tf.simulator.fitting.basis import fit_basis
from dagan_tf.simulator.fitting.fit import FaceFit, fit_landmarks
from dagan_tf.simulator.head.morphable_model import MorphableModel

FILE = Path(face_mesh.__file__).with_name("mesh_points.npz")
FRLL_VIEWS = ("*_front/*", "*_3quarter/*")
ROUNDS = 2
NEIGHBOURS = 4
# Holds a landmark near its mesh point where photos say little, in variances of the neighbours.
RIDGE = 1e-3
# The mesh point nearest to each landmark, iBUG's order.
# fmt: off
NEAREST = np.array([
    162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389,
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300, 168, 197, 5, 4, 75, 97, 2, 326, 305,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87,
])
# fmt: on
JAW = 17


def meshes(items: Sequence[PhotoItem]) -> Iterator[np.ndarray]:
    """The meshes of photos in which BlazeFace finds one face, (468, 2) pixels."""
    detector, predictor = FaceDetector(["blaze"]), MeshPredictor()
    for item in items:
        photo = read_photo(item.path)
        boxes = detector.detect(photo)
        if len(boxes) == 1:
            yield predictor.mesh(photo, boxes[0])


def neighbours(fronts: Sequence[np.ndarray]) -> np.ndarray:
    """(68, NEIGHBOURS) mesh points, the landmark's own first, those nearest in frontal photos."""
    spread = [(mesh - mesh.mean(axis=0)) / mesh.std() for mesh in fronts]
    mean = np.mean(spread, axis=0)
    distance = np.square(mean[NEAREST][:, None] - mean[None]).sum(axis=2)
    return np.argsort(distance, axis=1, kind="stable")[:, :NEIGHBOURS]


def seen(model: MorphableModel, fit: FaceFit) -> np.ndarray:
    """Where a fitted head shows its landmarks, (68, 2) pixels."""
    basis = fit_basis(model)
    coefficients = np.concatenate([fit.expression, fit.identity])
    points, _ = basis.place(fit.camera.rotation, coefficients)
    return fit.camera.project(points)[:, :2]


def mixed(mesh: np.ndarray, wanted: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """Weights, summing to 1, of the mix of (N, K, 2) that comes nearest to (N, 2)."""
    away = (mesh[:, 1:] - mesh[:, :1]) / scales[:, None, None]
    rows = away.transpose(0, 2, 1).reshape(-1, mesh.shape[1] - 1)
    right = ((wanted - mesh[:, 0]) / scales[:, None]).reshape(-1)
    ridge = RIDGE * len(rows) * np.square(rows).mean() * np.eye(rows.shape[1])
    weights = np.linalg.solve(rows.T @ rows + ridge, rows.T @ right)
    return np.concatenate([[1.0 - weights.sum()], weights])


def write(vertices: np.ndarray, weights: np.ndarray) -> None:
    """Writes the file that `face_mesh` reads."""
    with write_whole(FILE) as partial, partial.open("wb") as stream:
        np.savez(stream, vertices=vertices.astype(np.int16), weights=weights.astype(np.float32))
    face_mesh._mixes.cache_clear()


def main() -> None:
    """Learns the mixes and writes them."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--frll", required=True, help="folder of the London Set")
    parser.add_argument("--flat", default="", help="folders of other photos, comma-separated")
    options = parser.parse_args()
    sets = {view: list_photos(options.frll, "frll", include=view)[::2] for view in FRLL_VIEWS} | {
        folder: list_photos(folder, "flat")[::4] for folder in options.flat.split(",") if folder
    }
    found = {name: list(meshes(items)) for name, items in sets.items()}
    model = MorphableModel.load()
    vertices = neighbours(found[FRLL_VIEWS[0]])
    weights = np.zeros(vertices.shape)
    weights[:, 0] = 1.0
    for turn in range(ROUNDS + 1):
        write(vertices, weights)
        learned: list[tuple[np.ndarray, np.ndarray]] = []
        for name, faces in found.items():
            errors = []
            for place, mesh in enumerate(faces):
                try:
                    fit = fit_landmarks(model, landmarks_of(mesh))
                except DaganError:
                    continue
                if place % 2:
                    errors.append(fit.error)
                else:
                    learned.append((mesh, seen(model, fit)))
            print(f"round {turn}, {name}: fit error {np.median(errors):.4f}, n {len(errors)}")
        if turn == ROUNDS:
            break
        taught = np.array([mesh for mesh, _ in learned])
        wanted = np.array([points for _, points in learned])
        scales = np.linalg.norm(wanted[:, 45] - wanted[:, 36], axis=1)
        for mark in range(JAW, len(NEAREST)):
            weights[mark] = mixed(taught[:, vertices[mark]], wanted[:, mark], scales)


if __name__ == "__main__":
    main()
