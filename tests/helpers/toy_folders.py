"""Small made-up face folders: skin-coloured ellipses, `simulated` with stripes the reals lack."""

from pathlib import Path

import numpy as np

from dagan_tf.data.manifest import ManifestRow, ManifestWriter
from dagan_tf.faces.photo_io import write_png


def toy_face(rng: np.random.Generator, size: int) -> np.ndarray:
    """An ellipse of a random colour with two eyes, uint8 (size, size, 3)."""
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    cx, cy = rng.uniform(-0.15, 0.15, 2)
    face = ((x - cx) / rng.uniform(0.5, 0.7)) ** 2 + ((y - cy) / rng.uniform(0.65, 0.85)) ** 2 < 1
    image = np.full((size, size, 3), rng.integers(40, 100, 3), np.uint8)
    image[face] = rng.integers([150, 110, 80], [240, 190, 160])
    for side in (-0.25, 0.25):
        image[(x - cx - side) ** 2 + (y - cy + 0.15) ** 2 < 0.012] = 20
    return image


def make_simulated(folder: Path, *, people: int = 3, views: int = 4, size: int = 16) -> Path:
    """A folder as `trainer.simulate` makes it."""
    rng = np.random.default_rng(1)
    folder.mkdir(parents=True, exist_ok=True)
    with ManifestWriter(folder) as manifest:
        for person in range(people):
            (folder / f"p{person}").mkdir(exist_ok=True)
            for view in range(views):
                image = toy_face(rng, size)
                image[::2, ::2] //= 2
                mask = np.full((size, size), 255, np.uint8)
                mask[:, : size // 4] = 0
                name = f"p{person}/v{view}_yaw+030"
                write_png(folder / f"{name}.png", image)
                write_png(folder / f"{name}_mask.png", mask)
                manifest.write(
                    ManifestRow(
                        path=f"{name}.png",
                        mask_path=f"{name}_mask.png",
                        source=f"v{view}.jpg",
                        identity=f"p{person}",
                        yaw=30.0,
                        pitch=0.0,
                        roll=0.0,
                        fit_error=0.02,
                    )
                )
    return folder


def make_real(folder: Path, *, people: int = 4, photos: int = 3, size: int = 16) -> Path:
    """A folder DIR/IDENTITY/*.png of square crops; the last person is not simulated."""
    rng = np.random.default_rng(2)
    for person in range(people):
        (folder / f"p{person}").mkdir(parents=True, exist_ok=True)
        for photo in range(photos):
            write_png(folder / f"p{person}" / f"{photo}.png", toy_face(rng, size))
    return folder


def make_frll(folder: Path, *, people: int = 8, size: int = 4) -> Path:
    """A folder as the London Set is laid out: 10 photos a person, each person of one colour."""
    views = ("front", "left_3quarter", "right_3quarter", "left_profile", "right_profile")
    rng = np.random.default_rng(3)
    for person in range(people):
        colour = rng.integers(30, 220, 3)
        for expression in ("neutral", "smiling"):
            for view in views:
                (folder / f"{expression}_{view}").mkdir(parents=True, exist_ok=True)
                photo = colour + rng.integers(-20, 20, (size, size, 3))
                write_png(
                    folder / f"{expression}_{view}" / f"{person:03d}_03.png",
                    photo.astype(np.uint8),
                )
    return folder
