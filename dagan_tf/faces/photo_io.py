"""Photos in, photos out: one safe decoder and one atomic writer.

Everything downstream sees upright uint8 RGB, whatever the file was.
"""

import contextlib
import functools
import io
import math
import os
import stat
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps

from dagan_tf.core.files import write_bytes
from dagan_tf.errors import DaganError

# Only these decoders are ever tried, so that a renamed PDF or EPS starts no other program.
_FORMATS = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    "PNG": (".png", ".apng"),
    "BMP": (".bmp",),
    "PPM": (".pgm", ".ppm", ".pbm", ".pnm"),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
    "GIF": (".gif",),
    "AVIF": (".avif", ".avifs"),
    "HEIF": (".heic", ".heif", ".hif"),
    "JPEG2000": (".jp2", ".j2k", ".jpx", ".jpf", ".jpc", ".j2c"),
    "TGA": (".tga",),
}
PHOTO_SUFFIXES: tuple[str, ...] = tuple(
    suffix for suffixes in _FORMATS.values() for suffix in suffixes
)
# How HEIC and AVIF begin, from the fifth byte on.
_ISO_MEDIA = b"ftyp"
MAX_PIXELS = 64_000_000
_SIXTEEN_BIT_MODES = ("I", "I;16", "I;16B", "I;16L", "I;16N")


class PhotoError(DaganError):
    """A photo file that cannot be read; the message names the file and what is wrong with it."""


def read_photo(path: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Reads any usual photo as upright RGB.

    The EXIF orientation is applied; grey and palette images become RGB; CMYK is converted by
    Pillow's plain formula (no colour profile); transparent pixels are laid over white; 16-bit
    samples are scaled to 8 bits, not clipped; of an animation the first frame is taken.
    Safe to call from several threads.

    Args:
        path: The file.
        max_pixels: Refuse photos with more pixels; the header is checked before any decoding, so
            a decompression bomb costs nothing.

    Returns:
        (H, W, 3) uint8 RGB, C-contiguous and writable.

    Raises:
        PhotoError: The file is missing, empty, not a photo, too large, truncated or damaged.
    """
    path = Path(path)
    with _open(path) as stream:
        return _decode(stream, str(path), max_pixels)


def decode_photo(
    data: bytes,
    *,
    name: str = "the photo",
    max_pixels: int = MAX_PIXELS,
    kept_pixels: int | None = None,
) -> np.ndarray:
    """As `read_photo`, of a file's bytes.

    Args:
        data: The file.
        name: What error messages call it.
        max_pixels: As for `read_photo`.
        kept_pixels: A photo of more pixels is shrunk to so many; a JPEG file is not even decoded at
            its full size, which bounds the memory. None keeps all.

    Returns:
        (H, W, 3) uint8 RGB, C-contiguous and writable.

    Raises:
        PhotoError: No bytes, not a photo, too large, truncated or damaged.
    """
    if not data:
        raise PhotoError(f"{name}: the file is empty")
    return _decode(io.BytesIO(data), name, max_pixels, kept_pixels)


def encode_png(image: np.ndarray) -> bytes:
    """Encodes an image as PNG, without loss.

    Args:
        image: (H, W) grey, uint8 or uint16, or (H, W, 3) RGB, uint8.

    Raises:
        ValueError: Another shape or dtype.
    """
    grey, colour = image.ndim == 2, image.ndim == 3 and image.shape[2] == 3
    if not ((image.dtype == np.uint8 and (grey or colour)) or (image.dtype == np.uint16 and grey)):
        raise ValueError(
            f"image is {image.dtype} {image.shape}; expected uint8 of shape (H, W) or (H, W, 3), "
            "or uint16 of shape (H, W)"
        )
    buffer = io.BytesIO()
    # Photos repeat nothing but runs: looking for runs alone takes a quarter of the default's time
    # and gives files as small, masks in no more.
    picture = Image.fromarray(np.ascontiguousarray(image))
    picture.save(buffer, "PNG", compress_level=3, compress_type=zlib.Z_RLE)
    return buffer.getvalue()


def write_png(path: str | os.PathLike[str], image: np.ndarray) -> None:
    """Writes a PNG atomically: a killed process leaves the old file or the new one, not a half.

    Args:
        path: The file; its folder must exist.
        image: As for `encode_png`.
    """
    write_bytes(path, encode_png(image))


def _open(path: Path) -> BinaryIO:
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise PhotoError(f"{path}: a folder, not a photo")
        if not stat.S_ISREG(status.st_mode):  # Reading a pipe or a device might never end.
            raise PhotoError(f"{path}: not a regular file")
        if status.st_size == 0:
            raise PhotoError(f"{path}: the file is empty")
        return path.open("rb")
    except FileNotFoundError:
        raise PhotoError(f"{path}: no such file") from None
    except OSError as error:
        raise PhotoError(f"{path}: {error.strerror or error}") from None


def _decode(
    stream: BinaryIO, name: str, max_pixels: int, kept_pixels: int | None = None
) -> np.ndarray:
    formats = list(_FORMATS)
    if stream.read(8)[4:] == _ISO_MEDIA:
        _learn_heif()
    else:
        formats.remove("HEIF")
    stream.seek(0)
    try:
        image = Image.open(stream, formats=formats)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_large(name, "the photo", max_pixels) from None
    except Exception:
        raise PhotoError(
            f"{name}: not a photo (the formats read are {', '.join(PHOTO_SUFFIXES)})"
        ) from None
    width, height = image.size
    if width < 1 or height < 1:
        raise PhotoError(f"{name}: the photo is {width}x{height} pixels")
    if width * height > max_pixels:
        raise _too_large(name, f"{width}x{height}", max_pixels)
    try:
        if kept_pixels is not None:
            image.draft(None, _kept_size(image.size, kept_pixels))
        return _to_rgb(image, kept_pixels)
    except MemoryError:
        raise
    except Exception as error:  # Pillow's decoders raise OSError, SyntaxError, struct.error...
        reason = " ".join(str(error).split()) or type(error).__name__
        raise PhotoError(f"{name}: truncated or damaged ({reason})") from None
    finally:
        image.close()  # Pillow's objects refer to each other: the pixels would stay for a while.


@functools.cache
def _learn_heif() -> None:
    """Teaches Pillow HEIC, which takes a while: only when a file may be one."""
    import pi_heif

    pi_heif.register_heif_opener()


def _too_large(name: str, what: str, max_pixels: int) -> PhotoError:
    # Pillow itself refuses above twice its own limit, however large `max_pixels` is.
    limit = min(max_pixels, 2 * (Image.MAX_IMAGE_PIXELS or max_pixels))
    return PhotoError(f"{name}: {what} has more than {limit} pixels")


def _kept_size(size: tuple[int, int], kept_pixels: int) -> tuple[int, int]:
    """Width and height of so many pixels at most, in the same proportion."""
    scale = min(1.0, math.sqrt(kept_pixels / (size[0] * size[1])))
    return max(1, int(size[0] * scale)), max(1, int(size[1] * scale))


def _to_rgb(image: Image.Image, kept_pixels: int | None) -> np.ndarray:
    image.load()
    # Damaged EXIF is no reason to refuse sound pixels: the photo is then taken as it lies.
    with contextlib.suppress(Exception):
        ImageOps.exif_transpose(image, in_place=True)
    # Pillow's conversions copy also where there is nothing to convert.
    if image.mode in _SIXTEEN_BIT_MODES:
        image = Image.fromarray(_scale_sixteen_bit(image))
    elif image.mode == "F":
        raise ValueError("floating-point samples have no known range")
    elif image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image if image.mode == "RGBA" else image.convert("RGBA")
    elif image.mode not in ("RGB", "L"):
        image = image.convert("RGB")
    if kept_pixels is not None and image.width * image.height > kept_pixels:
        image = image.resize(_kept_size(image.size, kept_pixels), Image.Resampling.BOX)
    if image.mode == "RGBA":
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image)
    return np.array(image if image.mode == "RGB" else image.convert("RGB"), dtype=np.uint8)


def _scale_sixteen_bit(image: Image.Image) -> np.ndarray:
    samples = np.asarray(image)
    if samples.min() < 0 or samples.max() > 65535:
        raise ValueError("32-bit samples have no known range")
    scaled = np.empty(samples.shape, np.uint8)
    for row, line in zip(scaled, samples, strict=True):
        row[:] = (line.astype(np.int64) * 255 + 32767) // 65535
    return scaled
