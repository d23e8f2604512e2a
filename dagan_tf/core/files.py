"""Files that are whole or not there, folders that belong to one writer and to one set of settings.

A process may be killed at any moment and started again: what it leaves must be either the old file
or the new one, and a folder must say what it was begun with.
"""

import errno
import json
import os
import secrets
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from dagan_tf.errors import DaganError

try:
    import fcntl
except ImportError:  # Not on Windows; there nothing is locked.
    fcntl = None  # type: ignore[assignment]

_MOST_BYTES = 220
_BUSY = (errno.EWOULDBLOCK, errno.EACCES)


@contextmanager
def write_whole(path: str | os.PathLike[str], *, sole_writer: bool = False) -> Iterator[Path]:
    """A file to write beside `path`, put in its place when the block ends well.

    Args:
        path: the file to make or to replace; its folder must exist.
        sole_writer: nobody else writes this file. For large ones: what a killed process leaves
            is overwritten by the next, instead of staying on the disk.

    Yields:
        `.NAME.<random>.tmp` in the same folder, or `.NAME.tmp` of a sole writer. When the block
        fails it is removed, and `path` is what it was; a killed process leaves it, hidden.

    Raises:
        OSError: the folder cannot be written.
    """
    path = Path(path)
    own = "" if sole_writer else f".{secrets.token_hex(4)}"
    # A name may have 255 bytes: of one near that its beginning must do.
    name = os.fsdecode(os.fsencode(path.name)[:_MOST_BYTES])
    partial = path.with_name(f".{name}{own}.tmp")
    try:
        yield partial
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Writes a file, whole or not at all."""
    with write_whole(path) as partial:
        partial.write_bytes(data)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Writes a file in UTF-8, whole or not at all."""
    with write_whole(path) as partial:
        partial.write_text(text, encoding="utf-8")


Differences = dict[str, tuple[Any, Any]]


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> Differences:
    """Dotted keys of `new` whose values differ, each with (old, new).

    Args:
        old: settings, nested or flat; a key that is missing counts as None.
        new: the same, complete.
    """
    before, after = _flatten(old), _flatten(new)
    return {
        key: (before.get(key), value) for key, value in after.items() if before.get(key) != value
    }


def claim(
    file: str | os.PathLike[str],
    facts: Mapping[str, Any],
    *,
    defaults: Mapping[str, Any] | None = None,
    may_change: Collection[str] = (),
) -> Differences:
    """Notes the settings a folder is begun with, or compares them with those it was begun with.

    Args:
        file: JSON file in the folder that holds the settings; written if it is not there.
        facts: the settings, as JSON has them.
        defaults: what a setting was before it had a key, for folders of older versions.
        may_change: dotted keys that may differ.

    Returns:
        What differs, each key with (then, now); nothing: the folder is ours. The caller words the
        refusal, which says how to mend it.

    Raises:
        DaganError: `file` is no JSON object.
    """
    file = Path(file)
    if not file.exists():
        write_text(file, json.dumps(facts, indent=2) + "\n")
        return {}
    try:
        begun = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DaganError(f"{file}: not JSON ({error})") from error
    if not isinstance(begun, dict):
        raise DaganError(f"{file}: holds {type(begun).__name__}; expected an object of settings")
    older = defaults or {}
    found = differences({**older, **begun}, {**older, **facts})
    return {key: pair for key, pair in found.items() if key not in may_change}


@contextmanager
def lock(folder: str | os.PathLike[str]) -> Iterator[None]:
    """Keeps other writers out of a folder while the block runs.

    The lock is the operating system's: it ends with the process, however that ends, and leaves no
    file. Where there are none (Windows, some network file systems) the block runs without.

    Args:
        folder: the one that is written; it must exist.

    Raises:
        DaganError: another process, or another block of this one, writes to it.
    """
    descriptor = None
    try:
        descriptor = try_lock(folder)
    except BlockingIOError:
        raise DaganError(
            f"{folder}: another process is writing to it; wait for its end or choose another"
            " output folder"
        ) from None
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


@contextmanager
def writing_to(folder: str | os.PathLike[str]) -> Iterator[Path]:
    """A folder to write to, made if need be, that nobody else writes to meanwhile.

    Args:
        folder: any; one that was made for a block that fails, and is still empty, goes again.

    Yields:
        The folder.

    Raises:
        DaganError: as of `lock`.
        OSError: it cannot be made.
    """
    path = Path(folder)
    made = not path.exists()
    path.mkdir(parents=True, exist_ok=True)
    try:
        with lock(path):
            yield path
    except BaseException:
        if made:
            with suppress(OSError):
                path.rmdir()
        raise


def try_lock(folder: str | os.PathLike[str]) -> int | None:
    """Locks a folder until the descriptor is closed or the process has ended.

    Returns:
        The open descriptor; None where folders cannot be locked.

    Raises:
        BlockingIOError: somebody else has the lock.
        OSError: no such folder.
    """
    if fcntl is None:
        return None
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if error.errno in _BUSY:
            raise BlockingIOError(error.errno, "locked", os.fspath(folder)) from None
        return None
    return descriptor


def _flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            flat.update(_flatten(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat
