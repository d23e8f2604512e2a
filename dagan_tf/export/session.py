"""Runs a SavedModel as TensorFlow Serving does: by the C++ session loader, through its C interface.

`tf.saved_model.load` binds the variables of a SavedModel to its functions itself. TensorFlow
Serving does not: `LoadSavedModel` (tensorflow/cc/saved_model/loader.cc) runs the graph's restore
operation and then the signatures, which find a variable only by its name in the graph.

`bless` runs this file's text in a new Python; hence no import from this package here, nor
of TensorFlow, whose library is found by its file.
"""

import contextlib
import ctypes
import importlib.util
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

_STRING = 7  # TF_STRING; the numbers are DataType's of tensorflow/core/framework/types.proto.
_NUMPY = {1: np.float32, 3: np.int32, 4: np.uint8, 9: np.int64, 10: np.bool_}
_NUMBERS = {np.dtype(kind): number for number, kind in _NUMPY.items()}
# tensorflow/c/tf_status.h
_CODES = (
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
)

_Pointer = ctypes.c_void_p


class SessionError(Exception):
    """What the loader or a run answered instead.

    Attributes:
        code: Name of the status, e.g. `NOT_FOUND`.
        message: Its text, of one or more lines.
    """

    def __init__(self, code: str, message: str) -> None:
        """Keeps both parts.

        Args:
            code: name of the status.
            message: its text.
        """
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class _String(ctypes.Union):
    """TF_TString of tensorflow/core/platform/ctstring_internal.h: 24 bytes, aligned as pointers."""

    _fields_ = (("raw", ctypes.c_uint8 * 24), ("pointer", _Pointer))


class _Output(ctypes.Structure):
    """TF_Output: a tensor of a graph."""

    _fields_ = (("operation", _Pointer), ("index", ctypes.c_int))


class Session:
    """A SavedModel in a session of TensorFlow's own."""

    def __init__(self, folder: str) -> None:
        """Loads it, as TensorFlow Serving does.

        Args:
            folder: Of the SavedModel.

        Raises:
            SessionError: It cannot be loaded, or there is no TensorFlow library to load it with.
        """
        self._tf = _library()
        self._graph = self._tf.TF_NewGraph()
        status = self._tf.TF_NewStatus()
        tags = (ctypes.c_char_p * 1)(b"serve")
        options = self._tf.TF_NewSessionOptions()
        self._session = self._tf.TF_LoadSessionFromSavedModel(
            options, None, folder.encode(), tags, 1, self._graph, None, status
        )
        self._tf.TF_DeleteSessionOptions(options)
        self._check(status)

    def close(self) -> None:
        """Frees the memory of the model."""
        status = self._tf.TF_NewStatus()
        self._tf.TF_DeleteSession(self._session, status)
        self._tf.TF_DeleteStatus(status)
        self._tf.TF_DeleteGraph(self._graph)

    def run(self, feeds: Mapping[str, np.ndarray], fetches: Sequence[str]) -> list[np.ndarray]:
        """Runs the graph.

        Args:
            feeds: Tensor name, as `serving_default_images:0`, to its value; of dtype object, bytes.
            fetches: Names of the tensors to answer.

        Raises:
            SessionError: The graph refuses.
        """
        sources = (_Output * len(feeds))(*map(self.tensor, feeds))
        targets = (_Output * len(fetches))(*map(self.tensor, fetches))
        values = (_Pointer * len(feeds))(*map(self._to_tensor, feeds.values()))
        answers = (_Pointer * len(fetches))()
        status = self._tf.TF_NewStatus()
        self._tf.TF_SessionRun(
            self._session,
            *(None, sources, values, len(feeds), targets, answers, len(fetches)),
            *(None, 0, None, status),
        )
        for value in values:
            self._tf.TF_DeleteTensor(value)
        self._check(status)
        return [self._to_array(answer or 0) for answer in answers]

    def tensor(self, name: str) -> _Output:
        """A tensor of the graph by its name, `OPERATION:INDEX`."""
        operation, _, index = name.partition(":")
        found = self._tf.TF_GraphOperationByName(self._graph, operation.encode())
        if not found:
            raise SessionError("NOT_FOUND", f"no operation {operation!r} in the graph")
        return _Output(found, int(index or 0))

    def takes_strings(self, name: str) -> bool:
        """Whether a tensor of the graph holds strings."""
        return bool(self._tf.TF_OperationOutputType(self.tensor(name)) == _STRING)

    def _to_tensor(self, array: np.ndarray) -> int:
        tf, shape = self._tf, (ctypes.c_int64 * array.ndim)(*array.shape)
        if array.dtype != object:
            array = np.ascontiguousarray(array)
            number = _NUMBERS[array.dtype]
            tensor = tf.TF_AllocateTensor(number, shape, array.ndim, array.nbytes)
            ctypes.memmove(tf.TF_TensorData(tensor), array.ctypes.data, array.nbytes)
            return int(tensor)
        size = array.size * ctypes.sizeof(_String)
        tensor = tf.TF_AllocateTensor(_STRING, shape, array.ndim, size)
        for place, text in zip(self._strings(tensor, array.size), array.flat, strict=True):
            tf.TF_StringInit(ctypes.byref(place))
            tf.TF_StringCopy(ctypes.byref(place), bytes(text), len(text))
        return int(tensor)

    def _to_array(self, tensor: int) -> np.ndarray:
        tf = self._tf
        shape = [tf.TF_Dim(tensor, axis) for axis in range(tf.TF_NumDims(tensor))]
        number = tf.TF_TensorType(tensor)
        if number == _STRING:
            array = np.empty(shape, object)
            for index, place in enumerate(self._strings(tensor, array.size)):
                length = tf.TF_StringGetSize(ctypes.byref(place))
                start = tf.TF_StringGetDataPointer(ctypes.byref(place))
                array.flat[index] = ctypes.string_at(start, length)
        else:
            data = ctypes.string_at(tf.TF_TensorData(tensor), tf.TF_TensorByteSize(tensor))
            array = np.frombuffer(data, _NUMPY[number]).reshape(shape)
        tf.TF_DeleteTensor(tensor)
        return array

    def _strings(self, tensor: int, count: int) -> "ctypes.Array[_String]":
        return (_String * count).from_address(self._tf.TF_TensorData(tensor) or 0)

    def _check(self, status: int) -> None:
        code, message = self._tf.TF_GetCode(status), self._tf.TF_Message(status)
        self._tf.TF_DeleteStatus(status)
        if code:
            name = _CODES[code] if code < len(_CODES) else f"status {code}"
            raise SessionError(name, message.decode("utf-8", "replace"))


def answers(
    folder: str, tensors: Mapping[str, Sequence[str]], probes: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Loads a SavedModel and asks it once for each probe.

    Args:
        folder: Of the SavedModel.
        tensors: For each probe the names of the tensors to feed and to fetch.
        probes: Their values; the bytes, uint8, of one file where the graph takes strings.

    Returns:
        What it made of each; of strings the bytes of the first.

    Raises:
        SessionError: It cannot be loaded, or a run fails.
    """
    found = {}
    with contextlib.closing(Session(folder)) as session:
        for name, (feed, fetch) in tensors.items():
            value = probes[name]
            if session.takes_strings(feed):
                value = np.array([value.tobytes()], object)
            answer = session.run({feed: value}, [fetch])[0]
            is_text = answer.dtype == object
            found[name] = np.frombuffer(answer.flat[0], np.uint8) if is_text else answer
    return found


def _library() -> Any:
    """TensorFlow's own library, with the C interface."""
    found = importlib.util.find_spec("tensorflow")
    for folder in (found and found.submodule_search_locations) or ():
        # libtensorflow_cc.so.2 on Linux, libtensorflow_cc.2.dylib on macOS.
        for path in sorted(Path(folder).glob("libtensorflow_cc*")):
            library = ctypes.CDLL(str(path))
            if hasattr(library, "TF_LoadSessionFromSavedModel"):
                return _declared(library)
    raise SessionError("UNAVAILABLE", "no library libtensorflow_cc in the package tensorflow")


def _declared(library: Any) -> Any:
    """Tells ctypes what is a pointer or a size; all else is int."""
    returning: dict[Any, tuple[str, ...]] = {
        _Pointer: (
            "TF_NewGraph",
            "TF_NewStatus",
            "TF_NewSessionOptions",
            "TF_LoadSessionFromSavedModel",
            "TF_GraphOperationByName",
            "TF_AllocateTensor",
            "TF_TensorData",
            "TF_StringGetDataPointer",
        ),
        ctypes.c_char_p: ("TF_Message",),
        ctypes.c_int64: ("TF_Dim",),
        ctypes.c_size_t: ("TF_TensorByteSize", "TF_StringGetSize"),
    }
    for kind, names in returning.items():
        for name in names:
            getattr(library, name).restype = kind
    pointers, size = (_Pointer, _Pointer), ctypes.c_size_t
    library.TF_LoadSessionFromSavedModel.argtypes = [
        *(_Pointer, _Pointer, ctypes.c_char_p, _Pointer, ctypes.c_int),
        *(_Pointer, _Pointer, _Pointer),
    ]
    library.TF_SessionRun.argtypes = [
        *(*pointers, _Pointer, _Pointer, ctypes.c_int, _Pointer, _Pointer, ctypes.c_int),
        *(_Pointer, ctypes.c_int, *pointers),
    ]
    library.TF_GraphOperationByName.argtypes = [_Pointer, ctypes.c_char_p]
    library.TF_AllocateTensor.argtypes = [ctypes.c_int, _Pointer, ctypes.c_int, size]
    library.TF_DeleteSession.argtypes = pointers
    library.TF_OperationOutputType.argtypes = [_Output]
    library.TF_Dim.argtypes = [_Pointer, ctypes.c_int]
    library.TF_StringCopy.argtypes = [_Pointer, ctypes.c_char_p, size]
    for name in (
        "TF_GetCode",
        "TF_Message",
        "TF_DeleteStatus",
        "TF_DeleteTensor",
        "TF_TensorData",
        "TF_TensorType",
        "TF_TensorByteSize",
        "TF_NumDims",
        "TF_DeleteSessionOptions",
        "TF_DeleteGraph",
        "TF_StringInit",
        "TF_StringGetSize",
        "TF_StringGetDataPointer",
    ):
        getattr(library, name).argtypes = [_Pointer]
    return library


if __name__ == "__main__":
    with np.load(sys.argv[2]) as asked:
        found = answers(sys.argv[1], json.loads(sys.argv[4]), asked)
        np.savez(sys.argv[3], **found)  # type: ignore[arg-type]
