"""ONNX and LiteRT files, run by their own runtimes."""

import hashlib
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from dagan_tf.export import formats as export_formats
from dagan_tf.export.module import ExportError
from dagan_tf.export.versions import list_versions
from tests.helpers.tiny_export import HAS_ONNX, export_tiny

FORMATS = [
    pytest.param("onnx", marks=pytest.mark.skipif(not HAS_ONNX, reason="no tf2onnx, onnxruntime")),
    pytest.param("litert", marks=pytest.mark.skipif(not hasattr(tf, "lite"), reason="no tf.lite")),
]


def _run(path: Path, images: np.ndarray) -> np.ndarray:
    if path.suffix == ".onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        assert [node.name for node in session.get_inputs()] == ["images"]
        assert [node.name for node in session.get_outputs()] == ["refined"]
        return session.run(["refined"], {"images": images})[0]
    interpreter = tf.lite.Interpreter(model_path=str(path))
    (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.resize_tensor_input(source["index"], images.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(source["index"], images)
    interpreter.invoke()
    return interpreter.get_tensor(target["index"])


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", FORMATS)
def test_format_answers_like_the_saved_model(tmp_path, name):
    version = export_tiny(tmp_path, formats=["saved_model", name])
    facts = json.loads((version / "export.json").read_text())
    path = version / facts["formats"][name]["file"]
    # TensorFlow Serving sees the version as it would without the file.
    assert path.parent.name == "assets.extra"
    assert list_versions(tmp_path) == [1]
    signature = tf.saved_model.load(str(version)).signatures["serving_default"]
    for shape in [(2, 24, 24, 3), (1, 25, 38, 3), (3, 3, 5, 3)]:
        images = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
        expected = signature(images=tf.constant(images))["refined"].numpy()
        refined = _run(path, images)
        assert refined.dtype == np.uint8
        assert np.abs(refined.astype(int) - expected).max() <= 1
    assert facts["formats"][name]["checked_with"]
    assert facts["formats"][name]["max_difference"] <= 1
    relative = path.relative_to(version).as_posix()
    assert facts["files"][relative] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert set(facts["files"]) == {
        file.relative_to(version).as_posix()
        for file in version.rglob("*")
        if file.is_file() and file.name != "export.json"
    }
    assert relative in (version / "model_card.md").read_text()


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(tf, "lite"), reason="no tf.lite")
def test_a_file_that_answers_otherwise_is_not_published(tmp_path, monkeypatch):
    convert = export_formats._CONVERTERS["litert"]

    def convert_other(module):
        weights = module.generator.get_weights()
        module.generator.set_weights([weight * 2 for weight in weights])
        data = convert(module)
        module.generator.set_weights(weights)
        return data

    monkeypatch.setitem(export_formats._CONVERTERS, "litert", convert_other)
    with pytest.raises(ExportError, match="the litert file differs from the generator by"):
        export_tiny(tmp_path, formats=["litert"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_converter_that_fails_is_one_line(tmp_path, monkeypatch):
    def fail(_):
        raise RuntimeError("first line\nsecond line")

    monkeypatch.setitem(export_formats._CONVERTERS, "litert", fail)
    with pytest.raises(ExportError, match=r"cannot be converted to litert: first line$"):
        export_tiny(tmp_path, formats=["litert"])


def test_unknown_format_and_missing_converter(tmp_path, monkeypatch):
    with pytest.raises(ExportError, match="'onxx'; expected some of saved_model, onnx, litert"):
        export_tiny(tmp_path, formats=["onxx"])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ExportError, match=r"pip install 'dagan-tf\[onnx\]'"):
        export_tiny(tmp_path, formats=["onnx"])
    assert not (tmp_path / "1").exists()
