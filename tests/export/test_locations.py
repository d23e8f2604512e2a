"""Model folders named by URIs; `ram://` is TensorFlow's own file system that is not the disk's."""

import secrets
import time
from pathlib import Path

import pytest
import tensorflow as tf

from dagan_tf.errors import DaganError
from dagan_tf.export import locations
from dagan_tf.export.locations import (
    LocationError,
    RemotePath,
    copy_tree,
    fetched,
    files_below,
    fingerprint,
    locate,
)


@pytest.fixture
def ram() -> str:
    """A folder of its own in memory."""
    return f"ram://{secrets.token_hex(4)}"


@pytest.fixture
def tree(tmp_path) -> Path:
    folder = tmp_path / "tree"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep/b").write_bytes(b"two")
    (folder / "a").write_text("é", encoding="utf-8")
    (folder / "saved_model.pb").write_bytes(b"")
    return folder


def test_paths_and_file_uris_are_folders_of_this_machine(tmp_path):
    assert locate("models/dagan") == Path("models/dagan")
    assert locate(tmp_path) == tmp_path
    assert locate(f"file://{tmp_path}") == tmp_path
    assert locate("odd name://x") == Path("odd name://x")
    with pytest.raises(LocationError, match=r"file://host/x: .*expected file:///FOLDER"):
        locate("file://host/x")


def test_a_uri_is_read_like_a_path(ram, tree):
    copy_tree(tree, locate(f"{ram}/tree/"))
    folder = locate(f"{ram}/tree/")
    assert folder == RemotePath(f"{ram}/tree")
    assert folder.name == "tree"
    assert folder.is_dir()
    assert not folder.is_file()
    assert sorted(entry.name for entry in folder.iterdir()) == ["a", "deep", "saved_model.pb"]
    assert (folder / "deep").is_dir()
    assert (folder / Path("deep/b")).read_bytes() == b"two"
    assert (folder / "a").read_text("utf-8") == "é"
    assert not (folder / "c").is_file()
    with pytest.raises(FileNotFoundError, match=f"{ram}/tree/c"):
        (folder / "c").read_bytes()
    with pytest.raises(FileNotFoundError, match=f"{ram}/tree/c"):
        list((folder / "c").iterdir())
    with pytest.raises(LocationError, match=f"{ram}/tree/deep: "):
        (folder / "deep").read_bytes()


@pytest.mark.parametrize("remote", [False, True])
def test_files_and_fingerprint_tell_whether_a_copy_went_on(ram, tree, remote):
    folder = locate(f"{ram}/tree" if remote else tree)
    if remote:
        copy_tree(tree, folder)
    assert [path.name for path in files_below(folder)] == ["a", "b", "saved_model.pb"]
    before = fingerprint(folder)
    assert before[:2] == (3, 5)
    with tf.io.gfile.GFile(f"{folder}/deep/c", "w") as file:
        file.write("more")
    assert fingerprint(folder)[:2] == (4, 9)
    if not remote:  # Files in memory have no times.
        assert fingerprint(folder)[2] >= before[2] > 0


def test_copies_come_back_whole_and_go_at_the_end(ram, tree):
    with fetched(tree) as same:
        assert same == tree
    copy_tree(tree, locate(f"{ram}/tree"))
    with fetched(locate(f"{ram}/tree")) as copy:
        assert {path.relative_to(copy).as_posix() for path in files_below(copy)} == {
            path.relative_to(tree).as_posix() for path in files_below(tree)
        }
        assert (copy / "deep/b").read_bytes() == b"two"
    assert not copy.exists()


def test_the_last_file_is_copied_last(tree, tmp_path, monkeypatch):
    copied = []
    monkeypatch.setattr(
        tf.io.gfile, "copy", lambda source, target, overwrite: copied.append(target)
    )
    copy_tree(tree, tmp_path / "copy", last="a")
    assert [Path(target).name for target in copied] == ["b", "saved_model.pb", "a"]


def test_without_a_file_system_one_line_says_what_is_needed():
    with pytest.raises(
        DaganError, match=r"^s3x://b/m: .* no file system for s3x://; .*tensorflow-io"
    ):
        locate("s3x://b/m")


@pytest.mark.parametrize("error", [tf.errors.PermissionDeniedError, tf.errors.AbortedError])
def test_a_bucket_that_refuses_is_one_line(ram, monkeypatch, error):
    def refuse(path):
        raise error(None, None, "it says no\n\twhen reading metadata")

    monkeypatch.setattr(tf.io.gfile, "exists", refuse)
    with pytest.raises(DaganError) as caught:
        locate(f"{ram}/m")
    assert str(caught.value) == f"{ram}/m: it says no"


def test_a_silent_bucket_is_not_waited_for(ram, monkeypatch):
    monkeypatch.setattr(locations, "_PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(tf.io.gfile, "exists", lambda path: time.sleep(5))
    with pytest.raises(
        LocationError, match=rf"^{ram}/m: {ram} does not answer within 0.05 seconds"
    ):
        locate(f"{ram}/m")
    monkeypatch.undo()
    assert locate(f"{ram}/m") == RemotePath(f"{ram}/m")
