"""Reads the weights of dlib's face recognition network out of its own file format."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from dagan_tf.errors import DaganError

_NAME = re.compile(rb"(con|affine|fc)_\d?")


def read_layers(path: str | os.PathLike[str]) -> Iterator[tuple[str, np.ndarray]]:
    """The parameters of every layer that has some, in the order of `dlib::serialize`.

    A layer begins with its name; its parameters follow as one tensor: a version (2), four sizes
    as dlib writes integers (a byte with their length, then the bytes), and float32 values.

    Args:
        path: a file such as dlib_face_recognition_resnet_model_v1.dat.

    Yields:
        `con`, `affine` or `fc`, and its parameters, float32 (P,).

    Raises:
        DaganError: not such a file.
    """
    content = Path(path).read_bytes()
    position = 0
    while match := _NAME.search(content, position):
        start = match.end()
        numbers = []
        # A fully connected layer says its outputs and inputs first.
        for _ in range(7 if match[1] == b"fc" else 5):
            size = content[start] & 0x0F
            numbers.append(int.from_bytes(content[start + 1 : start + 1 + size], "little"))
            start += 1 + size
        version, *sizes = numbers[-5:]
        position = start + 4 * int(np.prod(sizes))
        if version != 2 or position > len(content):
            raise DaganError(f"{os.fspath(path)!r}: not a network that dlib wrote, or cut short")
        yield match[1].decode(), np.frombuffer(content[start:position], "<f4")
