"""Sets that lie one folder deeper than their files say, or than the user does."""

import pytest

from dagan_tf.errors import DaganError
from dagan_tf.protocols.image_files import ImageFiles, home
from dagan_tf.protocols.readers import read_protocol
from dagan_tf.recognition.people import list_training

PATHS = ("Data/Images/001/frontal/01.jpg", "Data/Images/002/frontal/01.jpg")


def put(file):
    file.parent.mkdir(parents=True)
    file.write_bytes(b"x")
    return file


@pytest.mark.parametrize("between", ["", "Data/Images/", "Data/"])
def test_a_folder_within_the_path_is_found(tmp_path, between):
    extra = "train/" if between else ""
    rest = PATHS[1].removeprefix(between)
    wanted = put(tmp_path / f"{between}{extra}{rest}")
    files = ImageFiles(tmp_path, PATHS)  # The first one is missing.
    assert files(PATHS[1]) == wanted
    with pytest.raises(DaganError, match=r"001/frontal/01\.jpg: no such image \(1 are missing"):
        files.check(PATHS)
    files.check(PATHS[1:])


def test_images_that_are_nowhere_are_counted(tmp_path):
    with pytest.raises(DaganError, match=r"\(2 are missing in all, neither there nor one folder"):
        ImageFiles(tmp_path, PATHS).check(PATHS)


def test_the_sets_own_folder_may_be_within_the_one_named(tmp_path):
    assert home(put(tmp_path / "a" / "pairs.txt").parent, "pairs.txt") == tmp_path / "a"
    assert home(tmp_path, "pairs.txt") == tmp_path / "a"
    put(tmp_path / "b" / "pairs.txt")
    with pytest.raises(DaganError, match=r"pairs\.txt is in a, b; expected one of them"):
        home(tmp_path, "pairs.txt")
    with pytest.raises(DaganError, match="no Protocol, neither in it nor one folder deeper"):
        home(tmp_path, "Protocol")
    with pytest.raises(DaganError, match="nowhere: no such folder"):
        home(tmp_path / "nowhere", "Protocol")


def test_lfw_as_it_is_unpacked(tmp_path):
    """pairs.txt beside `lfw/`, and both in the folder that the user names the parent of."""
    for name in ("Ann_A", "Bob_B"):
        (tmp_path / "set" / "lfw" / name).mkdir(parents=True)
        for number in (1, 2):
            (tmp_path / "set" / "lfw" / name / f"{name}_{number:04d}.jpg").write_bytes(b"x")
    (tmp_path / "set" / "pairs.txt").write_text("1\t1\nAnn_A\t1\t2\nAnn_A\t1\tBob_B\t2\n")
    protocol = read_protocol("lfw", tmp_path)
    assert protocol.root == tmp_path / "set"
    files = ImageFiles(protocol.root, protocol.faces.paths)
    files.check(protocol.faces.paths)
    assert files("Ann_A/Ann_A_0001.jpg") == tmp_path / "set" / "lfw" / "Ann_A" / "Ann_A_0001.jpg"


@pytest.mark.parametrize("suffix", ["png", "JPG", "webp"])
def test_lfw_with_tabs_spaces_in_names_and_other_formats(tmp_path, suffix):
    for name in ("Ann B", "Bob"):
        for number in (1, 2):
            file = tmp_path / "lfw" / name / f"{name}_{number:04d}.{suffix}"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"x")
    (tmp_path / "pairs.txt").write_text("1\t1\nAnn B\t1\t2\nAnn B\t1\tBob\t2\n")
    protocol = read_protocol("lfw", tmp_path)
    assert set(protocol.faces.paths) == {
        "Ann B/Ann B_0001.jpg",
        "Ann B/Ann B_0002.jpg",
        "Bob/Bob_0002.jpg",
    }
    files = ImageFiles(protocol.root, protocol.faces.paths)
    files.check(protocol.faces.paths)
    assert files("Bob/Bob_0002.jpg").name == f"Bob_0002.{suffix}"
    assert files("Bob/Bob_0003.jpg").name == "Bob_0003.jpg"
    assert len(list_training(tmp_path, "lfw")) == 4
