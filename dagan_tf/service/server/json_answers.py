"""Arrays into JSON answers, as TensorFlow Serving's util/json_tensor.cc writes them.

White space differs.
"""

import base64
import json
import math
from collections.abc import Mapping

import numpy as np

from dagan_tf.service.server.json_tensors import BASE64_KEY
from dagan_tf.service.server.status import invalid

# A string output whose name ends so is written in base64.
_BYTES_SUFFIX = "_bytes"


def write_outputs(outputs: Mapping[str, np.ndarray], *, rows: bool) -> str:
    """JSON of an answer.

    Args:
        outputs: At least one, by name.
        rows: For a request with `instances`.

    Raises:
        RequestError: INVALID_ARGUMENT, outputs that have no common first dimension to make rows of.
    """
    if not rows:
        texts = {name: _array_text(name, array) for name, array in outputs.items()}
        return _object_text("outputs", _together(texts))
    size = 0
    for name, array in outputs.items():
        if array.ndim == 0:
            raise invalid(f"Tensor name: {name} has no shape information ")
        if len(array) < 1:
            raise invalid(f"Tensor name: {name} has invalid batch size: {len(array)}")
        if size not in (0, len(array)):
            raise invalid(
                f"Tensor name: {name} has inconsistent batch size: {len(array)} expecting: {size}"
            )
        size = len(array)
    items = [
        _together({name: _array_text(name, array[row, ...]) for name, array in outputs.items()})
        for row in range(size)
    ]
    return _object_text("predictions", "[" + ", ".join(items) + "]")


def _object_text(key: str, value: str) -> str:
    return f'{{\n    "{key}": {value}\n}}'


def _together(texts: Mapping[str, str]) -> str:
    """One output without its name, several as an object."""
    if len(texts) == 1:
        return next(iter(texts.values()))
    return "{" + ", ".join(f"{json.dumps(name)}: {text}" for name, text in texts.items()) + "}"


def _array_text(name: str, array: np.ndarray) -> str:
    parts = _scalar_texts(name, array.ravel())
    for axis in range(array.ndim - 1, -1, -1):
        size, rows = array.shape[axis], math.prod(array.shape[:axis])
        parts = ["[" + ", ".join(parts[row * size : (row + 1) * size]) + "]" for row in range(rows)]
    return parts[0]


def _scalar_texts(name: str, flat: np.ndarray) -> list[str]:
    if flat.dtype == object:
        if name.endswith(_BYTES_SUFFIX):
            return [f'{{"{BASE64_KEY}": "{base64.b64encode(text).decode()}"}}' for text in flat]
        return [json.dumps(text.decode("utf-8", "replace")) for text in flat]
    if flat.dtype.kind == "b":
        return ["true" if value else "false" for value in flat.tolist()]
    if flat.dtype.kind in "iu":
        return list(map(str, flat.tolist()))
    return _decimal_texts(flat)


def _decimal_texts(flat: np.ndarray) -> list[str]:
    """WriteDecimal: six digits where they are enough, else all; never without a point."""
    wide = flat.astype(np.float32 if flat.dtype.itemsize <= 4 else np.float64)
    digits = 9 if wide.dtype == np.float32 else 17
    values = wide.tolist()
    texts = [f"{value:.6g}" for value in values]
    exact = np.array(texts, dtype=np.float64).astype(wide.dtype) == wide
    for index in np.flatnonzero(~exact):
        value = values[index]
        if math.isfinite(value):
            texts[index] = f"{value:.{digits}g}"
    names = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
    return [text if "." in text or "e" in text else names.get(text, f"{text}.0") for text in texts]
