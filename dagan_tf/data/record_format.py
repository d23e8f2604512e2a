"""One training image as a `tf.train.Example`: what `records` keeps in its files.

Schema, one Example an image:

    image/encoded  bytes  PNG, RGB, square
    image/height   int64  pixels
    image/width    int64  pixels
    mask/encoded   bytes  PNG, one channel, 255 = really shown by the photo; b"" = everywhere
    skin/encoded   bytes  PNG, one channel, 255 = bare skin, of a simulated view; b"" = everywhere
    target/encoded bytes  PNG, RGB, the real photo laid onto the view; b"" = none
    inside/encoded bytes  PNG, one channel, 255 = head in view and photo, 128 = apart; b"" = all
    identity       bytes  UTF-8
    source         bytes  UTF-8, where the image came from
    domain         bytes  b"simulated" or b"real"
    yaw pitch roll float  degrees; NaN = unknown
"""

import functools
import math
from dataclasses import dataclass

import tensorflow as tf

from dagan_tf.core.pixels import tensor_to_signed, tensor_to_unit
from dagan_tf.errors import DaganError

DOMAINS = ("simulated", "real")

_IMAGES = ("image", "mask", "skin", "target", "inside")
_BYTES = (*(f"{name}/encoded" for name in _IMAGES), "identity", "source", "domain")
_INTS = ("image/height", "image/width")
_FLOATS = ("yaw", "pitch", "roll")


class RecordError(DaganError):
    """Records that are absent, damaged or of another schema."""


@dataclass(frozen=True)
class Record:
    """One training image.

    Attributes:
        image: PNG bytes, RGB.
        size: side, pixels.
        identity: name of the person; "" = unknown.
        source: where the image came from.
        domain: `simulated` or `real`.
        mask: PNG bytes, one channel; empty = the whole image is really shown.
        skin: PNG bytes, one channel, how far each pixel is bare skin; empty = all of them.
        target: PNG bytes, RGB, the real photo laid onto a simulated view; empty = there is none.
        inside: PNG bytes, one channel, where view and photo both show the head, of a simulated
            view; empty = everywhere.
        yaw: degrees; NaN = unknown.
        pitch: degrees; NaN = unknown.
        roll: degrees; NaN = unknown.
    """

    image: bytes
    size: int
    identity: str
    source: str
    domain: str
    mask: bytes = b""
    skin: bytes = b""
    target: bytes = b""
    inside: bytes = b""
    yaw: float = math.nan
    pitch: float = math.nan
    roll: float = math.nan

    def to_example(self) -> tf.train.Example:
        """This record in the schema above."""
        if self.domain not in DOMAINS:
            raise RecordError(f"domain {self.domain!r}: expected one of {', '.join(DOMAINS)}")
        values: dict[str, bytes | int | float] = {
            "image/encoded": self.image,
            "image/height": self.size,
            "image/width": self.size,
            "mask/encoded": self.mask,
            "skin/encoded": self.skin,
            "target/encoded": self.target,
            "inside/encoded": self.inside,
            "identity": self.identity.encode(),
            "source": self.source.encode(),
            "domain": self.domain.encode(),
            "yaw": self.yaw,
            "pitch": self.pitch,
            "roll": self.roll,
        }
        features = {}
        for name, value in values.items():
            if isinstance(value, bytes):
                feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
            elif name in _INTS:
                feature = tf.train.Feature(int64_list=tf.train.Int64List(value=[int(value)]))
            else:
                feature = tf.train.Feature(float_list=tf.train.FloatList(value=[value]))
            features[name] = feature
        return tf.train.Example(features=tf.train.Features(feature=features))

    @classmethod
    def from_serialized(cls, serialized: bytes) -> "Record":
        """The record of a serialised Example of the schema above."""
        feature = tf.train.Example.FromString(serialized).features.feature
        texts = {name: feature[name].bytes_list.value[0] for name in _BYTES}
        return cls(
            size=feature["image/height"].int64_list.value[0],
            **{name: texts[f"{name}/encoded"] for name in _IMAGES},
            **{name: texts[name].decode() for name in ("identity", "source", "domain")},
            **{name: feature[name].float_list.value[0] for name in _FLOATS},
        )


def parse_example(serialized: tf.Tensor, image_size: int) -> dict[str, tf.Tensor]:
    """Decodes one serialised Example, inside a tf.data pipeline.

    Args:
        serialized: string scalar.
        image_size: side of the image, pixels.

    Returns:
        `image` and `target` float32 (S, S, 3) in [-1, 1], `mask`, `skin` and `inside` float32
        (S, S, 1) in [0, 1], and the scalars `paired`, float32, 1 if there is a target (it is 0
        else), `identity`, `source`, `yaw`, `pitch`, `roll`.
    """
    spec = {name: tf.io.FixedLenFeature([], tf.string) for name in _BYTES}
    spec |= {name: tf.io.FixedLenFeature([], tf.float32) for name in _FLOATS}
    example = tf.io.parse_single_example(serialized, spec)
    found: dict[str, tf.Tensor] = {}
    for name in _IMAGES:
        data, channels = example[f"{name}/encoded"], 3 if name in ("image", "target") else 1
        shape = (image_size, image_size, channels)
        pixels = tf.cond(
            tf.equal(tf.strings.length(data), 0),
            functools.partial(tf.fill, shape, 0.0 if channels == 3 else 1.0),
            functools.partial(_decoded, data, channels),
        )
        found[name] = tf.ensure_shape(pixels, shape)
    paired = tf.cast(tf.strings.length(example["target/encoded"]) > 0, tf.float32)
    return {
        **found,
        "paired": paired,
        **{name: example[name] for name in ("identity", "source", *_FLOATS)},
    }


def _decoded(data: tf.Tensor, channels: int) -> tf.Tensor:
    pixels = tf.io.decode_png(data, channels=channels)
    return tensor_to_signed(pixels) if channels == 3 else tensor_to_unit(pixels)


def schema_fault(serialized: bytes) -> str | None:
    """What of a serialised Example is not as the schema above has it, or None.

    Raises:
        google.protobuf.message.DecodeError: it is no Example.
    """
    features = tf.train.Example.FromString(serialized).features.feature
    for names, kind in ((_BYTES, "bytes_list"), (_INTS, "int64_list"), (_FLOATS, "float_list")):
        for name in names:
            found = features[name].WhichOneof("kind") if name in features else None
            if found != kind:
                return f"feature {name!r} is {found}, expected {kind}"
    return None
