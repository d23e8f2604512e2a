"""Exports as TensorFlow Serving loads them: in TensorFlow's C++ session loader."""

import os
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import tensorflow as tf

from dagan_tf.config.settings import GeneratorConfig
from dagan_tf.core.keras_compat import dtype_policy
from dagan_tf.export.refiner import Refiner
from dagan_tf.export.session import Session, SessionError
from dagan_tf.export.signatures import read_signature_defs
from dagan_tf.export.write import export_model_dir
from dagan_tf.gan.generator import build_generator
from dagan_tf.pretrained.card import read_card
from tests.helpers.tiny_export import STRIDE, export_tiny, tiny_generator


def _reduced():
    config = GeneratorConfig(filters=4, blocks=1, input_skip=True, downsample=STRIDE)
    with dtype_policy("mixed_bfloat16"):
        reduced = build_generator(config)
    reduced.set_weights(tiny_generator().get_weights())
    return reduced


_FORMS = {
    "plain": lambda: {},
    "average": lambda: {"average": ["mirror", "shift"]},
    "bfloat16": lambda: {"reduced": _reduced()},
    "bfloat16 average": lambda: {"reduced": _reduced(), "average": ["mirror"]},
}


def _images(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)


class _Signature:
    """A signature of an export, run by a session."""

    def __init__(self, version: Path, name: str, session: Session) -> None:
        definition = read_signature_defs(version)[name]
        ((_, source),) = definition.inputs.items()
        ((_, target),) = definition.outputs.items()
        self._names, self._session = (source.name, target.name), session

    def __call__(self, value: np.ndarray) -> np.ndarray:
        return self._session.run({self._names[0]: value}, [self._names[1]])[0]


@pytest.mark.slow
def test_the_refiner_in_the_box_answers_as_in_python(tmp_path):
    version = os.fspath(export_model_dir("pretrained", tmp_path, clean_process=False))
    size = read_card().image_size
    # Of noise it changes next to nothing (no skin), of a face in everyday light a little.
    face = skimage.data.astronaut()[:size, 112 : 112 + size]
    images = np.stack([face, *_images(1, size, size, 3)])
    found = _Signature(Path(version), "serving_default", Session(version))(images)
    np.testing.assert_allclose(found.astype(int), Refiner.pretrained()(images), atol=1)
    # Well beyond the tolerance: an export that returned its input would not agree.
    assert np.abs(found[0].astype(int) - face).max() > 4


@pytest.mark.slow
@pytest.mark.parametrize("form", _FORMS)
def test_every_form_of_export_answers_as_in_python(tmp_path, form):
    version = export_tiny(tmp_path, **_FORMS[form]())
    signatures = tf.saved_model.load(os.fspath(version)).signatures
    session = Session(os.fspath(version))
    images = _images(2, 24, 20, 3)
    expected = signatures["serving_default"](images=tf.constant(images))["refined"].numpy()
    found = _Signature(version, "serving_default", session)(images)
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - expected).max() <= 1
    assert (found != images).mean() > 0.5
    floats = (images / 127.5 - 1).astype(np.float32)
    expected = signatures["float"](images=tf.constant(floats))["refined"].numpy()
    found = _Signature(version, "float", session)(floats)
    np.testing.assert_allclose(found, expected, atol=0.02 if "bfloat16" in form else 1e-5)
    files = np.array([tf.io.encode_png(image).numpy() for image in images], object)
    expected = signatures["encoded"](image_bytes=tf.constant(files))["refined_bytes"].numpy()
    found = _Signature(version, "encoded", session)(files)
    assert found.shape == (2,)
    for mine, theirs in zip(found, expected, strict=True):
        ours = tf.io.decode_png(mine).numpy().astype(int)
        assert np.abs(ours - tf.io.decode_png(theirs).numpy()).max() <= 1


def test_weights_are_stored_once(tmp_path):
    version = export_tiny(tmp_path, average=["mirror"])
    shapes = tf.train.load_checkpoint(os.fspath(version / "variables/variables"))
    sizes = [np.prod(shape) for shape in shapes.get_variable_to_shape_map().values() if shape]
    assert sum(sizes) == sum(weight.size for weight in tiny_generator().get_weights())


@pytest.fixture(scope="module")
def version(tmp_path_factory) -> Path:
    return export_tiny(tmp_path_factory.mktemp("base"))


@pytest.mark.parametrize(
    ("signature", "value", "message"),
    [
        ("serving_default", np.zeros((1, 8, 8, 3), np.float32), "uint8 but float is provided"),
        ("serving_default", np.zeros((8, 8, 3), np.uint8), "rank should be 4 instead of 3"),
        ("serving_default", np.zeros((0, 8, 8, 3), np.uint8), "no images, or images of no"),
        ("encoded", np.array([b"x"], object), "Unknown image file format"),
        ("encoded", np.array([], object), "no images, or images of no"),
    ],
)
def test_what_a_session_refuses_is_said_with_its_code(version, signature, value, message):
    refine = _Signature(version, signature, Session(os.fspath(version)))
    with pytest.raises(SessionError, match=message) as caught:
        refine(value)
    assert caught.value.code == "INVALID_ARGUMENT"


def test_no_saved_model_and_no_such_tensor_are_not_found(version, tmp_path):
    with pytest.raises(SessionError, match="Could not find SavedModel") as caught:
        Session(os.fspath(tmp_path))
    assert caught.value.code == "NOT_FOUND"
    with pytest.raises(SessionError, match="no operation 'absent'"):
        Session(os.fspath(version)).tensor("absent:0")
