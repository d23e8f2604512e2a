import base64
import concurrent.futures
import io
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from dagan_tf.errors import DaganError
from dagan_tf.faces.photo_io import (
    PHOTO_SUFFIXES,
    PhotoError,
    decode_photo,
    encode_png,
    read_photo,
    write_png,
)

# 16x8 pixels, red at the left and blue at the right, as pillow-heif 1.8.1 writes them.
HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAXxtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAA"
    "AAAAAAAAAAAAACJpbG9jAAAAAERAAAEAAQAAAAABoAABAAAAAAAAAEMAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAA"
    "AAABAABodmMxAAAAAA5waXRtAAAAAAABAAAA/GlwcnAAAADcaXBjbwAAAHVodmNDAQNwAAAAkAAAAAAAHvAA/P34"
    "+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQApQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbqrprm"
    "4CGgwIAAAAyAAAADAIRiAAEABkQBwXPBiQAAABNjb2xybmNseAABAA0ABoAAAAAUaXNwZQAAAAAAAABAAAAAQAAA"
    "AChjbGFwAAAAEAAAAAEAAAAIAAAAAf///9AAAAAC////yAAAAAIAAAAQcGl4aQAAAAADCAgIAAAAGGlwbWEAAAAA"
    "AAAAAQABBYECAwWEAAAAS21kYXQAAAA/KAGvCchoCBojmJb/bH/8t8hMv4/4zxXGxH3xmn3a8u1AF4+JdXrid0Dz"
    "esC8nMUmzaDqTB1yWTXA4wxWSfkM"
)


@pytest.fixture
def colours() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (6, 9, 3), dtype=np.uint8)


def test_png_round_trip_is_exact(tmp_path, colours):
    write_png(tmp_path / "a.png", colours)
    read = read_photo(tmp_path / "a.png")
    np.testing.assert_array_equal(read, colours)
    assert read.dtype == np.uint8
    assert read.flags.c_contiguous
    assert read.flags.writeable


def test_bytes_are_decoded_as_files_are(colours):
    np.testing.assert_array_equal(decode_photo(encode_png(colours)), colours)
    with pytest.raises(PhotoError, match=r"^upload: the file is empty"):
        decode_photo(b"", name="upload")
    with pytest.raises(PhotoError, match=r"^the photo: not a photo"):
        decode_photo(b"%PDF-1.4")
    with pytest.raises(PhotoError, match="9x6 has more than 53 pixels"):
        decode_photo(encode_png(colours), max_pixels=53)


@pytest.mark.parametrize("name", ["a.ppm", "a.bmp", "a.tif", "a.png", "renamed.jpg"])
def test_lossless_formats(tmp_path, colours, name):
    kind = "PNG" if name == "renamed.jpg" else None  # The content counts, not the suffix.
    Image.fromarray(colours).save(tmp_path / name, kind)
    np.testing.assert_array_equal(read_photo(tmp_path / name), colours)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(tmp_path, orientation):
    upright = np.zeros((16, 32, 3), np.uint8)
    upright[:8, :16] = (255, 0, 0)
    upright[8:, 16:] = (0, 0, 255)
    # How a camera held that way stores the scene (EXIF 2.3, tag 0x0112).
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }
    image = stored[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(image)).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read_photo(tmp_path / "a.png"), upright)


def test_damaged_exif_does_not_refuse_the_photo(tmp_path):
    Image.new("RGB", (8, 8), (10, 20, 30)).save(
        tmp_path / "a.jpg", exif=b"Exif\0\0not a tiff header", quality=100
    )
    assert read_photo(tmp_path / "a.jpg").shape == (8, 8, 3)


def test_grey_pgm(tmp_path):
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
    (tmp_path / "a.pgm").write_bytes(b"P5\n4 3\n255\n" + grey.tobytes())
    np.testing.assert_array_equal(read_photo(tmp_path / "a.pgm"), np.dstack([grey] * 3))


@pytest.mark.parametrize("kind", ["png", "tiff", "pgm"])
def test_sixteen_bit_is_scaled_not_clipped(tmp_path, kind):
    deep = np.array([[0, 256, 32768, 65535]], dtype=np.uint16)
    path = tmp_path / f"a.{kind}"
    if kind == "pgm":
        path.write_bytes(b"P5\n4 1\n65535\n" + deep.astype(">u2").tobytes())
    else:
        Image.fromarray(deep).save(path)
    assert read_photo(path)[0, :, 0].tolist() == [0, 1, 128, 255]


def test_palette(tmp_path):
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 128, 255])
    image.putpixel((1, 0), 1)
    image.save(tmp_path / "a.png")
    assert read_photo(tmp_path / "a.png").tolist() == [[[255, 0, 0], [0, 128, 255]]]


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_is_laid_over_white(tmp_path, mode):
    path = tmp_path / "a.png"
    if mode == "P":
        image = Image.new("P", (3, 1), 0)
        image.putpalette([0, 0, 0, 1, 1, 1])
        image.putpixel((2, 0), 1)
        image.save(path, transparency=0)
        assert read_photo(path)[0, :, 0].tolist() == [255, 255, 1]
        return
    image = Image.new(mode, (3, 1))
    for x, alpha in enumerate((0, 128, 255)):
        image.putpixel((x, 0), (0, 0, 0, alpha) if mode == "RGBA" else (0, alpha))
    image.save(path)
    assert read_photo(path)[0, :, 0].tolist() == [255, 127, 0]


def test_cmyk_jpeg(tmp_path):
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=95)
    red = read_photo(tmp_path / "a.jpg")[8, 8].astype(int)
    assert np.abs(red - [255, 0, 0]).max() < 8


def test_first_frame_of_an_animation(tmp_path):
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:], lossless=True)
    assert read_photo(tmp_path / "a.webp")[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("kind", ["jpg", "png", "pgm", "bmp", "tif", "webp"])
def test_truncated(tmp_path, kind):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    path = tmp_path / f"a.{kind}"
    Image.fromarray(noise).save(path)
    data = path.read_bytes()
    for keep in (len(data) // 2, len(data) * 9 // 10):
        path.write_bytes(data[:keep])
        with pytest.raises(PhotoError, match=rf"a\.{kind}: "):
            read_photo(path)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_damaged_at_random_never_fails_otherwise(tmp_path):
    rng = np.random.default_rng(3)
    buffers = []
    for kind in ("JPEG", "PNG", "TIFF", "WEBP", "GIF", "AVIF", "JPEG2000", "TGA"):
        buffer = io.BytesIO()
        Image.fromarray(rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)).save(buffer, kind)
        buffers.append(buffer.getvalue())
    buffers.append(HEIC)
    path = tmp_path / "a.jpg"
    refused = 0
    for _ in range(60):
        for data in buffers:
            broken = np.frombuffer(data, np.uint8).copy()
            broken[rng.integers(0, len(broken), 8)] = rng.integers(0, 256, 8)
            path.write_bytes(broken.tobytes())
            try:
                photo = read_photo(path, max_pixels=10_000)
            except PhotoError:
                refused += 1
            else:
                assert photo.dtype == np.uint8
                assert photo.shape[2] == 3
    assert refused > 0


def _png_header(width: int, height: int) -> bytes:
    body = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", len(body)) + b"IHDR" + body
    chunk += struct.pack(">I", zlib.crc32(b"IHDR" + body))
    return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 0) + b"IDAT" + bytes(4)


@pytest.mark.parametrize("size", [(9000, 9000), (12000, 12000), (60000, 60000)])
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_bomb_is_refused_by_its_header(tmp_path, size):
    (tmp_path / "bomb.png").write_bytes(_png_header(*size))
    with pytest.raises(PhotoError, match=r"bomb\.png: .* more than 64000000 pixels"):
        read_photo(tmp_path / "bomb.png")


def test_max_pixels_is_inclusive(tmp_path, colours):
    write_png(tmp_path / "a.png", colours)
    assert read_photo(tmp_path / "a.png", max_pixels=54).shape == (6, 9, 3)
    with pytest.raises(PhotoError, match="9x6 has more than 53 pixels"):
        read_photo(tmp_path / "a.png", max_pixels=53)


def test_not_a_readable_file(tmp_path):
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.jpg").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    (tmp_path / "folder.jpg").mkdir()
    for name, reason in [
        ("empty.jpg", "the file is empty"),
        ("text.jpg", "not a photo"),
        ("folder.jpg", "a folder"),
        ("missing.jpg", "no such file"),
    ]:
        with pytest.raises(PhotoError, match=reason) as caught:
            read_photo(tmp_path / name)
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)
    assert issubclass(PhotoError, DaganError)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_pipe_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "a.jpg")
    with pytest.raises(PhotoError, match="not a regular file"):
        read_photo(tmp_path / "a.jpg")


def test_floating_point_samples_are_refused(tmp_path):
    Image.fromarray(np.zeros((2, 2), np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(PhotoError, match="no known range"):
        read_photo(tmp_path / "a.tif")


def test_photos_of_telephones(tmp_path):
    (tmp_path / "a.heic").write_bytes(HEIC)
    photo = read_photo(tmp_path / "a.heic").astype(int)
    assert photo.shape == (8, 16, 3)
    assert np.abs(photo[4, 3] - (200, 40, 30)).max() < 12
    assert np.abs(photo[4, 12] - (20, 60, 220)).max() < 12
    with pytest.raises(PhotoError, match="16x8 has more than 127 pixels"):
        decode_photo(HEIC, max_pixels=127)
    with pytest.raises(PhotoError, match=r"cut\.heic: "):
        decode_photo(HEIC[:440], name="cut.heic")


@pytest.mark.parametrize("kind", ["avif", "jpe", "jfif", "gif", "jp2", "tga", "pnm"])
def test_rarer_formats(tmp_path, kind):
    Image.new("RGB", (16, 8), (200, 40, 30)).save(
        tmp_path / f"a.{kind}", "JPEG" if kind in ("jpe", "jfif") else None
    )
    assert f".{kind}" in PHOTO_SUFFIXES
    photo = read_photo(tmp_path / f"a.{kind}").astype(int)
    assert photo.shape == (8, 16, 3)
    assert np.abs(photo - (200, 40, 30)).max() < 8


def test_threads_read_the_same(tmp_path, colours):
    write_png(tmp_path / "a.png", colours)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for read in pool.map(read_photo, [tmp_path / "a.png"] * 100):
            np.testing.assert_array_equal(read, colours)


@pytest.mark.parametrize(
    "image", [np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4), np.float32), np.zeros(4, np.uint8)]
)
def test_encode_png_refuses_other_arrays(image):
    with pytest.raises(ValueError, match="expected uint8"):
        encode_png(image)


def test_write_png_leaves_the_old_file_when_it_fails(tmp_path, colours, monkeypatch):
    write_png(tmp_path / "a.png", colours)
    before = (tmp_path / "a.png").read_bytes()

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_png(tmp_path / "a.png", colours // 2)
    assert (tmp_path / "a.png").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_grey_png(tmp_path):
    mask = np.array([[0, 255], [255, 0]], np.uint8)
    write_png(tmp_path / "m.png", mask)
    with Image.open(tmp_path / "m.png") as image:
        assert image.mode == "L"
        np.testing.assert_array_equal(np.asarray(image), mask)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "RGBA", "I;16", "P"])
def test_a_photo_of_more_pixels_than_are_kept_is_shrunk(kind):
    ramp = np.linspace(0, 255, 800)
    grey = np.broadcast_to(ramp[:, None], (800, 400))
    image = Image.fromarray(grey.astype(np.uint8))
    if kind == "I;16":
        image = Image.fromarray((grey * 257).astype(np.uint16))
    elif kind in ("RGBA", "P"):
        image = image.convert(kind)
    data, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6
    image.save(data, "JPEG" if kind == "JPEG" else "PNG", exif=exif)
    pixels = decode_photo(data.getvalue(), kept_pixels=5000)
    assert pixels.shape == (50, 100, 3)  # Turned, as its EXIF says.
    expected = ramp.reshape(100, 8).mean(axis=1)[::-1]
    assert np.abs(pixels - expected[None, :, None]).max() < 3
    whole = decode_photo(data.getvalue(), kept_pixels=800 * 400)
    np.testing.assert_array_equal(whole, decode_photo(data.getvalue()))
    assert whole.shape == (400, 800, 3)


def test_a_large_jpeg_is_not_decoded_at_its_full_size(monkeypatch):
    data = io.BytesIO()
    Image.new("RGB", (1600, 800)).save(data, "JPEG")
    sizes = []
    load = Image.Image.load
    monkeypatch.setattr(Image.Image, "load", lambda self: sizes.append(self.size) or load(self))
    assert decode_photo(data.getvalue(), kept_pixels=20_000).shape == (100, 200, 3)
    assert max(sizes) == (200, 100)
