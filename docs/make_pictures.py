"""Makes the README's pictures of faces from scikit-image's public-domain NASA portrait.

    python docs/make_pictures.py [--refiner=pretrained]

`astronaut_views.png`: row one the photo, then its simulated views; row two their masks (white =
shown by the photo). With a refiner, `astronaut_refined.png`: simulated views at the size it was
trained at, below them what it makes of them.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
from skimage import data

from dagan_tf.faces.photo_io import write_png
from dagan_tf.simulator.simulator import Simulator

YAWS = (-60, -30, 0, 30, 60)
REFINED_YAWS = (-90, -60, -30, 30, 60, 90)
SIZE = 224  # pixels a view is made at
SHOWN = 128  # pixels a view is shown at; keeps the picture small
REFINED_SHOWN = 160
GAP = ((0, 4), (0, 4), (0, 0))  # white below and beside a tile
PICTURES = Path(__file__).parent / "pictures"


def _resize(image: np.ndarray, side: int) -> np.ndarray:
    larger = side > len(image)
    how = cv2.INTER_CUBIC if larger else cv2.INTER_AREA
    return cv2.resize(image, (side, side), interpolation=how)


def _rows(rows: list[list[np.ndarray]], side: int) -> np.ndarray:
    """Tiles of any size as one uint8 (H, W, 3) RGB image, each `side` pixels wide."""
    cells = [
        [np.pad(_resize(tile, side), GAP, constant_values=255) for tile in row] for row in rows
    ]
    return np.concatenate([np.concatenate(row, axis=1) for row in cells])


def views_picture() -> np.ndarray:
    """The photo with its views, their masks; uint8 (H, W, 3) RGB."""
    photo = data.astronaut()
    views = Simulator(image_size=SIZE).simulate(photo, yaws=YAWS)
    blank = np.full((SIZE, SIZE, 3), 255, np.uint8)
    masks = [np.repeat(view.mask[..., None], 3, axis=2) for view in views]
    return _rows([[photo, *(view.image for view in views)], [blank, *masks]], SHOWN)


def refined_picture(exported: str) -> np.ndarray:
    """Views and what an exported refiner makes of them; uint8 (H, W, 3) RGB."""
    from dagan_tf.export.refiner import (
        Refiner,  # Loads TensorFlow, which the other picture needs not.
    )

    refiner = Refiner.load(exported)
    simulator = Simulator(image_size=refiner.image_size or SIZE)
    views = [view.image for view in simulator.simulate(data.astronaut(), yaws=REFINED_YAWS)]
    return _rows([views, list(refiner(np.stack(views)))], REFINED_SHOWN)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--refiner", help="what serving.export wrote")
    refiner = parser.parse_args().refiner
    pictures = {"astronaut_views.png": views_picture()}
    if refiner:
        pictures["astronaut_refined.png"] = refined_picture(refiner)
    PICTURES.mkdir(exist_ok=True)
    for name, picture in pictures.items():
        write_png(PICTURES / name, picture)
        print(PICTURES / name)
