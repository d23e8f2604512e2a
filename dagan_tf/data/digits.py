"""Digits printed in fonts and digits written by hand: simulated-to-real where nothing is a face.

Printed digits are drawn with the fonts that Matplotlib ships (DejaVu, STIX). Handwritten ones are
scikit-learn's `load_digits`, 8x8 pixels (UCI, Alpaydin and Kaynak 1998), enlarged.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from sklearn.datasets import load_digits

from dagan_tf.core.pixels import from_levels
from dagan_tf.data.record_format import Record
from dagan_tf.data.records import RecordIndex, write_records
from dagan_tf.faces.photo_io import encode_png

NAMES = tuple("0123456789")
_GLYPH = 96  # pixels of the drawing that is scaled down


def printed_digits(count: int, size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draws digits white on black, each in a font, tilt, size and place drawn at random.

    Args:
        count: of images; the labels take turns.
        size: side, pixels.
        seed: fixes everything.

    Returns:
        Images uint8 (count, size, size, 3), grey, and labels int64 (count,).
    """
    fonts = [ImageFont.truetype(str(path), _GLYPH) for path in _font_files()]
    random = np.random.default_rng(seed)
    images = [_draw(str(i % 10), fonts, size, random) for i in range(count)]
    return np.stack(images), np.arange(count) % 10


def handwritten_digits(size: int) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Handwritten digits in their published order, halved.

    Args:
        size: side to enlarge to, pixels.

    Returns:
        (images, labels) to train on (899) and to test on (898), as of `printed_digits`.
    """
    digits = load_digits()
    images = np.stack(
        [_grey(cv2.resize(image, (size, size)) * 255 / 16) for image in digits.images]
    )
    middle = len(images) // 2 + 1
    cut = slice(None, middle), slice(middle, None)
    return tuple((images[part], digits.target[part].astype(np.int64)) for part in cut)


def write_digit_records(
    folder: str | os.PathLike[str],
    images: np.ndarray,
    labels: np.ndarray | None,
    *,
    domain: str,
) -> RecordIndex:
    """Writes a record folder for training.

    Args:
        folder: to make.
        images: uint8 (N, S, S, 3).
        labels: int (N,), or None for unlabelled images.
        domain: `simulated` or `real`.
    """

    def records() -> Iterator[Record]:
        for number, image in enumerate(images):
            yield Record(
                image=encode_png(image),
                size=image.shape[0],
                identity="" if labels is None else NAMES[labels[number]],
                source=f"{domain}/{number}",
                domain=domain,
            )

    return write_records(folder, records())


def _font_files() -> list[Path]:
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return sorted(
        path
        for path in folder.glob("*.ttf")
        if path.name.startswith(("DejaVuSans", "DejaVuSerif", "STIXGeneral"))
        and "Display" not in path.name
    )


def _draw(
    text: str, fonts: list[ImageFont.FreeTypeFont], size: int, random: np.random.Generator
) -> np.ndarray:
    canvas = Image.new("L", (2 * _GLYPH, 2 * _GLYPH))
    font = fonts[random.integers(len(fonts))]
    ImageDraw.Draw(canvas).text((_GLYPH, _GLYPH), text, font=font, fill=255, anchor="mm")
    pixels = np.asarray(canvas)
    rows, columns = (np.flatnonzero(pixels.max(axis)) for axis in (1, 0))
    centre = (columns[0] + columns[-1]) / 2, (rows[0] + rows[-1]) / 2
    extent = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
    # Drawn four times too large, then averaged: smooth edges.
    fine = 4 * size
    scale = fine / extent * random.uniform(0.85, 1.0)
    matrix = cv2.getRotationMatrix2D(centre, random.normal(0, 8), scale)
    shift = random.uniform(-fine / 12, fine / 12, 2)
    matrix[:, 2] += fine / 2 - 0.5 - np.array(centre) + shift
    large = cv2.warpAffine(pixels, matrix, (fine, fine))
    return _grey(cv2.resize(large, (size, size), interpolation=cv2.INTER_AREA))


def _grey(image: np.ndarray) -> np.ndarray:
    pixels = from_levels(image)
    return np.repeat(pixels[:, :, None], 3, axis=2)
