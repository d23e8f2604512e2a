"""Examples as ExampleGen leaves them, back into record folders."""

import math

import numpy as np
import pytest
import tensorflow as tf

from dagan_tf.data.example_files import read_example_files, records_of_batches, write_domains
from dagan_tf.data.record_format import Record, RecordError
from dagan_tf.data.records import read_index, read_records


def _record(number: int, domain: str) -> Record:
    png = tf.io.encode_png(np.full((16, 16, 3), number, np.uint8)).numpy()
    mask = tf.io.encode_png(np.full((16, 16, 1), 255, np.uint8)).numpy()
    return Record(
        image=png,
        size=16,
        identity=f"Zoë {number % 3}",
        source=f"{number}.jpg",
        domain=domain,
        mask=mask if domain == "simulated" else b"",
        yaw=30.5 if domain == "simulated" else math.nan,
        pitch=-2.0,
        roll=0.25,
    )


RECORDS = [_record(number, ("simulated", "real")[number % 2]) for number in range(10)]


def _write(path, records, compression):
    with tf.io.TFRecordWriter(str(path), compression) as writer:
        for record in records:
            writer.write(record.to_example().SerializeToString())


@pytest.fixture
def split(tmp_path):
    """Two files of a split, named and gzipped as ExampleGen does, and one that is not."""
    folder = tmp_path / "Split-train"
    folder.mkdir()
    _write(folder / "data_tfrecord-00000-of-00003.gz", RECORDS[:4], "GZIP")
    _write(folder / "data_tfrecord-00001-of-00003.gz", RECORDS[4:7], "GZIP")
    _write(folder / "data_tfrecord-00002-of-00003", RECORDS[7:], "")
    return f"{folder}/*"


def _same(found: list[Record], expected: list[Record]) -> None:
    assert list(map(repr, found)) == list(map(repr, expected))  # NaN is not equal to itself.


def test_files_are_read_in_order(split):
    _same(list(read_example_files([split])), RECORDS)
    _same(list(read_example_files([split, split])), RECORDS)  # A file that matches twice is one.


def test_domains_are_told_apart(split, tmp_path):
    indexes = write_domains(read_example_files([split]), tmp_path / "records")
    assert {domain: index.count for domain, index in indexes.items()} == {
        "simulated": 5, "real": 5,
    }  # fmt: skip
    assert indexes["simulated"].identities == ["Zoë 0", "Zoë 1", "Zoë 2"]
    for domain, index in indexes.items():
        assert read_index(tmp_path / "records" / domain) == index
        found = sorted(
            read_records(tmp_path / "records" / domain), key=lambda r: int(r.source[:-4])
        )
        _same(found, [record for record in RECORDS if record.domain == domain])


@pytest.mark.parametrize("kind", ["dense", "column", "sparse", "ragged"])
def test_parsed_batches_in_every_form(kind):
    examples = [record.to_example().features.feature for record in RECORDS]

    def tensor(name):
        values = [getattr(e[name], e[name].WhichOneof("kind")).value[0] for e in examples]
        dense = tf.constant(values)
        if kind == "dense":
            return dense
        if kind == "ragged":
            return tf.RaggedTensor.from_row_lengths(dense, [1] * len(values))
        if kind == "sparse":
            indices = [[index, 0] for index in range(len(values))]
            return tf.sparse.SparseTensor(indices, dense, [len(values), 1])
        return dense[:, None]

    batch = {name: tensor(name) for name in examples[0]}
    _same(list(records_of_batches([batch, batch])), RECORDS + RECORDS)
    del batch["mask/encoded"]
    with pytest.raises(RecordError, match="'mask/encoded'"):
        next(records_of_batches([batch]))


def test_what_cannot_be_read_is_named(tmp_path):
    with pytest.raises(RecordError, match=r"no files match .*absent"):
        list(read_example_files([f"{tmp_path}/absent*"]))
    (tmp_path / "data.gz").write_bytes(b"\x1f\x8bno gzip")
    with pytest.raises(RecordError, match=r"data\.gz' is no readable record file"):
        list(read_example_files([f"{tmp_path}/data.gz"]))
    example = RECORDS[0].to_example()
    del example.features.feature["yaw"]
    with tf.io.TFRecordWriter(str(tmp_path / "other")) as writer:
        writer.write(example.SerializeToString())
    with pytest.raises(RecordError, match="feature 'yaw' has 0 values"):
        list(read_example_files([f"{tmp_path}/other"]))


def test_both_domains_are_needed(tmp_path):
    with pytest.raises(RecordError, match="no Example of domain 'real'"):
        write_domains(iter(RECORDS[:1]), tmp_path)
    other = Record(image=b"", size=1, identity="", source="", domain="drawn")
    with pytest.raises(RecordError, match="domain 'drawn'; expected"):
        write_domains(iter([other]), tmp_path)
