"""Finds the dlib weights that the pip package `face-recognition-models` carries."""

import importlib.util
from pathlib import Path

from dagan_tf.errors import DaganError

LANDMARKS_68 = "shape_predictor_68_face_landmarks.dat"
LANDMARKS_5 = "shape_predictor_5_face_landmarks.dat"
FACE_DETECTOR_CNN = "mmod_human_face_detector.dat"
FACE_EMBEDDING = "dlib_face_recognition_resnet_model_v1.dat"

_PACKAGE = "face_recognition_models"


def weight_path(name: str) -> Path:
    """Returns the path of one weight file.

    The package is located, not imported: importing it needs `pkg_resources`, which setuptools 81
    and later no longer have.

    Args:
        name: File name, such as `LANDMARKS_68`.

    Raises:
        DaganError: The package, or that file in it, is not installed.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    folders = list(spec.submodule_search_locations or ()) if spec else []
    if not folders:
        raise DaganError(
            f"{name} not found: the package face-recognition-models is not installed "
            "(pip install face-recognition-models)"
        )
    for folder in folders:
        path = Path(folder) / "models" / name
        if path.is_file():
            return path
    raise DaganError(
        f"{Path(folders[0]) / 'models' / name} does not exist: reinstall face-recognition-models"
    )
