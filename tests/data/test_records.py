"""Record folders: round trip, atomic writing, schema and damage."""

import json
import math

import numpy as np
import pytest
import tensorflow as tf

from dagan_tf.core.files import writing_to
from dagan_tf.data.record_format import Record, RecordError, parse_example
from dagan_tf.data.records import (
    check_schema,
    read_index,
    read_records,
    shard_paths,
    write_records,
)
from dagan_tf.errors import DaganError
from dagan_tf.faces.photo_io import encode_png

RNG = np.random.default_rng(0)


def record(identity="anna", *, size=8, mask=b"", domain="simulated", **pose):
    image = RNG.integers(0, 256, (size, size, 3)).astype(np.uint8)
    return Record(encode_png(image), size, identity, f"{identity}.jpg", domain, mask=mask, **pose)


def examples(folder):
    dataset = tf.data.TFRecordDataset(shard_paths(folder, read_index(folder)))
    return [parse_example(item, 8) for item in dataset]


def test_round_trip(tmp_path):
    image = RNG.integers(0, 256, (8, 8, 3)).astype(np.uint8)
    mask = (RNG.integers(0, 2, (8, 8)) * 255).astype(np.uint8)
    first = Record(
        encode_png(image), 8, "Zoë", "a/b.jpg", "simulated",
        mask=encode_png(mask), skin=encode_png(255 - mask), yaw=-60.0, pitch=5.0, roll=0.5,
    )  # fmt: skip
    index = write_records(tmp_path / "out", [first], fingerprint="f", shards=2)
    assert read_index(tmp_path / "out") == index
    assert (index.count, index.identities, index.image_size) == (1, ["Zoë"], 8)
    (example,) = examples(tmp_path / "out")
    np.testing.assert_allclose(example["image"], image / 127.5 - 1, atol=1e-6)
    np.testing.assert_array_equal(example["mask"][..., 0], mask / 255)
    np.testing.assert_array_equal(example["skin"][..., 0], 1.0 - mask / 255)
    assert example["identity"].numpy().decode() == "Zoë"
    assert example["source"].numpy() == b"a/b.jpg"
    assert [float(example[name]) for name in ("yaw", "pitch", "roll")] == [-60.0, 5.0, 0.5]


def test_no_mask_means_all_shown_and_no_angle_is_nan(tmp_path):
    write_records(tmp_path / "out", [record("")])
    (example,) = examples(tmp_path / "out")
    assert float(tf.reduce_min(example["mask"])) == 1.0
    assert math.isnan(float(example["yaw"]))
    assert read_index(tmp_path / "out").identities == []


def test_a_view_with_a_photo_has_a_target_and_one_without_has_none(tmp_path):
    photo = RNG.integers(0, 256, (8, 8, 3)).astype(np.uint8)
    shared = (RNG.integers(0, 2, (8, 8)) * 255).astype(np.uint8)
    image = encode_png(photo[::-1])
    paired = Record(
        image, 8, "a", "a", "simulated", target=encode_png(photo), inside=encode_png(shared),
        yaw=45.0, pitch=0.0, roll=0.0,
    )  # fmt: skip
    write_records(tmp_path / "out", [paired, record("b")], shards=1)
    with_photo, without = examples(tmp_path / "out")
    np.testing.assert_allclose(with_photo["target"], photo / 127.5 - 1, atol=1e-6)
    np.testing.assert_array_equal(with_photo["inside"][..., 0], shared / 255)
    assert [float(example["paired"]) for example in (with_photo, without)] == [1.0, 0.0]
    assert not np.any(without["target"])
    assert np.all(without["inside"] == 1.0)
    assert read_records(tmp_path / "out")[0] == paired


def test_records_are_dealt_to_the_shards(tmp_path):
    index = write_records(tmp_path / "out", (record(f"p{i}") for i in range(5)), shards=3)
    counts = [
        sum(1 for _ in tf.data.TFRecordDataset(path))
        for path in shard_paths(tmp_path / "out", index)
    ]
    assert counts == [2, 2, 1]
    assert index.identities == [f"p{i}" for i in range(5)]


def test_a_failed_write_leaves_the_old_folder_and_nothing_else(tmp_path):
    write_records(tmp_path / "out", [record("old")])

    def broken():
        yield record("new")
        raise OSError("disk gone")

    with pytest.raises(OSError, match="disk gone"):
        write_records(tmp_path / "out", broken())
    assert read_index(tmp_path / "out").identities == ["old"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([], "no records"),
        ([record(), record(size=16)], "several kinds"),
        ([record(), record(domain="real")], "several kinds"),
        ([record(domain="fake")], "domain 'fake'"),
    ],
)
def test_refused_records(tmp_path, records, message):
    with pytest.raises(RecordError, match=message):
        write_records(tmp_path / "out", records)
    assert not list(tmp_path.iterdir())


def test_damaged_folders(tmp_path):
    with pytest.raises(RecordError, match=r"no index\.json"):
        read_index(tmp_path)
    folder = tmp_path / "out"
    write_records(folder, [record()], shards=1)
    index = folder / "index.json"
    good = json.loads(index.read_text())
    index.write_text(json.dumps({**good, "schema": 99}))
    with pytest.raises(RecordError, match="schema 99, expected 3"):
        read_index(folder)
    index.write_text("{")
    with pytest.raises(RecordError, match="damaged"):
        read_index(folder)
    index.write_text(json.dumps(good))
    (shard,) = folder.glob("*.tfrecord")
    shard.write_bytes(b"no record at all, but long enough to look like one")
    with pytest.raises(RecordError, match="no readable record file"):
        read_index(folder)
    shard.unlink()
    with pytest.raises(RecordError, match="is missing"):
        read_index(folder)


@pytest.mark.parametrize(("name", "found"), [("yaw", "None"), ("image/height", "bytes_list")])
def test_a_wrong_schema_is_named(tmp_path, name, found):
    example = record().to_example()
    if found == "None":
        del example.features.feature[name]
    else:
        example.features.feature[name].bytes_list.value.append(b"8")
    path = str(tmp_path / "x.tfrecord")
    with tf.io.TFRecordWriter(path) as writer:
        writer.write(example.SerializeToString())
    with pytest.raises(RecordError, match=f"'{name}' is {found}"):
        check_schema([path])


def test_records_are_read_back_whole(tmp_path):
    written = [
        record("Zoë", domain="real", yaw=-12.5, pitch=2.0, roll=0.0),
        record("ann", domain="real"),
    ]
    write_records(tmp_path / "out", written, shards=2)
    found = {item.identity: item for item in read_records(tmp_path / "out")}
    assert found.keys() == {"Zoë", "ann"}
    assert found["Zoë"] == written[0]
    assert found["ann"].image == written[1].image
    assert math.isnan(found["ann"].yaw)
    with pytest.raises(RecordError):
        read_records(tmp_path / "nothing")


def test_a_second_packer_is_refused_and_a_killed_one_leaves_nothing(tmp_path):
    work = tmp_path / ".out.work"
    with writing_to(work):
        (work / "records-00008-of-00009.tfrecord").touch()
        with pytest.raises(DaganError, match="another process is writing"):
            write_records(tmp_path / "out", [record()])
    write_records(tmp_path / "out", [record()], shards=1)
    assert {path.name for path in tmp_path.iterdir()} == {"out"}
    assert len(list((tmp_path / "out").iterdir())) == 2
