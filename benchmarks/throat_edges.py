"""Measures the throat's outline in simulated views against the same people's real photos.

python -m benchmarks.throat_edges --simulated=VIEWS --pairs=PAIRS [--identities=006,007]

VIEWS is made by trainer.simulate --head from frontal photos before a plain backdrop, PAIRS by
trainer.pair. Prints, for each yaw and some rows below the chin, how much farther out than in the
photo the view's edge lies (mean, and mean without its sign), pixels. Whose edge is not found in a
row (a shoulder reaches the picture's side, the row lies below the picture) is left out there.
"""

from pathlib import Path

import numpy as np
from absl import flags

from dagan_tf.core.program import run_app
from dagan_tf.data.manifest import read_manifest
from dagan_tf.faces.photo_io import read_photo
from dagan_tf.simulator.registration import person_share

FLAGS = flags.FLAGS
flags.DEFINE_string("simulated", None, "Folder of views.", required=True)
flags.DEFINE_string("pairs", None, "Folder of photos laid on them.", required=True)
flags.DEFINE_list("identities", [], "Only these people.")

# Rows below the chin, and how far behind it the neck surely is, as parts of the frame.
ROWS = (0.02, 0.045, 0.07, 0.1, 0.125, 0.15)
INSIDE = 0.27


def throat_edges(image: np.ndarray, yaw: float, landmarks: np.ndarray) -> np.ndarray:
    """(6,) column where the person ends before the neck, the nose to the right; NaN if unknown."""
    size = image.shape[0]
    points = landmarks.astype(np.float64)
    if yaw < 0:
        image = np.ascontiguousarray(image[:, ::-1])
        points = points * [-1, 1] + [size - 1, 0]
    person = person_share(image, abs(yaw)) > 0.5
    start = max(round(float(points[8, 0]) - INSIDE * size), 0)
    edges = np.full(len(ROWS), np.nan)
    for index, below in enumerate(ROWS):
        row = round(float(points[:17, 1].max()) + below * size)
        beyond = np.flatnonzero(~person[row, start:]) if row < size else []
        if len(beyond):
            edges[index] = start + beyond[0]
    return edges


def main(_: list[str]) -> None:
    simulated, pairs = Path(FLAGS.simulated), Path(FLAGS.pairs)
    photos = {row.path for row in read_manifest(pairs)}
    off: dict[int, list[np.ndarray]] = {}
    for row in read_manifest(simulated):
        if row.path not in photos or (FLAGS.identities and row.identity not in FLAGS.identities):
            continue
        points = np.array([point.split(",") for point in row.landmarks.split()], np.float64)
        view, photo = (
            throat_edges(read_photo(folder / row.path), row.yaw, points)
            for folder in (simulated, pairs)
        )
        off.setdefault(round(abs(row.yaw)), []).append(view - photo)
    for yaw, found in sorted(off.items()):
        for below, column in zip(ROWS, np.array(found).T, strict=True):
            known = column[np.isfinite(column)]
            print(
                f"{yaw} degrees, {below:.3f} of the frame below the chin: {known.mean():+.1f},"
                f" {np.abs(known).mean():.1f} ({len(known)} of {len(column)} views)"
            )


if __name__ == "__main__":
    run_app(main)
