"""Draws everyday photos and their views on numbered sheets, for people to count what is usable.

python -m benchmarks.everyday_sheets --folders=DIR,DIR --count=36 --output=OUT
python -m benchmarks.everyday_sheets --folders=DIR,DIR --count=48 --tight --output=OUT

Each row is a numbered photo and its views at 30, 60 and 90 degrees, to a side drawn by the seed (to
the photo's own if it allows only that). OUT gets sheet-NN.png, six rows each, and key.csv, which
names the files. --tight cuts each photo at the brows, the ears and below the chin first: the crop
is all that the simulator gets.
"""

import csv
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from absl import flags

from benchmarks.labels import labelled
from dagan_tf.core.program import run_app
from dagan_tf.data.photos import PhotoItem, list_photos
from dagan_tf.errors import DaganError
from dagan_tf.faces.photo_io import read_photo, write_png
from dagan_tf.simulator.render.camera import turned_upright
from dagan_tf.simulator.simulator import Simulator

FLAGS = flags.FLAGS
flags.DEFINE_list("folders", None, "Folders of photos; as many are drawn from each.", required=True)
flags.DEFINE_integer("count", 36, "Photos to draw.")
flags.DEFINE_integer("seed", 0, "Of the draw.")
flags.DEFINE_bool("tight", False, "Cut the photos at the brows and the ears.")
flags.DEFINE_integer("image_size", 224, "Side of the views, pixels.")
flags.DEFINE_string("output", None, "Folder for the sheets and key.csv.", required=True)

YAWS = (30.0, 60.0, 90.0)
ROWS = 6
# How far beyond brows, ears and chin a tight photo reaches at most, in heights of brows to chin.
_ROOM = 0.06


class Row(NamedTuple):
    """What is drawn of a photo, and what the key says of it."""

    pictures: list[np.ndarray]
    yaws: list[float]
    note: str


def draw_photos(folders: list[str], count: int, rng: np.random.Generator) -> list[PhotoItem]:
    """As many photos of each folder, in an order that mixes them."""
    drawn: list[PhotoItem] = []
    for place, folder in enumerate(folders):
        items = list_photos(folder, "flat")
        share = count // len(folders) + (place < count % len(folders))
        if share > len(items):
            raise DaganError(f"{folder}: has {len(items)} photos, expected at least {share}")
        drawn += [items[at] for at in rng.permutation(len(items))[:share]]
    return [drawn[at] for at in rng.permutation(len(drawn))]


def cut_tightly(photo: np.ndarray, landmarks: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The photo from the brows to the chin and from ear to ear, with hardly any room."""
    low, high = landmarks.min(axis=0), landmarks.max(axis=0)
    room = rng.uniform(0.0, _ROOM, 4) * (high[1] - low[1])
    left, top = np.maximum(np.floor(low - room[:2]), 0).astype(int)
    right, bottom = np.ceil(high + room[2:]).astype(int) + 1
    return np.ascontiguousarray(photo[top:bottom, left:right])


def fitted_in(photo: np.ndarray, size: int) -> np.ndarray:
    """The photo, shrunk or enlarged to fit into a white square."""
    height, width = photo.shape[:2]
    scale = size / max(height, width)
    inner = (max(1, round(width * scale)), max(1, round(height * scale)))
    out = np.full((size, size, 3), 255, np.uint8)
    out[: inner[1], : inner[0]] = cv2.resize(photo, inner, interpolation=cv2.INTER_AREA)
    return out


def row_of(simulator: Simulator, photo: np.ndarray, side: float) -> Row:
    """The views of a photo, or white squares where it gives none."""
    size = simulator.image_size
    pictures, yaws, note = [fitted_in(photo, size)], [], ""
    try:
        fit = simulator.fit(photo)
    except DaganError as error:
        blank = np.full((size, size, 3), 255, np.uint8)
        return Row([*pictures, *[labelled(blank, "none")] * len(YAWS)], [], str(error))
    if simulator.refusal(fit, side * YAWS[0]):
        side = -side
    prepared = simulator.prepare(photo, fit)
    for yaw in YAWS:
        reason = simulator.refusal(fit, side * yaw)
        if reason:
            pictures.append(labelled(np.full((size, size, 3), 255, np.uint8), "none"))
            note = reason
        else:
            view = simulator.render(prepared, turned_upright(fit.pose, side * yaw))
            pictures.append(view.image)
            yaws.append(side * yaw)
    return Row(pictures, yaws, note)


def main(argv: list[str]) -> None:
    del argv
    rng = np.random.default_rng(FLAGS.seed)
    output = Path(FLAGS.output)
    output.mkdir(parents=True, exist_ok=True)
    simulator = Simulator(image_size=FLAGS.image_size)
    items = draw_photos(FLAGS.folders, FLAGS.count, rng)
    rows, key = [], []
    for number, item in enumerate(items, start=1):
        photo, side = read_photo(item.path), float(rng.choice((-1.0, 1.0)))
        if FLAGS.tight:
            photo = cut_tightly(photo, simulator.finder.find_one(photo).landmarks, rng)
        row = row_of(simulator, photo, side)
        rows.append([labelled(row.pictures[0], str(number)), *row.pictures[1:]])
        size = f"{photo.shape[1]}x{photo.shape[0]}"
        key.append([number, item.path, size, " ".join(f"{yaw:+.0f}" for yaw in row.yaws), row.note])
    for start in range(0, len(rows), ROWS):
        sheet = np.concatenate([np.concatenate(row, axis=1) for row in rows[start : start + ROWS]])
        write_png(output / f"sheet-{start // ROWS + 1:02d}.png", sheet)
    with (output / "key.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["number", "photo", "size", "yaws", "refused"])
        writer.writerows(key)
    made = sum(len(line[3].split()) for line in key)
    print(f"{made} of {len(YAWS) * len(rows)} views of {len(rows)} photos in {output}")


if __name__ == "__main__":
    run_app(main)
