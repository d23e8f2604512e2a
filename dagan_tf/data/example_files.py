"""Record folders from the `tf.train.Example`s that TFX's ExampleGen passes on.

ExampleGen writes gzipped TFRecord files, both domains mixed, and knows nothing of `index.json`;
training wants one record folder a domain. The Examples' features are those of
`dagan_tf.data.records`, unchanged.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from dagan_tf.data.record_format import DOMAINS, Record, RecordError
from dagan_tf.data.records import RecordIndex, write_records

_TEXTS = ("image/encoded", "mask/encoded", "identity", "source", "domain")
_NUMBERS = ("image/height", "yaw", "pitch", "roll")


def read_example_files(patterns: Sequence[str]) -> Iterator[Record]:
    """Reads TFRecord files of Examples, gzipped or plain, in the order of their names.

    Args:
        patterns: Globs, on any file system TensorFlow knows.

    Raises:
        RecordError: No such files, a damaged one, or an Example without a feature of the schema.
    """
    paths = sorted({path for pattern in patterns for path in tf.io.gfile.glob(pattern)})
    if not paths:
        raise RecordError(f"no files match {', '.join(patterns)}")
    for path in paths:
        try:
            dataset = tf.data.TFRecordDataset(path, compression_type=_compression(path))
            for serialized in dataset.as_numpy_iterator():
                yield _from_example(serialized, path)
        except tf.errors.OpError as error:
            raise RecordError(f"{path!r} is no readable record file: {error.message}") from error


def records_of_batches(batches: Iterable[Mapping[str, Any]]) -> Iterator[Record]:
    """The records in batches of parsed features, as TFX's data accessor gives them.

    Args:
        batches: Feature name to a dense, sparse or ragged tensor of one value an Example.

    Raises:
        RecordError: A feature of the schema is missing.
    """
    for batch in batches:
        for name in (*_TEXTS, *_NUMBERS):
            if name not in batch:
                raise RecordError(f"the Examples have no feature {name!r}")
        names = (*_TEXTS, *_NUMBERS)
        for values in zip(*(_column(batch[name]) for name in names), strict=True):
            yield _record(dict(zip(names, values, strict=True)))


def write_domains(
    records: Iterable[Record], folder: str | os.PathLike[str]
) -> dict[str, RecordIndex]:
    """Deals records to `folder`/simulated and `folder`/real.

    Args:
        records: Of both domains, in any order; all are held in memory, encoded.
        folder: Made when absent.

    Returns:
        Domain to the index of its folder.

    Raises:
        RecordError: A domain is missing or another one occurs.
    """
    parts: dict[str, list[Record]] = {domain: [] for domain in DOMAINS}
    for record in records:
        if record.domain not in parts:
            raise RecordError(f"domain {record.domain!r}; expected one of {', '.join(DOMAINS)}")
        parts[record.domain].append(record)
    for domain, part in parts.items():
        if not part:
            raise RecordError(f"no Example of domain {domain!r}; both are needed")
    Path(folder).mkdir(parents=True, exist_ok=True)
    return {domain: write_records(Path(folder) / domain, part) for domain, part in parts.items()}


def _compression(path: str) -> str:
    with tf.io.gfile.GFile(path, "rb") as file:
        return "GZIP" if file.read(2) == b"\x1f\x8b" else ""


def _from_example(serialized: bytes, path: str) -> Record:
    features = tf.train.Example.FromString(serialized).features.feature
    found = {}
    for name in (*_TEXTS, *_NUMBERS):
        kind = features[name].WhichOneof("kind") if name in features else None
        values = getattr(features[name], kind).value if kind else []
        if len(values) != 1:
            raise RecordError(f"{path!r}: feature {name!r} has {len(values)} values, expected 1")
        found[name] = values[0]
    return _record(found)


def _record(values: Mapping[str, Any]) -> Record:
    return Record(
        image=values["image/encoded"],
        size=int(values["image/height"]),
        mask=values["mask/encoded"],
        identity=values["identity"].decode(),
        source=values["source"].decode(),
        domain=values["domain"].decode(),
        yaw=float(values["yaw"]),
        pitch=float(values["pitch"]),
        roll=float(values["roll"]),
    )


def _column(values: Any) -> Any:
    if isinstance(values, tf.sparse.SparseTensor):
        values = tf.sparse.to_dense(values)
    elif isinstance(values, tf.RaggedTensor):
        values = values.to_tensor()
    return values.numpy().reshape(int(values.shape[0]))
