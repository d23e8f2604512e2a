"""The rasteriser against those that pip installs: medians, milliseconds of processor time.

python -m benchmarks.rasterizer [--rounds=51]

The meshes are the packaged head, and the same head with its longest edges cut until it has 38,000
vertices, the size of the Basel face model without neck; both as the simulator frames them, 224
pixels wide (a view) and 448 (what a view is drawn at). One thread; the calls alternate in one
process and each timed one follows an untimed one.

Peers, left out where they are not installed:

- face3d: the Cython renderer of face3d, which 3DDFA's renderer is made from, out of the
  `insightface` package (0.7.3; `pip install --no-deps` is enough). Gives what ours gives.
- OpenCV: `cv2.triangleRasterize` of OpenCV 5 in white, and `cv2.triangleRasterizeDepth`, its
  fastest; neither tells which triangle a pixel sees.

"same triangle" is the share of the image where a peer sees the same triangle as ours (a pixel that
sees none counts too). To learn it from OpenCV, the mesh is drawn once more, untimed, with each
triangle in a colour of its own. That ours sees the right ones is what its tests are for.
"""

import argparse
import functools
import importlib.machinery
import importlib.util
import os
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_name] = "1"

import cv2
import numpy as np

from dagan_tf.simulator.fitting.fit import FaceFit
from dagan_tf.simulator.fitting.framing import frame_camera
from dagan_tf.simulator.head.morphable_model import MorphableModel
from dagan_tf.simulator.render.camera import Camera, Pose
from dagan_tf.simulator.render.rasterizer import rasterize

DENSE = 38_000
SIZES = (224, 448)


def refined(
    vertices: np.ndarray, triangles: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Cuts triangles through the middle of their longest edges until there are `count` vertices.

    Only an edge that is the longest of all its triangles is cut, so that no triangle is cut twice
    in a round and neighbours keep to fit. The two halves take the place of the whole.
    """
    while len(vertices) < count:
        ends = np.sort(np.stack([triangles, np.roll(triangles, -1, axis=1)], axis=-1), axis=-1)
        edges, of = np.unique(ends.reshape(-1, 2), axis=0, return_inverse=True)
        of = of.reshape(-1, 3)
        lengths = np.linalg.norm(vertices[edges[:, 0]] - vertices[edges[:, 1]], axis=1)
        rank = np.empty(len(edges), int)
        rank[np.argsort(lengths, kind="stable")] = np.arange(len(edges))
        longest = rank[of].argmax(axis=1)
        chosen = np.take_along_axis(of, longest[:, None], axis=1)[:, 0]
        cut = np.flatnonzero(np.bincount(chosen, minlength=len(edges)) == np.bincount(of.ravel()))
        cut = cut[np.argsort(-rank[cut])][: count - len(vertices)]
        middle = np.full(len(edges), -1)
        middle[cut] = len(vertices) + np.arange(len(cut))
        vertices = np.concatenate([vertices, vertices[edges[cut]].mean(axis=1)])
        halves = middle[chosen] >= 0
        turned = np.take_along_axis(triangles, (longest[:, None] + np.arange(3)) % 3, axis=1)
        first, second = turned.copy(), turned.copy()
        first[halves, 1] = second[halves, 0] = middle[chosen[halves]]
        kept = np.stack([np.ones_like(halves), halves], axis=1).ravel()
        triangles = np.stack([first, second], axis=1).reshape(-1, 3)[kept]
    return vertices, triangles.astype(np.int32)


def meshes() -> Iterator[tuple[str, np.ndarray, np.ndarray, int]]:
    """Name, (V, 3) float32 vertices in the image, (T, 3) int32 triangles and size of each image."""
    model = MorphableModel.load()
    none = np.zeros(0, np.float32)
    fit = FaceFit(Camera(1.0, np.eye(3), np.zeros(2)), Pose(0.0), none, none, 0.0)
    dense = refined(model.mean, model.triangles, DENSE)
    for name, (vertices, triangles) in {
        "head": (model.mean, model.triangles),
        "dense head": dense,
    }.items():
        for size in SIZES:
            projected = frame_camera(model, fit, Pose(0.0), size).project(vertices)
            yield name, projected, triangles, size


def face3d() -> ModuleType | None:
    """The compiled module alone: its package would import much that it does not need."""
    package = importlib.util.find_spec("insightface")
    if package is None or not package.submodule_search_locations:
        return None
    folder = Path(package.submodule_search_locations[0], "thirdparty/face3d/mesh/cython")
    finder = importlib.machinery.FileFinder(
        str(folder),
        (importlib.machinery.ExtensionFileLoader, importlib.machinery.EXTENSION_SUFFIXES),
    )
    spec = finder.find_spec("mesh_core_cython")
    if spec is None or spec.loader is None:
        return None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def draw_face3d(
    module: ModuleType, vertices: np.ndarray, triangles: np.ndarray, size: int
) -> np.ndarray:
    depth = np.full((size, size), -np.inf, np.float32)
    ids = np.full((size, size), -1, np.int32)
    barycentric = np.zeros((size, 3 * size), np.float32)
    module.rasterize_triangles_core(
        vertices, triangles, depth, ids, barycentric, len(vertices), len(triangles), size, size
    )
    return ids


class OpenCv:
    """The mesh before OpenCV's camera, which is a perspective one: seen from two sizes away.

    The vertices are moved along the rays so that each falls where it must in the image.
    """

    def __init__(self, vertices: np.ndarray, triangles: np.ndarray, size: int) -> None:
        away = 2.0 * size
        depth = away - vertices[:, 2].astype(np.float64)
        places = (vertices[:, :2] - (size - 1) / 2.0) * depth[:, None] / away
        self.points = np.column_stack([places * [1.0, -1.0], -depth]).astype(np.float32)
        self.triangles, self.size, self.far = triangles, size, 4.0 * away
        self.camera = (np.eye(4), 2.0 * float(np.arctan(size / 2.0 / away)), 1.0, self.far)

    def _settings(self, shading: int) -> "cv2.TriangleRasterizeSettings":
        settings = cv2.TriangleRasterizeSettings()
        settings.setCullingMode(cv2.RASTERIZE_CULLING_NONE)
        settings.setShadingType(shading)
        return settings

    def _empty(self) -> np.ndarray:
        return np.full((self.size, self.size), self.far, np.float32)

    def depth(self) -> object:
        settings = self._settings(cv2.RASTERIZE_SHADING_WHITE)
        return cv2.triangleRasterizeDepth(
            self.points, self.triangles, self._empty(), *self.camera, settings
        )

    def white(self) -> object:
        image = np.zeros((self.size, self.size, 3), np.float32)
        settings = self._settings(cv2.RASTERIZE_SHADING_WHITE)
        return cv2.triangleRasterize(
            self.points, self.triangles, np.zeros((0, 3), np.float32), image, self._empty(),
            *self.camera, settings,
        )  # fmt: skip

    def ids(self) -> np.ndarray:
        count = len(self.triangles)
        colours = np.repeat(np.arange(count, dtype=np.float32), 9).reshape(-1, 3)
        image = np.full((self.size, self.size, 3), -1.0, np.float32)
        image, _ = cv2.triangleRasterize(
            self.points[self.triangles].reshape(-1, 3),
            np.arange(3 * count, dtype=np.int32).reshape(-1, 3), colours, image, self._empty(),
            *self.camera, self._settings(cv2.RASTERIZE_SHADING_FLAT),
        )  # fmt: skip
        return image[..., 0].astype(np.int32)


def milliseconds(work: Callable[[], object]) -> float:
    work()
    began = time.process_time()
    work()
    return 1e3 * (time.process_time() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=51, help="times each call is measured")
    rounds = parser.parse_args().rounds
    cv2.setNumThreads(1)
    cython = face3d()
    print(f"{'':<32}{'ms':>8}{'ours / it':>12}{'same triangle':>16}")
    for name, vertices, triangles, size in meshes():
        ours = functools.partial(rasterize, vertices, triangles, size, size)
        runs: dict[str, Callable[[], object]] = {"dagan_tf": ours}
        ids = {"dagan_tf": ours().triangle_ids}
        if cython is not None:
            peer_run = functools.partial(draw_face3d, cython, vertices, triangles, size)
            runs["face3d (Cython)"], ids["face3d (Cython)"] = peer_run, peer_run()
        if hasattr(cv2, "triangleRasterize"):
            scene = OpenCv(vertices, triangles, size)
            runs["OpenCV triangleRasterize"] = scene.white
            runs["OpenCV triangleRasterizeDepth"] = scene.depth
            ids["OpenCV triangleRasterize"] = scene.ids()
        times: dict[str, list[float]] = {peer: [] for peer in runs}
        for _ in range(rounds):
            for peer, run in runs.items():
                times[peer].append(milliseconds(run))
        print(f"{name}, {len(vertices)} vertices, {len(triangles)} triangles, {size} x {size}")
        own = statistics.median(times["dagan_tf"])
        for peer, values in times.items():
            median = statistics.median(values)
            same = f"{100 * (ids[peer] == ids['dagan_tf']).mean():.3f} %" if peer in ids else "-"
            ratio = "" if peer == "dagan_tf" else f"{own / median:.2f}"
            print(f"  {peer:<30}{median:>8.3f}{ratio:>12}{same:>16}")
    if cython is None:
        print("face3d: not installed (pip install --no-deps insightface==0.7.3)")


if __name__ == "__main__":
    main()
