import os
import secrets
from pathlib import Path

import pytest
import tensorflow as tf

from dagan_tf.export import versions
from dagan_tf.export.locations import RemotePath


def _model(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"")
    return folder


def test_highest_number_wins_and_other_names_are_passed_over(tmp_path):
    for name in ("2", "10", "007", ".draft-ab", "v99", "٣"):
        _model(tmp_path / name)
    (tmp_path / "500").mkdir()  # A number without a model.
    assert versions.list_versions(tmp_path) == [2, 7, 10]
    assert versions.resolve_version(tmp_path) == tmp_path / "10"
    assert versions.version_folder(tmp_path, 7) == tmp_path / "007"
    assert versions.resolve_version(tmp_path / "2") == tmp_path / "2"


def test_missing_models_are_named(tmp_path):
    with pytest.raises(versions.ModelNotFoundError, match="no such folder"):
        versions.resolve_version(tmp_path / "absent")
    with pytest.raises(versions.ModelNotFoundError, match="holds neither"):
        versions.resolve_version(tmp_path)
    _model(tmp_path / "3")
    with pytest.raises(versions.ModelNotFoundError, match=r"no version 4 .*there: 3"):
        versions.version_folder(tmp_path, 4)


def test_draft_is_published_as_next_version_with_a_mode_others_can_read(tmp_path):
    base = tmp_path / "new" / "base"
    for expected in ("1", "2"):
        with versions.draft_version(base) as draft:
            (draft.folder / "saved_model.pb").write_bytes(b"x")
            assert versions.version_number(draft.folder.name) is None
            assert expected not in {entry.name for entry in base.iterdir()}
        assert draft.published == base / expected
        assert draft.published.stat().st_mode & 0o055 == 0o055
    assert sorted(entry.name for entry in base.iterdir()) == ["1", "2"]


def test_two_exporters_at_once_get_two_numbers(tmp_path):
    with versions.draft_version(tmp_path) as first:
        (first.folder / "a").touch()
        with versions.draft_version(tmp_path) as second:
            (second.folder / "b").touch()
    assert (second.published, first.published) == (tmp_path / "1", tmp_path / "2")


def test_failed_draft_leaves_nothing(tmp_path):
    def fail() -> None:
        with versions.draft_version(tmp_path) as draft:
            (draft.folder / "saved_model.pb").write_bytes(b"x")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_leftovers_of_a_killed_export_go_and_a_running_one_stays(tmp_path):
    killed = _model(tmp_path / ".draft-killed")
    young = _model(tmp_path / ".draft-young")
    with versions.draft_version(tmp_path) as running:
        (running.folder / "saved_model.pb").write_bytes(b"x")
        for folder in (killed, running.folder):
            os.utime(folder, (0, 0))
        with versions.draft_version(tmp_path) as other:
            (other.folder / "saved_model.pb").write_bytes(b"x")
            assert not killed.exists()
            assert running.folder.exists()
            assert young.exists()
    assert versions.list_versions(tmp_path) == [1, 2]


def test_a_bucket_gets_whole_versions_or_none(monkeypatch):
    base = f"ram://{secrets.token_hex(4)}/dagan"
    assert versions.list_versions(base) == []
    with pytest.raises(versions.ModelNotFoundError, match=f"{base}: no such folder"):
        versions.resolve_version(base)
    for number in ("1", "2"):
        with versions.draft_version(base) as draft:
            (draft.folder / "saved_model.pb").write_bytes(number.encode())
        assert draft.published == RemotePath(f"{base}/{number}")
    tf.io.gfile.makedirs(f"{base}/007")  # A number that is taken, by no model.
    assert versions.list_versions(base) == [1, 2]
    assert versions.resolve_version(base) == RemotePath(f"{base}/2")
    assert versions.resolve_version(f"{base}/1/") == versions.version_folder(base, 1)
    assert (versions.resolve_version(base) / "saved_model.pb").read_bytes() == b"2"

    def full(*_, **__):
        raise tf.errors.ResourceExhaustedError(None, None, "the bucket is full")

    def fail():
        with versions.draft_version(base) as draft:
            (draft.folder / "saved_model.pb").write_bytes(b"3")

    with monkeypatch.context() as patch:
        patch.setattr(tf.io.gfile, "copy", full)
        with pytest.raises(OSError, match=f"{base}/8/saved_model.pb: the bucket is full"):
            fail()
    assert sorted(tf.io.gfile.listdir(base)) == ["007", "1", "2"]
