"""Basel Face Models: 2009 (.mat) and 2017, 2019 (.h5).

The names of the fields, and that `shapeEV` holds standard deviations, are general knowledge. The
models need a registration: no real file was read, the tests read small ones of this structure.
Vertices are in micrometres (2009) or millimetres; landmarks come from
landmarks68.txt beside the file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from dagan_tf.errors import DaganError
from dagan_tf.simulator.head.formats import common
from dagan_tf.simulator.head.formats.pickles import field

_LICENCE = "Basel Face Model licence: not for commercial use, not to be passed on"


def read_mat(path: Path) -> dict[str, Any]:
    """Variables of a Matlab file of version 4 to 7.

    Raises:
        DaganError: unreadable.
    """
    from scipy.io import loadmat  # slow to import, and only two formats need it

    try:
        return {k: v for k, v in loadmat(str(path)).items() if not k.startswith("__")}
    except Exception as error:  # scipy raises whatever a damaged byte leads it to
        raise DaganError(f"{path}: not a readable .mat file ({error})") from None


def read_bfm_mat(path: Path) -> dict[str, np.ndarray]:
    """Reads BFM 2009: shapeMU (3V, 1), shapePC (3V, K), shapeEV (K, 1) standard deviations, tl.

    Triangles `tl` are counted from 1. The deviations are not variances: eos' converter squares
    them. Expressions, as in 300W-LP's additions: optional expPC (3V, E) and expEV (E, 1).

    Raises:
        DaganError: a field is absent or malformed.
    """
    content, source = read_mat(path), str(path)
    mean = common.numbers(source, "shapeMU", field(path, content, "shapeMU"), columns=3)
    size = len(mean)

    def modes(parts: str, scales: str) -> np.ndarray:
        deviation = common.numbers(source, scales, field(path, content, scales))
        if len(deviation) and deviation.min() < 0:
            raise DaganError(f"{source}: field {scales!r} has a negative value {deviation.min():g}")
        return common.basis(source, parts, field(path, content, parts), size, deviation**2, scales)

    expression, names = None, None
    if "expPC" in content:
        expression, names = common.signed_expressions(modes("expPC", "expEV"))
    return common.model_arrays(
        path,
        licence=_LICENCE,
        mean=mean,
        triangles=common.indices(source, "tl", field(path, content, "tl"), size, first=1),
        identity=modes("shapePC", "shapeEV"),
        expression=expression,
        names=names,
    )


def read_bfm_h5(path: Path) -> dict[str, np.ndarray]:
    """Reads BFM 2017 / 2019: {shape,expression}/model/{mean,pcaBasis,pcaVariance}, cells (3, T).

    Raises:
        DaganError: a field is absent or malformed, or h5py is not installed.
    """
    try:
        import h5py
    except ImportError:
        raise DaganError(f"{path}: reading .h5 needs `pip install h5py`") from None
    source = str(path)
    wanted = [f"{p}/model/{n}" for p in ("shape", "expression") for n in _H5_FIELDS]
    try:
        with h5py.File(path, "r") as file:
            names = [*wanted, "shape/representer/cells"]
            content = {n: np.asarray(file[n]) for n in names if n in file}
    except (OSError, RuntimeError, ValueError, TypeError, KeyError) as error:
        raise DaganError(f"{path}: not a readable .h5 file ({error})") from None

    def part(name: str, size: int | None) -> tuple[np.ndarray, np.ndarray]:
        mean_name, basis_name, variance_name = (f"{name}/model/{n}" for n in _H5_FIELDS)
        mean = common.numbers(source, mean_name, field(path, content, mean_name), columns=3)
        if size is not None and len(mean) != size:
            raise DaganError(f"{source}: field {mean_name!r} has {len(mean)} vertices, not {size}")
        modes = field(path, content, basis_name)
        variance = field(path, content, variance_name)
        return mean, common.basis(source, basis_name, modes, len(mean), variance, variance_name)

    mean, identity = part("shape", None)
    size, expression, labels = len(mean), None, None
    if "expression/model/pcaBasis" in content:
        shift, signed = part("expression", size)
        mean = mean + shift  # the mean face is that of both models
        expression, labels = common.signed_expressions(signed)
    cells = field(path, content, "shape/representer/cells")
    return common.model_arrays(
        path,
        licence=_LICENCE,
        mean=mean,
        triangles=common.indices(source, "shape/representer/cells", cells, size),
        identity=identity,
        expression=expression,
        names=labels,
    )


_H5_FIELDS = ("mean", "pcaBasis", "pcaVariance")
