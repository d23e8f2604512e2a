"""The size an encoded image declares, read without decoding a pixel.

A few hundred bytes of PNG can declare a picture of gigabytes; whoever decodes first and looks
later has lost by then. Formats: those `tf.io.decode_image` of every supported TensorFlow reads.
"""

import struct

# Markers that carry the frame's size (ITU T.81, table B.1): SOF0-15 without DHT, JPG and DAC.
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# Markers without a length: TEM, RST0-7, SOI, EOI.
_JPEG_BARE = frozenset({0x01, *range(0xD0, 0xDA)})


def declared_size(data: bytes) -> tuple[int, int] | None:
    """Width and height in pixels a JPEG, PNG, GIF or BMP declares.

    Returns:
        (width, height), or None when the format is another or the header is damaged.
    """
    try:
        if data.startswith(b"\xff\xd8\xff"):
            return _jpeg_size(data)
        if data.startswith(b"\x89PNG\r\n\x1a\n") and data[12:16] == b"IHDR":
            return _pair(struct.unpack_from(">II", data, 16))
        if data.startswith((b"GIF87a", b"GIF89a")):
            return _pair(struct.unpack_from("<HH", data, 6))
        if data.startswith(b"BM"):
            width, height = struct.unpack_from("<ii", data, 18)
            return abs(width), abs(height)  # A negative height means top row first.
    except struct.error:
        pass  # Cut off within the header.
    return None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    place = 2
    while place + 4 <= len(data):
        if data[place] != 0xFF:
            place += 1  # Stray bytes between segments are skipped, as libjpeg does.
            continue
        marker = data[place + 1]
        if marker == 0xFF:  # Fill byte.
            place += 1
        elif marker in _JPEG_BARE or marker == 0x00:
            place += 2
        elif marker in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", data, place + 5)
            return width, height
        else:
            place += 2 + struct.unpack_from(">H", data, place + 2)[0]
    return None


def _pair(values: tuple[int, ...]) -> tuple[int, int]:
    return values[0], values[1]
