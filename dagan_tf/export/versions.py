"""The folder layout TensorFlow Serving reads: BASE/<integer version>/saved_model.pb.

A version is complete from the moment it is visible: it is written under a name that is not a
number, which every reader passes over, and then renamed. What a killed writer leaves under such a
name is removed by the next one. Buckets cannot rename a folder: there it is written in a temporary
folder and copied, saved_model.pb last, and exporters must not end at the same moment.
"""

import errno
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from dagan_tf.core.files import try_lock
from dagan_tf.errors import DaganError
from dagan_tf.export.locations import Location, RemotePath, copy_tree, locate, remove_tree

SAVED_MODEL_FILE = "saved_model.pb"

_DRAFT_PREFIX = ".draft-"
# A writer locks its draft right after making it; until then only its age protects it.
_YOUNG_SECONDS = 60.0


class ModelNotFoundError(DaganError):
    """No exported model where one was expected."""


def version_number(name: str) -> int | None:
    """The version a folder name stands for, None when it stands for none."""
    return int(name) if name.isascii() and name.isdigit() else None


def list_versions(base: str | os.PathLike[str]) -> list[int]:
    """Versions under `base` that hold a SavedModel, ascending; empty when there is no `base`.

    Args:
        base: Path or URI, see `locations.locate`.

    Raises:
        OSError: It cannot be read.
    """
    return sorted(_folders(locate(base)))


def version_folder(base: str | os.PathLike[str], version: int) -> Location:
    """Folder of one version; leading zeros in its name are allowed, as in TensorFlow Serving.

    Raises:
        ModelNotFoundError: `base` has no such version.
        OSError: `base` cannot be read.
    """
    folders = _folders(locate(base))
    if version in folders:
        return folders[version]
    present = ", ".join(map(str, sorted(folders))) or "none"
    raise ModelNotFoundError(f"{base}: no version {version} (versions there: {present})")


def resolve_version(base_or_version: str | os.PathLike[str]) -> Location:
    """The folder of the SavedModel meant by a base folder (its highest version) or a version.

    Raises:
        ModelNotFoundError: Neither a SavedModel nor a base folder with a version.
        OSError: It cannot be read.
    """
    path = locate(base_or_version)
    if (path / SAVED_MODEL_FILE).is_file():
        return path
    folders = _folders(path)
    if folders:
        return folders[max(folders)]
    if not path.is_dir():
        raise ModelNotFoundError(f"{path}: no such folder; expected an exported model")
    raise ModelNotFoundError(
        f"{path}: holds neither {SAVED_MODEL_FILE} nor <version>/{SAVED_MODEL_FILE}; "
        "expected what serving.export writes"
    )


def _folders(base: Location) -> dict[int, Location]:
    """Those of the versions that hold a SavedModel."""
    if not base.is_dir():
        return {}
    found: dict[int, Location] = {}
    entries: Iterator[Location] = base.iterdir()
    for entry in sorted(entries, key=str):
        number = version_number(entry.name)
        if number is not None and number not in found and (entry / SAVED_MODEL_FILE).is_file():
            found[number] = entry
    return found


@dataclass
class Draft:
    """A version being written.

    Attributes:
        folder: Where to write; not visible to any server.
        published: The folder of the version, once the `draft_version` block has ended well.
    """

    folder: Path
    published: Location | None = field(default=None)


@contextmanager
def draft_version(base: str | os.PathLike[str]) -> Iterator[Draft]:
    """Publishes what the block writes as the next version, or nothing at all.

    The next version is the highest number under `base` plus one, the first is 1. When two
    exporters end at the same moment, the later one takes the next number.

    Raises:
        OSError: `base` cannot be written.
    """
    base = locate(base)
    if isinstance(base, RemotePath):
        with tempfile.TemporaryDirectory(prefix="dagan-draft-") as scratch:
            draft = Draft(Path(scratch))
            yield draft
            draft.published = _upload(draft.folder, base)
        return
    base.mkdir(parents=True, exist_ok=True)
    # Not tempfile.mkdtemp: its mode 0700 would hide the model from a server of another user.
    draft = Draft(base / f"{_DRAFT_PREFIX}{secrets.token_hex(4)}")
    draft.folder.mkdir()
    lock = _lock(draft.folder)
    try:
        _remove_leftovers(base)
        yield draft
        draft.published = _publish(draft.folder, base)
    finally:
        if draft.published is None:
            shutil.rmtree(draft.folder, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def _lock(folder: Path) -> int | None:
    """As `try_lock`, None also where another writer has the lock."""
    try:
        return try_lock(folder)
    except BlockingIOError:
        return None


def _remove_leftovers(base: Path) -> None:
    """Removes drafts whose writer was killed."""
    for folder in base.glob(f"{_DRAFT_PREFIX}*"):
        try:
            if time.time() - folder.stat().st_mtime < _YOUNG_SECONDS:
                continue
            lock = _lock(folder)
        except OSError:
            continue  # Published or removed meanwhile, or not ours to open.
        if lock is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)


def _publish(folder: Path, base: Path) -> Path:
    while True:
        target = base / _next_number(base)
        try:
            os.rename(folder, target)
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise
        else:
            return target


def _upload(folder: Path, base: RemotePath) -> RemotePath:
    target = base / (_next_number(base) if base.is_dir() else "1")
    try:
        copy_tree(folder, target, last=SAVED_MODEL_FILE)
    except BaseException:
        remove_tree(target)
        raise
    return target


def _next_number(base: Location) -> str:
    # Any numbered entry counts, also one without a model: a number is never used twice.
    taken = (version_number(entry.name) for entry in base.iterdir())
    return str(1 + max((number for number in taken if number is not None), default=0))
