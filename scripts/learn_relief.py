"""Learns the packaged relief, dagan_tf/simulator/head/assets/relief.npz, from fronts and profiles.

    python scripts/learn_relief.py --frll=FRLL [--held_out=002,008] [--output=FILE.npz]

FRLL is the Face Research Lab London Set (DeBruine and Jones 2017, CC BY 4.0). The outline of each
real profile is cut out of its plain backdrop and laid onto the middle line of the head that was
fitted to the same person's front (rotation, place and a little scale are free). What is left, in
depth, at 27 levels from forehead to throat, is the target of a ridge regression from the fit's
identity coefficients. Prints the error on the people held out, beside that of the fit alone.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
from scipy.optimize import least_squares

from dagan_tf.faces.photo_io import read_photo
from dagan_tf.simulator.fitting.fit import FaceFit
from dagan_tf.simulator.head.morphable_model import MorphableModel
from dagan_tf.simulator.head.relief import STEPS, level_heights
from dagan_tf.simulator.simulator import Simulator

ASSET = Path(__file__).resolve().parents[1] / "dagan_tf/simulator/head/assets/relief.npz"
# Finer levels for the registration: so many a gap between two of the 14 heights.
FINE = 8
RIDGE = 300.0
ROUNDS = 3
# Levels that count: hair hides the forehead, the throat is the neck's.
FACE = slice(4, 22)
# Left and right profile of one person agree to this, in model units, or their outline is hair's.
AGREE = 0.08


class MiddleLine:
    """The outermost depth of a head's plane of symmetry at given heights."""

    def __init__(self, model: MorphableModel):
        assert model.mirror is not None
        edges = np.concatenate([model.triangles[:, pair] for pair in ([0, 1], [1, 2], [2, 0])])
        edges = np.unique(np.sort(edges, axis=1), axis=0)
        own = model.mirror == np.arange(len(model.mean))
        self.edges = edges[own[edges].all(axis=1)]

    def depth(self, vertices: np.ndarray, heights: np.ndarray) -> np.ndarray:
        out = np.full(len(heights), -np.inf)
        for low, high in self.edges:
            below, above = sorted((vertices[low], vertices[high]), key=lambda point: point[1])
            if above[1] - below[1] < 1e-9:
                continue
            on = (heights >= below[1]) & (heights <= above[1])
            share = (heights[on] - below[1]) / (above[1] - below[1])
            out[on] = np.maximum(out[on], below[2] + share * (above[2] - below[2]))
        return out


def outline(photo: np.ndarray) -> np.ndarray:
    """(H,) column where a profile that looks left begins; NaN where there is nobody."""
    image = photo.astype(np.float32)
    height, width = image.shape[:2]
    y, x = np.mgrid[:height, :width]
    y, x = y / height - 0.5, x / width - 0.5
    terms = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=-1)
    # The backdrop's own shade, a quadratic, from where there is nothing else.
    bare = np.zeros((height, width), bool)
    bare[: int(0.68 * height), : int(0.08 * width)] = True
    bare[: int(0.08 * height), : int(0.16 * width)] = True
    backdrop = terms @ np.linalg.lstsq(terms[bare], image[bare], rcond=None)[0]
    off = cv2.GaussianBlur(np.abs(image - backdrop).max(axis=2), (0, 0), 0.7)
    mask = cv2.morphologyEx((off > 22).astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3)))
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((5, 5)))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    person = labels == 1 + np.argmax(stats[1:, 4])
    edge = np.where(person.any(axis=1), person.argmax(axis=1), np.nan).astype(float)
    for row in np.flatnonzero(edge >= 3):  # Half-way between backdrop and skin, below a pixel.
        at = int(edge[row])
        start = max(at - 4, 0)
        half = np.median(off[row, at + 2 : at + 5]) / 2
        values = off[row, start : at + 5]
        above = np.flatnonzero(values > half)
        if len(above) and above[0]:
            low, high = values[above[0] - 1], values[above[0]]
            edge[row] = start + above[0] - 1 + (half - low) / max(high - low, 1e-6)
    return edge


def register(
    heights: np.ndarray, depth: np.ndarray, edge: np.ndarray, scale: float, mean: np.ndarray,
    weights: np.ndarray, tip: float,
) -> tuple[np.ndarray, float]:  # fmt: skip
    """Real minus fitted depth at each height, and the log of the scale that it took."""
    rows = np.arange(len(edge))
    ok = np.isfinite(edge)

    def real(place: np.ndarray) -> np.ndarray:
        turn, right, down, grown = place
        s = scale * np.exp(grown)
        z, y = -(edge[ok] - right) / s, -(rows[ok] - down) / s
        deep, high = np.cos(turn) * z - np.sin(turn) * y, np.sin(turn) * z + np.cos(turn) * y
        order = np.argsort(high)
        return np.interp(heights, high[order], deep[order])

    def residuals(place: np.ndarray) -> np.ndarray:
        off = (real(place) - depth - mean) * weights
        return np.concatenate([np.clip(off / 0.03, -8, 8), [place[0] / 0.03, place[3] / 0.006]])

    size = len(edge)
    middle = (rows > 0.29 * size) & (rows < 0.68 * size)
    nose = int(np.nanargmin(np.where(middle, edge, np.nan)))
    at_tip = float(np.interp(tip, heights[::-1], depth[::-1]))
    best = None
    for shift in range(-40, 41, 8):
        row = int(np.clip(nose + shift, 0.26 * size, 0.78 * size))
        column = np.nanmin(edge[row - 6 : row + 7])
        start = [0.0, column + scale * at_tip, row + scale * tip, 0.0]
        found = least_squares(
            residuals, start, loss="soft_l1", x_scale=[0.05, 3, 3, 0.02], max_nfev=40
        )
        if best is None or found.cost < best.cost:
            best = found
    assert best is not None
    return real(best.x) - depth, float(best.x[3])


def fine_heights(landmarks: np.ndarray) -> np.ndarray:
    knots = level_heights(landmarks)
    return np.interp(
        np.linspace(0, len(knots) - 1, (len(knots) - 1) * FINE + 1), np.arange(len(knots)), knots
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frll", type=Path, required=True)
    parser.add_argument("--held_out", default="", help="People kept from it, to measure on.")
    parser.add_argument("--output", type=Path, default=ASSET)
    args = parser.parse_args()
    held_out = set(filter(None, args.held_out.split(",")))
    simulator = Simulator()
    model = simulator.model
    line = MiddleLine(model)
    fits: dict[tuple[str, str], FaceFit] = {}
    edges: dict[tuple[str, str], list[np.ndarray]] = {}
    for kind in ("neutral", "smiling"):
        for file in sorted((args.frll / f"{kind}_front").glob("*.jpg")):
            key = file.name[:3], kind
            fits[key] = simulator.fit(read_photo(file))
            sides = [
                read_photo(next((args.frll / f"{kind}_{side}_profile").glob(f"{key[0]}_*")))
                for side in ("left", "right")
            ]
            edges[key] = [outline(sides[0]), outline(np.ascontiguousarray(sides[1][:, ::-1]))]
    levels = 13 * FINE + 1
    weights = np.ones(levels)
    weights[:FINE], weights[FINE * 11 :], weights[FINE * 12 :] = 0.3, 0.4, 0.15
    mean, grown = np.zeros(levels), 0.0
    for _ in range(ROUNDS):
        found = {}
        for key, fit in fits.items():
            vertices = model.vertices(fit.identity, fit.expression).astype(float)
            landmarks = vertices[model.landmark_vertices]
            heights = fine_heights(landmarks)
            depth = line.depth(vertices, heights)
            scale = fit.camera.scale * np.exp(grown)
            tip = level_heights(landmarks)[5]
            found[key] = [
                register(heights, depth, edge, scale, mean, weights, tip) for edge in edges[key]
            ]
        mean = np.median([offsets for pair in found.values() for offsets, _ in pair], axis=0)
        grown += float(np.median([scale for pair in found.values() for _, scale in pair]))
    targets, coefficients, people = [], [], []
    for key, ((left, _), (right, _)) in found.items():
        left, right = (side[:: FINE // STEPS] for side in (left, right))
        if np.abs(left - right)[FACE].max() > AGREE:
            continue
        fit = fits[key]
        landmarks = model.vertices(fit.identity, fit.expression)[model.landmark_vertices]
        targets.append((left + right) / 2 / (landmarks[27, 1] - landmarks[8, 1]))
        coefficients.append(fit.identity)
        people.append(key[0])
    target, known = np.array(targets), np.array(coefficients, np.float64)
    # The whole profile's place is free: it is the shape that counts.
    target += target[:, FACE].mean() - target[:, FACE].mean(axis=1, keepdims=True)
    train = ~np.isin(people, sorted(held_out))
    centre, spread = known[train].mean(axis=0), known[train].std(axis=0).mean()
    scaled = (known[train] - centre) / spread
    middle = target[train].mean(axis=0)
    slope = np.linalg.solve(
        scaled.T @ scaled + RIDGE * np.eye(scaled.shape[1]), scaled.T @ (target[train] - middle)
    )
    slope /= spread
    np.savez(
        args.output,
        mean=middle.astype(np.float32),
        slope=slope.astype(np.float32),
        centre=centre.astype(np.float32),
    )
    print(f"{train.sum()} fronts with both profiles to learn from, written to {args.output}")
    if held_out:
        test = ~train
        guesses = {
            "the fit alone": 0.0,
            "the mean offset": middle,
            "this": middle + (known[test] - centre) @ slope,
        }
        for name, guess in guesses.items():
            off = (target[test] - guess)[:, FACE]
            off = off - off.mean(axis=1, keepdims=True)
            print(
                f"{name}: {100 * np.sqrt((off**2).mean()):.2f} % of nasion to chin on"
                f" {test.sum()} fronts of people held out"
            )


if __name__ == "__main__":
    main()
