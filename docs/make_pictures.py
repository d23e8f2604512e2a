"""Makes docs/pictures/astronaut_views.png from scikit-image's public-domain NASA portrait.

    python docs/make_pictures.py

Row one: the photo, then its simulated views. Row two: their masks (white = shown by the photo).
"""

from pathlib import Path

import cv2
import numpy as np
from skimage import data

from dagan_tf.faces.photo_io import write_png
from dagan_tf.simulator.simulator import Simulator

YAWS = (-60, -30, 0, 30, 60)
SIZE = 224  # pixels a view is made at
SHOWN = 128  # pixels a view is shown at; keeps the picture small
GAP = 4
OUTPUT = Path(__file__).parent / "pictures" / "astronaut_views.png"


def _shrink(image: np.ndarray) -> np.ndarray:
    return cv2.resize(image, (SHOWN, SHOWN), interpolation=cv2.INTER_AREA)


def _row(tiles: list[np.ndarray]) -> np.ndarray:
    gap = np.full((SHOWN, GAP, 3), 255, np.uint8)
    padded = [part for tile in tiles for part in (tile, gap)]
    return np.concatenate(padded[:-1], axis=1)


def make_picture() -> np.ndarray:
    """Returns the two rows as one uint8 (H, W, 3) RGB image."""
    photo = data.astronaut()
    views = Simulator(image_size=SIZE).simulate(photo, yaws=YAWS)
    blank = np.full((SHOWN, SHOWN, 3), 255, np.uint8)
    images = [_shrink(photo), *(_shrink(view.image) for view in views)]
    masks = [blank, *(_shrink(np.repeat(view.mask[..., None], 3, axis=2)) for view in views)]
    first, second = _row(images), _row(masks)
    between = np.full((GAP, first.shape[1], 3), 255, np.uint8)
    return np.concatenate([first, between, second])


if __name__ == "__main__":
    OUTPUT.parent.mkdir(exist_ok=True)
    write_png(OUTPUT, make_picture())
    print(OUTPUT)
