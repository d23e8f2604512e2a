"""The folder layout TensorFlow Serving reads: BASE/<integer version>/saved_model.pb.

A version is complete from the moment it is visible: it is written under a name that is not a
number, which every reader passes over, and then renamed. What a killed writer leaves under such a
name is removed by the next one.
"""

import errno
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from dagan_tf.core.files import try_lock
from dagan_tf.errors import DaganError

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
    """Versions under `base` that hold a SavedModel, ascending; empty when there is no `base`."""
    base = Path(base)
    if not base.is_dir():
        return []
    found = (version_number(entry.parent.name) for entry in base.glob(f"*/{SAVED_MODEL_FILE}"))
    return sorted(number for number in found if number is not None)


def version_folder(base: str | os.PathLike[str], version: int) -> Path:
    """Folder of one version; leading zeros in its name are allowed, as in TensorFlow Serving.

    Raises:
        ModelNotFoundError: `base` has no such version.
    """
    for entry in sorted(Path(base).glob(f"*/{SAVED_MODEL_FILE}")):
        if version_number(entry.parent.name) == version:
            return entry.parent
    present = ", ".join(map(str, list_versions(base))) or "none"
    raise ModelNotFoundError(f"{base}: no version {version} (versions there: {present})")


def resolve_version(base_or_version: str | os.PathLike[str]) -> Path:
    """The folder of the SavedModel meant by a base folder (its highest version) or a version.

    Raises:
        ModelNotFoundError: Neither a SavedModel nor a base folder with a version.
    """
    path = Path(base_or_version)
    if (path / SAVED_MODEL_FILE).is_file():
        return path
    versions = list_versions(path)
    if versions:
        return version_folder(path, versions[-1])
    if not path.is_dir():
        raise ModelNotFoundError(f"{path}: no such folder; expected an exported model")
    raise ModelNotFoundError(
        f"{path}: holds neither {SAVED_MODEL_FILE} nor <version>/{SAVED_MODEL_FILE}; "
        "expected what serving.export writes"
    )


@dataclass
class Draft:
    """A version being written.

    Attributes:
        folder: Where to write; not visible to any server.
        published: The folder of the version, once the `draft_version` block has ended well.
    """

    folder: Path
    published: Path | None = field(default=None)


@contextmanager
def draft_version(base: str | os.PathLike[str]) -> Iterator[Draft]:
    """Publishes what the block writes as the next version, or nothing at all.

    The next version is the highest number under `base` plus one, the first is 1. When two
    exporters end at the same moment, the later one takes the next number.

    Raises:
        OSError: `base` cannot be written.
    """
    base = Path(base)
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
        # Any numbered entry counts, also one without a model: a number is never used twice.
        taken = (version_number(entry.name) for entry in base.iterdir())
        target = base / str(1 + max((number for number in taken if number is not None), default=0))
        try:
            os.rename(folder, target)
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise
        else:
            return target
