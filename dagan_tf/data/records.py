"""Training images on disk: sharded TFRecord files of `tf.train.Example` with an index beside them.

Schema, one Example an image:

    image/encoded  bytes  PNG, RGB, square
    image/height   int64  pixels
    image/width    int64  pixels
    mask/encoded   bytes  PNG, one channel, 255 = really shown by the photo; b"" = everywhere
    head/encoded   bytes  PNG, one channel, 255 = head, of a simulated view; b"" = everywhere
    target/encoded bytes  PNG, RGB, the real photo laid onto the view; b"" = none
    inside/encoded bytes  PNG, one channel, 255 = head in view and photo, 128 = apart; b"" = all
    identity       bytes  UTF-8
    source         bytes  UTF-8, where the image came from
    domain         bytes  b"simulated" or b"real"
    yaw pitch roll float  degrees; NaN = unknown

A record folder holds `records-00000-of-00004.tfrecord`, ... and `index.json`; it appears as a
whole or not at all.
"""

import functools
import json
import math
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import tensorflow as tf

from dagan_tf.core.files import writing_to
from dagan_tf.core.pixels import tensor_to_signed, tensor_to_unit
from dagan_tf.errors import DaganError

INDEX_NAME = "index.json"
SCHEMA_VERSION = 2
DOMAINS = ("simulated", "real")

_IMAGES = ("image", "mask", "head", "target", "inside")
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
        head: PNG bytes, one channel, how far each pixel is head; empty = all of them.
        target: PNG bytes, RGB, the real photo laid onto a simulated view; empty = there is none.
        inside: PNG bytes, one channel, where view and photo both show the head, of a simulated view
            or of the photo; empty = everywhere.
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
    head: bytes = b""
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
            "head/encoded": self.head,
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


@dataclass(frozen=True)
class RecordIndex:
    """What a record folder holds.

    Attributes:
        domain: `simulated` or `real`.
        count: number of records.
        image_size: side of every image, pixels.
        identities: sorted names that occur, without "".
        shards: file names, in order.
        fingerprint: of the inputs the records were made from.
        schema: version of the schema.
    """

    domain: str
    count: int
    image_size: int
    identities: list[str]
    shards: list[str]
    fingerprint: str
    schema: int = SCHEMA_VERSION


def write_records(
    folder: str | os.PathLike[str],
    records: Iterable[Record],
    *,
    fingerprint: str = "",
    shards: int = 4,
) -> RecordIndex:
    """Writes a record folder, replacing an older one only when all is written.

    Args:
        folder: to make.
        records: at least one, all of one domain and size; dealt to the shards in turn.
        fingerprint: kept in the index.
        shards: number of files.

    Returns:
        The new folder's index.

    Raises:
        RecordError: no records, or records of different domains or sizes.
    """
    folder = Path(folder)
    # Not the folder itself, which is replaced: who is locked out waits for the new one.
    work = folder.with_name(f".{folder.name}.work")
    with writing_to(work):
        for left in work.iterdir():  # of a process that was killed
            left.unlink()
        names = [f"records-{i:05d}-of-{shards:05d}.tfrecord" for i in range(shards)]
        identities: set[str] = set()
        kinds: set[tuple[str, int]] = set()
        count = 0
        try:
            writers = [tf.io.TFRecordWriter(str(work / name)) for name in names]
            try:
                for record in records:
                    writers[count % shards].write(record.to_example().SerializeToString())
                    identities.add(record.identity)
                    kinds.add((record.domain, record.size))
                    count += 1
            finally:
                for writer in writers:
                    writer.close()
            if len(kinds) != 1:
                what = (
                    f"records of several kinds {sorted(kinds)}" if kinds else "no records to write"
                )
                raise RecordError(
                    f"{str(folder)!r}: {what}; expected one domain and one image size"
                )
            domain, size = kinds.pop()
            index = RecordIndex(domain, count, size, sorted(identities - {""}), names, fingerprint)
            (work / INDEX_NAME).write_text(json.dumps(asdict(index), indent=1), encoding="utf-8")
            shutil.rmtree(folder, ignore_errors=True)
            os.replace(work, folder)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return index


def read_index(folder: str | os.PathLike[str]) -> RecordIndex:
    """Reads and checks a record folder's index.

    Raises:
        RecordError: no index, another schema, or a shard missing.
    """
    path = Path(folder) / INDEX_NAME
    if not path.is_file():
        raise RecordError(f"{str(folder)!r} is no record folder: it has no {INDEX_NAME}")
    try:
        index = RecordIndex(**json.loads(path.read_text(encoding="utf-8")))
    except (TypeError, ValueError) as error:
        raise RecordError(f"{str(path)!r} is damaged: {error}") from error
    if index.schema != SCHEMA_VERSION:
        raise RecordError(
            f"{str(path)!r} has schema {index.schema}, expected {SCHEMA_VERSION}; delete the folder"
        )
    for name in index.shards:
        if not (path.parent / name).is_file():
            raise RecordError(f"{str(folder)!r}: shard {name!r} is missing; delete the folder")
    check_schema(shard_paths(folder, index))
    return index


def shard_paths(folder: str | os.PathLike[str], index: RecordIndex) -> list[str]:
    """Full paths of the shards."""
    return [str(Path(folder) / name) for name in index.shards]


def check_schema(paths: Sequence[str]) -> None:
    """Checks the first record of the first non-empty file against the schema.

    Raises:
        RecordError: a feature is missing or of the wrong type, or the file is damaged.
    """
    try:
        first = next(iter(tf.data.TFRecordDataset(list(paths)).take(1)), None)
        if first is None:
            raise RecordError(f"{paths[0]!r}: no record in it")
        features = tf.train.Example.FromString(first.numpy()).features.feature
    except RecordError:
        raise
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RecordError(f"{paths[0]!r} is no readable record file: {reason}") from error
    for names, kind in ((_BYTES, "bytes_list"), (_INTS, "int64_list"), (_FLOATS, "float_list")):
        for name in names:
            found = features[name].WhichOneof("kind") if name in features else None
            if found != kind:
                raise RecordError(f"{paths[0]!r}: feature {name!r} is {found}, expected {kind}")


def parse_example(serialized: tf.Tensor, image_size: int) -> dict[str, tf.Tensor]:
    """Decodes one serialised Example, inside a tf.data pipeline.

    Args:
        serialized: string scalar.
        image_size: side of the image, pixels.

    Returns:
        `image` and `target` float32 (S, S, 3) in [-1, 1], `mask`, `head` and `inside` float32
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


def read_records(folder: str | os.PathLike[str]) -> list[Record]:
    """Reads a whole record folder into memory, to look at it; training streams it instead.

    Raises:
        RecordError: no readable records of this schema.
    """
    paths = shard_paths(folder, read_index(folder))
    check_schema(paths)
    records = []
    for serialized in tf.data.TFRecordDataset(paths).as_numpy_iterator():
        feature = tf.train.Example.FromString(serialized).features.feature
        texts = {name: feature[name].bytes_list.value[0] for name in _BYTES}
        records.append(
            Record(
                size=feature["image/height"].int64_list.value[0],
                **{name: texts[f"{name}/encoded"] for name in _IMAGES},
                **{name: texts[name].decode() for name in ("identity", "source", "domain")},
                **{name: feature[name].float_list.value[0] for name in _FLOATS},
            )
        )
    return records
