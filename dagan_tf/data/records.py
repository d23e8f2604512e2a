"""Training images on disk: sharded TFRecord files of `record_format` with an index beside them.

A record folder holds `records-00000-of-00004.tfrecord`, ... and `index.json`; it appears as a
whole or not at all.
"""

import json
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import tensorflow as tf

from dagan_tf.core.files import writing_to
from dagan_tf.data.record_format import Record, RecordError, schema_fault

INDEX_NAME = "index.json"
SCHEMA_VERSION = 3


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
        fault = schema_fault(first.numpy())
    except RecordError:
        raise
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RecordError(f"{paths[0]!r} is no readable record file: {reason}") from error
    if fault:
        raise RecordError(f"{paths[0]!r}: {fault}")


def read_records(folder: str | os.PathLike[str]) -> list[Record]:
    """Reads a whole record folder into memory, to look at it; training streams it instead.

    Raises:
        RecordError: no readable records of this schema.
    """
    paths = shard_paths(folder, read_index(folder))
    check_schema(paths)
    serialized = tf.data.TFRecordDataset(paths).as_numpy_iterator()
    return [Record.from_serialized(one) for one in serialized]
