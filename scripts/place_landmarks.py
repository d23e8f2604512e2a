"""Places the 68 landmarks on the packaged head, between its vertices, from what dlib marks.

Two sources: renderings of the head, where pose and shape are known, and, if given, portraits of
people (a folder of FRLL's layout), where both are fitted. For each landmark the offset that
explains its residuals in all views is found by least squares, made symmetric and laid on the
surface; then everything is fitted again.

    python scripts/place_landmarks.py --photos=FRLL
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from dagan_tf.core.files import write_whole
from dagan_tf.errors import DaganError
from dagan_tf.faces.face import FaceFinder
from dagan_tf.faces.photo_io import read_photo
from dagan_tf.simulator.fitting.basis import fit_basis
from dagan_tf.simulator.fitting.fit import fit_landmarks
from dagan_tf.simulator.head.mesh import Mesh
from dagan_tf.simulator.head.morphable_model import MorphableModel
from dagan_tf.simulator.render.camera import Camera, Pose, pose_from_rotation, rotation_matrix
from dagan_tf.simulator.render.rasterizer import interpolate, rasterize

HEAD = (
    Path(__file__).resolve().parents[1] / "dagan_tf" / "simulator" / "head" / "assets" / "head.npz"
)
FOLDERS = ("neutral_front", "neutral_left_3quarter", "neutral_right_3quarter")
ROUNDS = 4
SIZE = 640
SCALE = 170.0
RENDERED_IDENTITIES = 6
# Landmark on the other side of the face.
# fmt: off
MIRRORED = np.array([
    *range(16, -1, -1), *range(26, 16, -1), 27, 28, 29, 30, 35, 34, 33, 32, 31,
    45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40,
    54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65,
])
# fmt: on
# They touch in the mean head but part with the jaw: which lip a point is on was set by hand.
INNER_LIPS = np.arange(60, 68)
FLIP = np.array([-1.0, 1.0, 1.0])


def paint(model: MorphableModel) -> np.ndarray:
    """(512, 512, 3) colours over the frontal plane: brows, eyes and lips where landmarks are."""
    points = texture_place(model.mean[model.landmark_vertices])
    colours = np.full((512, 512, 3), [214, 168, 145], np.float32)

    def fixed(part: np.ndarray) -> np.ndarray:
        return np.round(part * 16).astype(np.int32)

    for brow in (range(17, 22), range(22, 27)):
        cv2.polylines(colours, [fixed(points[list(brow)])], False, (60, 40, 30), 7, cv2.LINE_AA, 4)
    cv2.fillPoly(colours, [fixed(points[48:60])], (170, 80, 80), cv2.LINE_AA, 4)
    cv2.polylines(colours, [fixed(points[60:68])], True, (100, 40, 40), 2, cv2.LINE_AA, 4)
    for eye in (points[36:42], points[42:48]):
        white, iris = np.zeros((512, 512), np.uint8), np.zeros((512, 512), np.uint8)
        cv2.fillPoly(white, [fixed(eye)], 255, cv2.LINE_AA, 4)
        cv2.circle(iris, tuple(fixed(eye.mean(axis=0)).tolist()), 120, 255, -1, cv2.LINE_AA, 4)
        for mask, colour in ((white, (240, 240, 240)), (np.minimum(white, iris), (60, 45, 30))):
            alpha = mask[..., None] / 255.0
            colours = (colours * (1 - alpha) + alpha * np.array(colour)).astype(np.float32)
        cv2.polylines(colours, [fixed(eye[:4])], False, (50, 35, 30), 2, cv2.LINE_AA, 4)
    return cv2.GaussianBlur(colours, (0, 0), 1.0)


def texture_place(points: np.ndarray) -> np.ndarray:
    return (points[:, :2] * [150, -150] + [256, 200]).astype(np.float32)


def render(
    model: MorphableModel, colours: np.ndarray, pose: Pose, identity: np.ndarray
) -> tuple[np.ndarray, Camera]:
    """A shaded, painted picture (640, 640, 3) of the head, and its camera."""
    vertices = model.vertices(identity)
    camera = Camera(SCALE, rotation_matrix(pose), np.array([SIZE / 2, SIZE / 2 - 10.0]))
    raster = rasterize(camera.project(vertices), model.triangles, SIZE, SIZE)
    normals = Mesh(model.mean, model.triangles).normals(vertices) @ camera.rotation.T
    values = np.concatenate([texture_place(model.mean), normals, model.mean[:, 1:]], axis=1)
    seen = interpolate(raster, model.triangles, values.astype(np.float32))
    x, y = np.ascontiguousarray(seen[..., 0]), np.ascontiguousarray(seen[..., 1])
    colour = cv2.remap(colours, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    height, depth = seen[..., 5], seen[..., 6]
    colour[((depth < 0.25) | (height > 0.8)) & (height > -0.3)] = [70, 50, 40]
    light = np.array([0.2, 0.4, 1.0]) / np.linalg.norm([0.2, 0.4, 1.0])
    colour *= 0.35 + 0.65 * np.clip(seen[..., 2:5] @ light, 0, 1)[..., None]
    colour[raster.triangle_ids < 0] = [120, 130, 140]
    return colour.clip(0, 255).astype(np.uint8), camera


def rendered_views(
    model: MorphableModel, finder: FaceFinder
) -> list[tuple[np.ndarray, Camera, np.ndarray]]:
    """(landmarks, camera, identity) of each rendering in which dlib finds a face."""
    rng = np.random.default_rng(0)
    colours, views = paint(model), []
    for index in range(RENDERED_IDENTITIES):
        identity = 0.8 * rng.standard_normal(20) * (index > 0)
        for yaw in (-20, 0, 20):
            for pitch in (-10, 0, 10):
                image, camera = render(model, colours, Pose(yaw, pitch), identity)
                try:
                    views.append((finder.find_one(image).landmarks, camera, identity))
                except DaganError:
                    continue
    return views


def photo_landmarks(folder: Path, finder: FaceFinder) -> list[np.ndarray]:
    """Landmarks of every second person's photos; the others stay unseen, to judge by."""
    found = []
    for name in FOLDERS:
        for path in sorted((folder / name).glob("*.jpg"))[::2]:
            try:
                found.append(finder.find_one(read_photo(path)).landmarks)
            except DaganError as error:
                print(f"{path.name}: {error}")
    return found


def offsets(
    model: MorphableModel, views: list[tuple[np.ndarray, Camera, np.ndarray]], photos: list
) -> np.ndarray:
    """(68, 3) symmetric shifts of the landmarks, model units, that explain the residuals."""
    basis = fit_basis(model)
    rows: list[tuple[np.ndarray, np.ndarray, float]] = []
    for landmarks, camera, identity in views:
        coefficients = np.zeros(basis.modes.shape[2])
        coefficients[basis.expressions :][: len(identity)] = identity
        rows.append((*residual(basis, landmarks, camera, coefficients), 1.0 / len(views)))
    for landmarks in photos:
        fit = fit_landmarks(model, landmarks)
        coefficients = np.concatenate([fit.expression, fit.identity]).astype(np.float64)
        rows.append((*residual(basis, landmarks, fit.camera, coefficients), 1.0 / len(photos)))
    normal, right = np.zeros((68, 3, 3)), np.zeros((68, 3))
    for axes, miss, weight in rows:
        # The outline of a turned head lies elsewhere: only frontal views place the jaw.
        share = np.full(68, weight)
        share[:17] *= abs(np.degrees(np.arcsin(axes[0, 2]))) < 10
        normal += share[:, None, None] * (axes.T @ axes)
        right += share[:, None] * (miss @ axes)
        # The same view of the mirrored face.
        axes, miss = axes * FLIP, miss[MIRRORED]
        normal += share[:, None, None] * (axes.T @ axes)
        right += share[:, None] * (miss @ axes)
    # A little damping: no view shows depth at the jaw.
    return np.linalg.solve(normal + 0.02 * np.eye(3), right[..., None])[..., 0]


def residual(basis, landmarks, camera, coefficients):  # type: ignore[no-untyped-def]
    """The image's axes in the model (2, 3) and the misses (68, 2) along them, model units."""
    points, _ = basis.place(camera.rotation, coefficients)
    miss = (landmarks - camera.project(points)[:, :2]) * [1.0, -1.0] / camera.scale
    roll = np.radians(pose_from_rotation(camera.rotation).roll)
    turn = np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    return turn @ camera.rotation[:2], miss @ turn.T


def on_surface(points: np.ndarray, mean: np.ndarray, triangles: np.ndarray):  # type: ignore[no-untyped-def]
    """Nearest surface points: corners (N, 3) and barycentric weights (N, 3)."""
    a, b, c = (mean[triangles[:, i]].astype(np.float64) for i in range(3))
    steps = np.linspace(0.0, 1.0, 21)
    corners, weights = [], []
    for point in points:
        near = np.argsort(np.linalg.norm((a + b + c) / 3 - point, axis=1))[:40]
        u, v = (grid.ravel() for grid in np.meshgrid(steps, steps))
        u, v = u[u + v <= 1 + 1e-9], v[u + v <= 1 + 1e-9]
        mixes = np.stack([1 - u - v, u, v], axis=1)
        places = np.einsum("mk,ktd->tmd", mixes, np.stack([a[near], b[near], c[near]]))
        distance = np.linalg.norm(places - point, axis=2)
        triangle, mix = np.unravel_index(np.argmin(distance), distance.shape)
        corners.append(triangles[near[triangle]])
        weights.append(mixes[mix].clip(0, 1))
    return np.array(corners), np.array(weights)


def symmetric(  # type: ignore[no-untyped-def]
    corners: np.ndarray, weights: np.ndarray, mean: np.ndarray, edges: np.ndarray, mirror, goal
):
    """The left of the face is the mirror image of the right; the middle is in the middle."""
    corners, weights = corners.copy(), weights.copy()
    middle = edges[(mirror[edges] == edges).all(axis=1)]
    start, along = mean[middle[:, 0]], mean[middle[:, 1]] - mean[middle[:, 0]]
    for right, left in enumerate(MIRRORED):
        if right < left:
            corners[left], weights[left] = mirror[corners[right]], weights[right]
        elif right == left:
            share = ((goal[right] - start) * along).sum(axis=1) / (along**2).sum(axis=1)
            share = share.clip(0, 1)
            distance = np.linalg.norm(start + share[:, None] * along - goal[right], axis=1)
            best = int(np.argmin(distance))
            corners[right] = [*middle[best], middle[best, 0]]
            weights[right] = [1 - share[best], share[best], 0]
    return corners, weights


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--photos", type=Path, help="folder of the London Set; renderings only if absent"
    )
    parser.add_argument("--head", type=Path, default=HEAD)
    args = parser.parse_args()
    finder = FaceFinder()
    photos = photo_landmarks(args.photos, finder) if args.photos else []
    for turn in range(ROUNDS):
        model = MorphableModel.load(args.head)
        shift = offsets(model, rendered_views(model, finder), photos)
        goal = model.mean[model.landmark_vertices] + shift
        with np.load(args.head) as archive:
            arrays = {name: archive[name] for name in archive.files}
        corners, weights = on_surface(goal, arrays["mean"], arrays["triangles"].astype(np.int64))
        mirror, triangles = (arrays[name].astype(np.int64) for name in ("mirror", "triangles"))
        edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]]])
        corners, weights = symmetric(corners, weights, arrays["mean"], edges, mirror, goal)
        corners[INNER_LIPS] = arrays["landmarks68"][INNER_LIPS, None]
        weights[INNER_LIPS] = [1, 0, 0]
        moved = np.einsum("nk,nkd->nd", weights, arrays["mean"][corners])
        arrays["landmarks68_corners"] = corners.astype(np.uint16)
        arrays["landmarks68_weights"] = weights.astype(np.float32)
        with write_whole(args.head) as partial, partial.open("wb") as stream:
            np.savez_compressed(stream, **arrays)
        rms = np.sqrt(((moved - model.mean[model.landmark_vertices]) ** 2).sum(axis=1).mean())
        off = np.linalg.norm(moved - goal, axis=1).mean()
        print(f"round {turn + 1}: moved by {rms:.4f}, {off:.4f} off the surface (model units)")


if __name__ == "__main__":
    main()
