"""Reading other people's tables: rows with their place, paths that stay inside the folder."""

import csv
import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from dagan_tf.errors import DaganError


def read_text(file: Path) -> str:
    """The file's text; DaganError names what is wrong with it."""
    try:
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise DaganError(f"{file}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DaganError(f"{file}: not readable as text ({error})") from None


def _whole(file: Path, text: str) -> str:
    if text and not text.endswith("\n"):
        raise DaganError(f"{file}: the last line has no end; expected a whole file")
    return text


def table_columns(file: Path) -> list[str]:
    """The header of a CSV file."""
    first = read_text(file).split("\n", 1)[0]
    return [name.strip() for name in next(csv.reader([first]), [])]


def csv_rows(file: Path, columns: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yields (place, row) of a CSV file with a header; only the named columns.

    Raises:
        DaganError: A column is missing, a row is too short or long, or the last line is cut off.
    """
    text = _whole(file, read_text(file))
    reader = csv.reader(io.StringIO(text, newline=""))
    header = [name.strip() for name in next(reader, [])]
    missing = [name for name in columns if name not in header]
    if missing:
        raise DaganError(f"{file}: lacks column {missing[0]!r}; expected {', '.join(columns)}")
    places = {name: header.index(name) for name in columns}
    for row in reader:
        where = f"{file}:{reader.line_num}"
        if len(row) != len(header):
            raise DaganError(f"{where}: {len(row)} values, expected {len(header)}")
        yield where, {name: row[place].strip() for name, place in places.items()}


def word_rows(
    file: Path,
    counts: Sequence[int],
    *,
    separator: str | None = None,
    tabs: bool = False,
    whole: bool = False,
) -> Iterator[tuple[str, list[str]]]:
    """Yields (place, words) of a file without header; a row has one of the given counts.

    With `tabs` a row that has any is parted by these alone: its words may hold spaces. `whole`
    refuses a last line without end: it may have been cut off within an id.
    """
    text = read_text(file)
    if whole:
        _whole(file, text)
    for number, line in enumerate(text.splitlines(), start=1):
        parting = "\t" if tabs and "\t" in line.strip() else separator
        words = [word.strip() for word in line.strip().split(parting)]
        if not line.strip():
            continue
        if len(words) not in counts:
            expected = " or ".join(map(str, counts))
            raise DaganError(f"{file}:{number}: {len(words)} values, expected {expected}")
        yield f"{file}:{number}", words


def integer_rows(file: Path, columns: int) -> np.ndarray | None:
    """A large file of whole numbers at once, twelve times as fast as `word_rows`.

    Returns:
        (N, columns) int64; None if the file is empty, cut off or holds anything else: `word_rows`
        then says what and where.
    """
    try:
        with file.open("rb") as stream:
            stream.seek(-1, os.SEEK_END)
            if stream.read() != b"\n":
                return None
        rows = np.loadtxt(file, dtype=np.int64, comments=None, ndmin=2, encoding="utf-8")
    except (OSError, ValueError):
        return None
    return rows if rows.shape[1] == columns else None


def inside(where: str, path: str) -> str:
    """The path with "/", refused if it is absolute or leaves the data folder."""
    clean = PurePosixPath(path.replace("\\", "/"))
    depth = 0
    for part in clean.parts:
        depth += -1 if part == ".." else 1
        if depth < 0:
            break
    if not path or clean.is_absolute() or depth <= 0 or ":" in path[1:2]:
        raise DaganError(f"{where}: path {path!r} leaves the data folder")
    parts: list[str] = []
    for part in clean.parts:
        parts = parts[:-1] if part == ".." else [*parts, part]
    return "/".join(parts)


def number(where: str, name: str, text: str) -> float:
    """A number; NaN where the text is empty."""
    try:
        return float(text) if text else float("nan")
    except ValueError:
        raise DaganError(f"{where}: {name} is {text!r}; expected a number") from None
