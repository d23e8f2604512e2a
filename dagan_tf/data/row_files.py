"""CSV files of dataclass rows that a killed process leaves whole.

Rows are appended one by one, each flushed to the disk, so a killed process leaves at most one
unfinished last line. That line is not counted when reading and is cut off when appending. Columns
with a default, the last ones, may be absent from a file of an older version; it is given them when
it is continued.
"""

import csv
import io
import os
from collections.abc import Callable, Sequence
from dataclasses import MISSING, fields
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Generic, TypeVar

from dagan_tf.core.files import write_bytes
from dagan_tf.errors import DaganError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

# A dataclass of str and float fields.
Row = TypeVar("Row", bound="DataclassInstance")

# Fields of these names hold paths inside the file's folder.
_PATHS = ("path", "mask_path", "depth_path", "head_path")


class RowWriter(Generic[Row]):
    """Appends rows durably. Use it as a context manager."""

    def __init__(self, file: Path, row_type: type[Row]) -> None:
        """Opens the file; what a killed writer left half written is cut off.

        Args:
            file: csv; made if it is absent.
            row_type: dataclass whose fields are the columns.

        Raises:
            DaganError: the file holds another kind of rows.
        """
        columns = [field.name for field in fields(row_type)]
        repaired = b""
        if file.exists():
            repaired = _whole_lines(file.read_bytes())
            if repaired:
                # Refuses to append to another kind of file.
                found, rows = _parse(file, repaired, row_type)
                if found != columns:
                    repaired = _table(columns, rows)
                    write_bytes(file, repaired)
        self._columns = columns
        self._stream: BinaryIO = file.open("ab")
        self._stream.truncate(len(repaired))
        if not repaired:
            self._write_line(columns)

    def write(self, row: Row) -> None:
        """Writes one row and waits until it is on the disk."""
        _check_paths(row, where="row")
        self._write_line(_values(row, self._columns))

    def close(self) -> None:
        """Closes the file; nothing is lost without it."""
        self._stream.close()

    def __enter__(self) -> "RowWriter[Row]":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _write_line(self, values: list[str]) -> None:
        self._stream.write(_line(values))
        self._stream.flush()
        os.fsync(self._stream.fileno())


def write_rows(file: Path, row_type: type[Row], rows: Sequence[Row]) -> None:
    """Writes a file anew, whole or not at all."""
    write_bytes(file, _table([field.name for field in fields(row_type)], rows))


def read_rows_if_there(file: Path, row_type: type[Row]) -> list[Row]:
    """As `read_rows`; none when there is no such file, or not yet its first line."""
    if not file.exists() or not _whole_lines(file.read_bytes()):
        return []
    return read_rows(file, row_type)


def read_rows(file: Path, row_type: type[Row]) -> list[Row]:
    """Returns the rows of a file in its order; raises DaganError, naming the line."""
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        raise DaganError(f"{file}: no such file") from None
    except OSError as error:
        raise DaganError(f"{file}: {error.strerror or error}") from None
    return _parse(file, _whole_lines(data), row_type)[1]


def _whole_lines(data: bytes) -> bytes:
    """Cuts an unfinished last record. Every line feed ends a record: `_format` lets none in."""
    return data[: data.rfind(b"\n") + 1]


def _parse(file: Path, data: bytes, row_type: type[Row]) -> tuple[list[str], list[Row]]:
    """Returns the file's columns, of which the optional last ones may be absent, and its rows."""
    try:
        text = data.decode("utf-8-sig")
        records = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DaganError(f"{file}: not a CSV file in UTF-8 ({error})") from None
    columns = [field.name for field in fields(row_type)]
    header = records[0] if records else []
    required = sum(field.default is MISSING for field in fields(row_type))
    if len(header) < required or header != columns[: len(header)]:
        missing = [name for name in columns if name not in header]
        unknown = [name for name in header if name not in columns]
        what = (
            f"missing column {missing[0]!r}"
            if missing
            else f"unknown column {unknown[0]!r}"
            if unknown
            else "columns in another order"
        )
        raise DaganError(f"{file}: {what}; expected {','.join(columns)}")
    rows = []
    for number, record in enumerate(records[1:], start=2):
        where = f"{file}:{number}"
        if len(record) != len(header):
            raise DaganError(f"{where}: {len(record)} values; expected {len(header)}")
        values: dict[str, Any] = {}
        for field, text in zip(fields(row_type)[: len(header)], record, strict=True):
            parse: Callable[[str], Any] = float if field.type in (float, "float") else str
            try:
                values[field.name] = parse(text)
            except ValueError:
                raise DaganError(f"{where}: {field.name} is {text!r}; expected a number") from None
        row = row_type(**values)
        _check_paths(row, where=where)
        rows.append(row)
    return header, rows


def _line(values: list[str]) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(values)
    return line.getvalue().encode("utf-8", "backslashreplace")


def _values(row: Any, columns: list[str]) -> list[str]:
    return [_format(getattr(row, name)) for name in columns]


def _table(columns: list[str], rows: Sequence[Any]) -> bytes:
    """The whole file with all columns, for files that were begun without the newer ones."""
    return b"".join([_line(columns), *(_line(_values(row, columns)) for row in rows)])


def _check_paths(row: Any, where: str) -> None:
    for name in _PATHS:
        if not hasattr(row, name):
            continue
        text = getattr(row, name)
        if name == "path" and not text:
            raise DaganError(f"{where}: path is empty")
        path = PurePosixPath(text)
        if path.is_absolute() or ".." in path.parts or "\\" in text or ":" in text[1:2]:
            raise DaganError(
                f"{where}: {name} is {text!r}; expected a path inside the folder, with /"
            )


def _format(value: str | float) -> str:
    if isinstance(value, str):
        return " ".join(value.splitlines())
    text = f"{value:.4f}"
    if "." in text:  # Neither nan nor inf.
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
