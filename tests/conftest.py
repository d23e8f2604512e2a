"""Fixtures shared by all tests, and two logical CPU devices for the distribution tests.

TensorFlow lets devices be split only before its first operation, so it happens here.
"""

import gc
import os
import shutil
from collections import Counter
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import settings
from PIL import Image

# How long an example takes says how busy the machine is.
settings.register_profile("dagan_tf", deadline=None)
settings.load_profile("dagan_tf")

if not tf.config.list_physical_devices("GPU"):
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0],
        [tf.config.LogicalDeviceConfiguration()] * 2,
    )

# TensorFlow's own objects need not be searched for garbage each time.
gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with the most slow tests first, so that no process is alone with one at the end."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])


def _optional_folder(variable: str) -> Path:
    folder = os.environ.get(variable)
    if not folder or not Path(folder).is_dir():
        pytest.skip(f"{variable} names no folder")
    return Path(folder)


@pytest.fixture(scope="session")
def frll_dir() -> Path:
    """The Face Research Lab London Set (CC BY 4.0); kept beside the project, never in it."""
    return _optional_folder("DAGAN_FRLL_DIR")


@pytest.fixture(scope="session")
def models_dir() -> Path:
    """Folder with `ict_facekit_light/` (MIT) and `mobilefacenet/`; kept beside the project."""
    return _optional_folder("DAGAN_MODELS_DIR")


@pytest.fixture(scope="session")
def astronaut() -> np.ndarray:
    """NASA's portrait of Eileen Collins, public domain, as scikit-image ships it: (512, 512, 3)."""
    data = pytest.importorskip("skimage.data")
    return data.astronaut()


@pytest.fixture(scope="session")
def telephone_photos(tmp_path_factory, astronaut) -> dict[str, Path]:
    """Her face, 256 pixels a side, as a PNG and as telephones write it, by suffix.

    The HEIC is a file, since nothing that the tests install encodes it; pillow-heif did, from the
    same pixels (quality 60).
    """
    folder = tmp_path_factory.mktemp("telephone")
    files = {suffix: folder / f"{suffix}_1.{suffix}" for suffix in ("png", "heic", "avif")}
    face = Image.fromarray(astronaut[:256, 96:352])
    face.save(files["png"])
    face.save(files["avif"], quality=80)
    shutil.copy(Path(__file__).parent / "helpers" / "portrait.heic", files["heic"])
    return files
