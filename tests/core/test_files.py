import json
import os
import signal
import subprocess
import sys

import pytest

from dagan_tf.core.files import (
    claim,
    differences,
    lock,
    try_lock,
    write_text,
    write_whole,
    writing_to,
)
from dagan_tf.errors import DaganError

HOLD = """
import sys, time
from dagan_tf.core.files import lock
with lock(sys.argv[1]):
    print("locked", flush=True)
    time.sleep(60)
"""


def test_a_file_is_replaced_when_the_block_ends(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("old")
    with write_whole(file) as partial:
        partial.write_text("new")
        assert file.read_text() == "old"
        assert partial.parent == tmp_path
        assert partial.name.startswith(".a.txt.")
    assert file.read_text() == "new"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_failed_block_leaves_the_old_file_alone(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("old")

    def killed():
        with write_whole(file) as partial:
            partial.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        killed()
    assert file.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_what_a_killed_sole_writer_left_is_overwritten(tmp_path):
    (tmp_path / ".a.npy.tmp").write_bytes(b"half of a large file")
    with write_whole(tmp_path / "a.npy", sole_writer=True) as partial:
        partial.write_bytes(b"all")
    assert os.listdir(tmp_path) == ["a.npy"]
    assert (tmp_path / "a.npy").read_bytes() == b"all"


def test_text_is_utf8(tmp_path):
    write_text(tmp_path / "a", "γ")
    assert (tmp_path / "a").read_bytes() == b"\xce\xb3"


@pytest.mark.parametrize("sole", [False, True])
def test_the_longest_names_are_written(tmp_path, sole):
    path = tmp_path / ("é" * 127)
    with write_whole(path, sole_writer=sole) as partial:
        partial.write_text("whole")
    assert path.read_text() == "whole"


def test_differences_are_dotted_and_a_missing_key_is_none():
    old = {"a": {"b": 1, "c": 2}, "gone": 1}
    assert differences(old, {"a": {"b": 1, "c": 3}, "d": 4}) == {"a.c": (2, 3), "d": (None, 4)}


def test_a_claim_is_written_once_and_compared_afterwards(tmp_path):
    file = tmp_path / "made.json"
    assert claim(file, {"size": 64, "seed": 1}) == {}
    assert json.loads(file.read_text()) == {"size": 64, "seed": 1}
    assert claim(file, {"size": 64, "seed": 1}) == {}
    assert claim(file, {"size": 96, "seed": 2}) == {"size": (64, 96), "seed": (1, 2)}
    assert claim(file, {"size": 64, "seed": 2}, may_change={"seed"}) == {}
    assert json.loads(file.read_text()) == {"size": 64, "seed": 1}


def test_a_claim_of_an_older_version_has_the_defaults_of_then(tmp_path):
    file = tmp_path / "made.json"
    file.write_text('{"size": 64}')
    defaults = {"size": 128, "hair": False}
    assert claim(file, {"size": 64, "hair": False}, defaults=defaults) == {}
    assert claim(file, {"size": 64, "hair": True}, defaults=defaults) == {"hair": (False, True)}


@pytest.mark.parametrize(("text", "reason"), [("{", "not JSON"), ("[1]", "holds list")])
def test_a_damaged_claim_is_named(tmp_path, text, reason):
    (tmp_path / "made.json").write_text(text)
    with pytest.raises(DaganError, match=rf"made\.json: {reason}"):
        claim(tmp_path / "made.json", {"size": 64})


def test_the_second_writer_is_refused_until_the_first_is_done(tmp_path):
    with lock(tmp_path):
        with pytest.raises(DaganError, match="another process is writing to it"), lock(tmp_path):
            pass
        with pytest.raises(BlockingIOError):
            try_lock(tmp_path)
    with lock(tmp_path):
        assert os.listdir(tmp_path) == []


def test_a_killed_writer_hinders_nobody(tmp_path):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout.readline() == "locked\n"
        with pytest.raises(DaganError, match="another process"), lock(tmp_path):
            pass
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with lock(tmp_path):
        pass


def test_a_folder_made_for_nothing_goes_again(tmp_path):
    with pytest.raises(ZeroDivisionError), writing_to(tmp_path / "a"):
        1 / 0  # noqa: B018
    assert not (tmp_path / "a").exists()
    with pytest.raises(FileNotFoundError), writing_to(tmp_path / "a") as folder:
        os.rename(folder / "nothing", write_there(folder / "kept"))
    assert (tmp_path / "a/kept").exists()


def write_there(path):
    path.touch()
    return path


def test_a_folder_is_written_to_by_one(tmp_path):
    with writing_to(tmp_path / "b"), pytest.raises(DaganError, match="another process"):
        writing_to(tmp_path / "b").__enter__()
    with writing_to(tmp_path / "b") as folder:
        assert folder.is_dir()
