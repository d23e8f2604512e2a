"""Where exported models lie: in a folder of this machine, or in one that a URI names.

URIs are read and written by TensorFlow's file systems, as in TensorFlow Serving: `gs://` is in its
wheel, `s3://` and others come with tensorflow-io.
"""

import errno
import os
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePath

import tensorflow as tf

from dagan_tf.errors import DaganError

# An unreachable bucket is asked ten times within minutes, by TensorFlow's default.
_PATIENCE_SECONDS = 20.0
_reached: set[str] = set()


class LocationError(DaganError, OSError):
    """A URI that TensorFlow cannot read or write."""


@dataclass(frozen=True)
class RemotePath(os.PathLike[str]):
    """A file or folder named by a URI; its methods are those of `pathlib.Path`.

    Each of them raises FileNotFoundError or LocationError where it cannot do its work.

    Attributes:
        uri: Without a slash at its end.
    """

    uri: str

    def __fspath__(self) -> str:
        return self.uri

    def __str__(self) -> str:
        return self.uri

    def __truediv__(self, part: str | PurePath) -> "RemotePath":
        return RemotePath(f"{self.uri}/{PurePath(part).as_posix()}")

    @property
    def name(self) -> str:
        """The last part."""
        return self.uri.rpartition("/")[2]

    def absolute(self) -> "RemotePath":
        """Itself: a URI is absolute."""
        return self

    def resolve(self) -> "RemotePath":
        """Itself: a URI has no links to follow."""
        return self

    def is_file(self) -> bool:
        """Whether it is there and no folder."""
        with _one_line(self.uri):
            return bool(tf.io.gfile.exists(self.uri) and not tf.io.gfile.isdir(self.uri))

    def is_dir(self) -> bool:
        """Whether it is a folder."""
        with _one_line(self.uri):
            return bool(tf.io.gfile.isdir(self.uri))

    def iterdir(self) -> Iterator["RemotePath"]:
        """What lies in the folder."""
        with _one_line(self.uri):
            names = tf.io.gfile.listdir(self.uri)
        for name in names:
            yield self / name.rstrip("/")  # Some file systems mark folders with a slash.

    def read_bytes(self) -> bytes:
        """The file's bytes."""
        with _one_line(self.uri), tf.io.gfile.GFile(self.uri, "rb") as file:
            return bytes(file.read())

    def read_text(self, encoding: str) -> str:
        """The file's text."""
        return self.read_bytes().decode(encoding)


Location = Path | RemotePath


def locate(name: str | os.PathLike[str]) -> Location:
    """What a path, a `file://` URI or another URI stands for.

    Args:
        name: As users give it. `gs://`, `s3://` and the like must be reachable within 20 seconds;
            that is looked at once for each bucket.

    Raises:
        LocationError: TensorFlow has no file system for the URI, or it does not answer.
    """
    text = os.fspath(name)
    scheme, separator, rest = text.partition("://")
    if not separator or not scheme.isalnum():
        return Path(text)
    if scheme == "file":
        if not rest.startswith("/"):
            raise LocationError(f"{text}: names another machine; expected file:///FOLDER")
        return Path(rest)
    if not _has_file_system(scheme):
        raise LocationError(
            f"{text}: TensorFlow {tf.__version__} has no file system for {scheme}://; expected a "
            "local folder, or tensorflow-io installed in the version made for this TensorFlow"
        )
    bucket = f"{scheme}://{rest.split('/')[0]}"
    if bucket not in _reached:
        _reach(text, bucket)
        _reached.add(bucket)
    return RemotePath(text.rstrip("/"))


def files_below(folder: Location) -> Sequence[Location]:
    """All files in a folder and the folders in it, sorted by name.

    Raises:
        OSError: It cannot be read.
    """
    if isinstance(folder, Path):
        return sorted(path for path in folder.rglob("*") if path.is_file())
    with _one_line(folder.uri):
        return sorted(
            (
                RemotePath(f"{parent.rstrip('/')}/{name}")
                for parent, _, names in tf.io.gfile.walk(folder.uri)
                for name in names
            ),
            key=str,
        )


def fingerprint(folder: Location) -> tuple[int, int, int]:
    """Number, bytes and newest change, in ns, of a folder's files: whether a copy went on.

    Raises:
        OSError: It cannot be read.
    """
    with _one_line(str(folder)):
        stats = [tf.io.gfile.stat(os.fspath(path)) for path in files_below(folder)]
    newest = max((stat.mtime_nsec for stat in stats), default=0)
    return len(stats), sum(stat.length for stat in stats), newest


def copy_tree(source: Location, target: Location, *, last: str = "") -> None:
    """Copies a folder's files.

    Args:
        source: The folder.
        target: The copy; made when absent, files in it are replaced.
        last: Name of a file at the top that is copied when all others are there: the one by which
            readers know that the folder is complete.

    Raises:
        OSError: One cannot be read or written.
    """
    names = [os.path.relpath(path, source) for path in files_below(source)]
    for name in sorted(names, key=lambda name: (name == last, name)):
        place = os.fspath(target / Path(name))
        with _one_line(place):
            tf.io.gfile.makedirs(os.path.dirname(place))
            tf.io.gfile.copy(os.fspath(source / Path(name)), place, overwrite=True)


def write_text(text: str, target: Location) -> None:
    """Writes a text file, UTF-8; its folder is made when absent.

    Raises:
        OSError: It cannot be written.
    """
    place = os.fspath(target)
    with _one_line(place):
        tf.io.gfile.makedirs(os.path.dirname(place))
        with tf.io.gfile.GFile(place, "w") as file:
            file.write(text)


def remove_tree(folder: RemotePath) -> None:
    """Removes what can be removed of a folder."""
    with suppress(tf.errors.OpError):
        tf.io.gfile.rmtree(folder.uri)


@contextmanager
def fetched(folder: Location) -> Iterator[Path]:
    """The folder if it is local, else a copy of it until the end of the block.

    Raises:
        OSError: It cannot be read.
    """
    if isinstance(folder, Path):
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="dagan-fetched-") as scratch:
        copy_tree(folder, Path(scratch))
        yield Path(scratch)


@contextmanager
def _one_line(uri: str) -> Iterator[None]:
    try:
        yield
    except tf.errors.NotFoundError as error:
        raise FileNotFoundError(errno.ENOENT, "no such file or folder", uri) from error
    except tf.errors.OpError as error:
        raise LocationError(f"{uri}: {str(error.message).splitlines()[0]}") from error


def _has_file_system(scheme: str) -> bool:
    if scheme in tf.io.gfile.get_registered_schemes():
        return True
    try:
        import tensorflow_io  # noqa: F401, it registers its file systems
    except Exception:  # Not there, or made for another TensorFlow: that raises nearly anything.
        return False
    return scheme in tf.io.gfile.get_registered_schemes()


def _reach(uri: str, bucket: str) -> None:
    """Asks for `uri` in a thread that is left alone when it takes too long."""
    failed: list[Exception] = []

    def ask() -> None:
        try:
            with _one_line(uri):
                tf.io.gfile.exists(uri)
        except OSError as error:
            failed.append(error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(_PATIENCE_SECONDS)
    if thread.is_alive():
        raise LocationError(f"{uri}: {bucket} does not answer within {_PATIENCE_SECONDS:g} seconds")
    if failed:
        raise failed[0]
