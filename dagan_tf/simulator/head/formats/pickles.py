"""Pickles of arrays, read without running anything they ask for.

An unpickler looks every global up in a fixed table of numpy's array parts and inert stand-ins;
whatever else a file names ends the reading with an error that names it.
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

from dagan_tf.errors import DaganError


class Inert:
    """Stands for an object of a library that is not imported: keeps its state, does nothing."""

    def __init__(self, *_: object) -> None:
        """Forgets its arguments."""
        self.state: dict[str, Any] = {}

    def __setstate__(self, state: object) -> None:
        self.state = state if isinstance(state, dict) else {}


def _reconstruct(*_: object) -> np.ndarray:
    return np.ndarray((0,), np.int8)  # numpy's own state setter fills it


def _scalar(dtype: np.dtype, content: object = b"") -> Any:
    if not isinstance(dtype, np.dtype) or dtype.hasobject or not isinstance(content, bytes):
        raise pickle.UnpicklingError("a numpy scalar that holds an object")
    return np.frombuffer(content, dtype, count=1)[0]


def _encode(text: str, encoding: str = "latin1") -> bytes:
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"bytes in encoding {encoding!r}")
    return text.encode("latin1")


_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _encode,
}
for _module in ("numpy.core.multiarray", "numpy._core.multiarray"):
    _ALLOWED[_module, "_reconstruct"] = _reconstruct
    _ALLOWED[_module, "scalar"] = _scalar
for _kind in ("csc", "csr", "coo"):
    for _module in ("scipy.sparse", f"scipy.sparse.{_kind}", f"scipy.sparse._{_kind}"):
        _ALLOWED[_module, f"{_kind}_matrix"] = Inert
for _module in ("chumpy", "chumpy.ch"):
    _ALLOWED[_module, "Ch"] = Inert


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(
                f"it asks for {module}.{name}; only arrays are read, nothing is run"
            ) from None


def read_pickle(path: Path) -> dict[str, Any]:
    """Reads a pickled dictionary of arrays, or an npy file that holds one.

    Args:
        path: pkl or npy file.

    Returns:
        The dictionary; sparse matrices are `Inert`, chumpy arrays are turned into their values. A
        bare array is returned under the name "".

    Raises:
        DaganError: unreadable, or it names a global that is not an array's.
    """
    try:
        content = io.BytesIO(path.read_bytes())
        if content.read(6) == b"\x93NUMPY":
            content.seek(0)
            major, _ = npy.read_magic(content)
            header = npy.read_array_header_1_0 if major == 1 else npy.read_array_header_2_0
            _, _, dtype = header(content)
            if not dtype.hasobject:
                content.seek(0)
                return {"": npy.read_array(content, allow_pickle=False)}
        else:
            content.seek(0)
        found = _ArrayUnpickler(content, encoding="latin1").load()
    except Exception as error:  # a damaged pickle fails in as many ways as it has bytes
        raise DaganError(f"{path}: not read as a pickle of arrays ({error})") from None
    if isinstance(found, np.ndarray) and found.dtype.hasobject and found.size == 1:
        found = found.reshape(-1)[0]
    if not isinstance(found, dict):
        return {"": found}
    return {str(k): _value(v) for k, v in found.items()}


def _value(value: Any) -> Any:
    return value.state.get("x", value) if isinstance(value, Inert) else value


def field(path: Path, content: dict[str, Any], *names: str) -> Any:
    """The first of the named fields.

    Raises:
        DaganError: none of them is there.
    """
    for name in names:
        if name in content:
            return content[name]
    raise DaganError(f"{path}: lacks field {' or '.join(map(repr, names))}")
