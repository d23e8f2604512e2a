import numpy as np
import pytest

from dagan_tf.errors import DaganError
from dagan_tf.protocols.features import read_features, without_missing, write_features
from dagan_tf.protocols.ijba import read_ijba_verification
from tests.helpers.toy_ijba import toy_features, write_toy


@pytest.fixture
def toy(tmp_path):
    write_toy(tmp_path)
    arrays = toy_features(tmp_path / "f.npz")
    return read_ijba_verification(tmp_path), arrays, tmp_path / "f.npz"


def test_rows_are_put_in_the_protocol_s_order(toy):
    protocol, arrays, file = toy
    order = np.random.default_rng(0).permutation(len(arrays["paths"]))
    np.savez(file, **{name: values[order] for name, values in arrays.items()})
    found = read_features(file, protocol.faces)
    named = dict(zip(arrays["paths"], arrays["features"], strict=True))
    for path, row in zip(protocol.faces.paths, found.features, strict=True):
        np.testing.assert_array_equal(row, named[path])
    again = file.with_name("again.npz")
    write_features(again, protocol.faces, found.features, found.present, found.yaw)
    np.testing.assert_array_equal(read_features(again, protocol.faces).features, found.features)


def damaged(arrays, name, change):
    broken = {key: values.copy() for key, values in arrays.items()}
    broken[name] = change(broken[name])
    return broken


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("features", lambda f: np.where(np.arange(len(f))[:, None] == 3, np.nan, f),
         r"f\.npz: features of row 3 \(img/c1\.jpg\) hold values that are not finite \(1 such"),
        ("paths", lambda p: np.where(np.arange(len(p)) == 1, p[0], p), None),
        ("paths", lambda p: p[:-1], r"f\.npz: paths has shape \(99,\); expected 100"),
        ("paths", lambda p: np.where(np.arange(len(p)) == 2, "img/x.jpg", p),
         r"no features of face 2, 'img/b1\.jpg' \(1 are missing in all\)"),
        ("features", lambda f: f.ravel(), "expected floats"),
        ("features", lambda f: np.where(np.arange(len(f))[:, None] == 3, 0, f),
         r"f\.npz: features of row 3 \(img/c1\.jpg\) are all 0 \(1 such"),
        ("yaw", lambda y: y.astype(str), r"yaw are <U\d+; expected numbers \(N,\)"),
        ("paths", lambda p: np.arange(len(p)), r"paths are int64; expected texts"),
    ],
)  # fmt: skip
def test_bad_features_name_file_and_row(toy, name, change, message):
    protocol, arrays, file = toy
    broken = damaged(arrays, name, change)
    if message is None:  # a face named twice
        broken["sightings"][1] = broken["sightings"][0]
        message = r"f\.npz: row 1 names 'frame/a1\.png' again, as row 0 does"
    np.savez(file, **broken)
    with pytest.raises(DaganError, match=message) as error:
        read_features(file, protocol.faces)
    assert "\n" not in str(error.value)


def test_files_that_are_no_features_are_named(toy):
    protocol, arrays, file = toy
    whole = file.read_bytes()
    np.savez_compressed(file, **arrays)
    packed = bytearray(file.read_bytes())
    packed[60:90] = bytes(30)
    for data in (b"", b"no archive", whole[: len(whole) // 2], bytes(packed)):
        file.write_bytes(data)
        with pytest.raises(DaganError, match=r"f\.npz: not a whole \.npz file"):
            read_features(file, protocol.faces)
    np.savez(file, paths=arrays["paths"])
    with pytest.raises(DaganError, match="lacks 'features'; it has paths"):
        read_features(file, protocol.faces)
    file.unlink()
    with pytest.raises(DaganError, match="no such file"):
        read_features(file, protocol.faces)


def test_what_has_no_features_is_left_out_and_counted(toy):
    protocol, arrays, file = toy
    # One frame of template 1 in split 1; all of template 3 and a training face in split 2.
    gone = np.isin(arrays["paths"], ["frame/d1.png", "img/c2.jpg", "img/t20.jpg"])
    np.savez(file, **{name: values[~gone] for name, values in arrays.items()})
    faces = read_features(file, protocol.faces, skip_missing=True)
    first, dropped = without_missing(protocol.splits[0], faces.present)
    assert (dropped.faces, dropped.templates, dropped.pairs) == (1, 0, 0)
    assert first.templates.media.tolist() == [0, 1, 2]
    second, dropped = without_missing(protocol.splits[1], faces.present)
    assert (dropped.faces, dropped.templates, dropped.pairs) == (1, 1, 2)
    assert second.templates.ids.tolist() == ["1", "2"]
    assert (second.pairs.first.tolist(), second.pairs.second.tolist()) == ([0], [1])
    assert len(second.training_faces) == 5
    third, dropped = without_missing(protocol.splits[2], faces.present)
    assert third is protocol.splits[2]
    assert dropped.faces == 0
