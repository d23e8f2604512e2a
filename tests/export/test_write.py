import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from dagan_tf.config.settings import Config, DataConfig, GeneratorConfig
from dagan_tf.core.files import writing_to
from dagan_tf.errors import DaganError
from dagan_tf.export import write as export
from dagan_tf.export.self_ensemble import self_ensemble
from dagan_tf.service.server.served_model import ServedModel
from tests.helpers.tiny_export import HAS_ONNX, IMAGE_SIZE, STRIDE, export_tiny, tiny_generator

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def version(tmp_path_factory) -> Path:
    return export_tiny(
        tmp_path_factory.mktemp("base"),
        config={"seed": 3},
        metrics={"step": 7, "convergence": 0.125},
        training_data="Noise.",
    )


@pytest.fixture(scope="module")
def signatures(version):
    model = tf.saved_model.load(str(version))
    return model.signatures


def _images(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)


def _expected(images: np.ndarray) -> np.ndarray:
    """The generator by hand: mirror up to the stride at the ends, refine, cut, round."""
    height, width = images.shape[1:3]
    pad = [(0, 0), (0, -height % STRIDE), (0, -width % STRIDE), (0, 0)]
    padded = np.pad(images, pad, mode="reflect") / np.float32(127.5) - 1
    refined = tiny_generator()(padded.astype(np.float32)).numpy()[:, :height, :width]
    return (np.clip(refined, -1, 1) + 1) * 127.5


@pytest.mark.parametrize("shape", [(2, 24, 24, 3), (3, 25, 38, 3), (1, 3, 70, 3), (1, 1, 2, 3)])
def test_uint8_signature_of_any_shape(signatures, shape):
    images = _images(*shape)
    refined = signatures["serving_default"](images=tf.constant(images))["refined"].numpy()
    assert refined.dtype == np.uint8
    assert refined.shape == shape
    # 0.5 for rounding, a little for float32.
    assert np.abs(refined - _expected(images)).max() < 0.51
    assert (refined != images).mean() > 0.5


def test_a_smooth_generator_serves_any_shape_too(tmp_path):
    generator = tiny_generator(smooth=True)
    path = export.export_generator(
        generator, tmp_path, image_size=IMAGE_SIZE, stride=STRIDE, clean_process=False
    )
    serve = tf.saved_model.load(path).signatures["serving_default"]
    for shape in ((2, 24, 24, 3), (1, 36, 20, 3)):
        images = _images(*shape)
        refined = serve(images=tf.constant(images))["refined"].numpy()
        by_hand = generator(images / np.float32(127.5) - 1).numpy()
        assert np.abs(refined - (np.clip(by_hand, -1, 1) + 1) * 127.5).max() < 0.51
        assert (refined != images).mean() > 0.5


def test_float_signature_is_clipped(signatures):
    images = _images(2, 24, 32, 3)
    floats = tf.constant(images / np.float32(127.5) - np.float32(1))
    raw = tiny_generator()(floats).numpy()
    assert np.abs(raw).max() > 1.05  # Else this test proves nothing.
    refined = signatures["float"](images=floats)["refined"].numpy()
    np.testing.assert_allclose(refined, np.clip(raw, -1, 1), atol=1e-6)


def test_encoded_signature_mixes_formats_and_sizes(signatures):
    rgb = _images(IMAGE_SIZE, IMAGE_SIZE, 3)
    rgba = np.concatenate([rgb, np.full_like(rgb[..., :1], 9)], axis=-1)
    grey = _images(IMAGE_SIZE, IMAGE_SIZE, 1)
    # Stripes left and right of a square that is an exact double: cut, then halved.
    wide = np.pad(np.full((48, 48, 3), 60, np.uint8), [(0, 0), (8, 8), (0, 0)], constant_values=255)
    encoded = [tf.io.encode_png(image) for image in (rgb, rgba, grey, wide)]
    encoded.append(tf.io.encode_jpeg(np.full((IMAGE_SIZE, IMAGE_SIZE, 3), 60, np.uint8)))
    answer = signatures["encoded"](image_bytes=tf.stack(encoded))["refined_bytes"]
    decoded = [tf.io.decode_png(data).numpy() for data in answer]

    flat = np.full((IMAGE_SIZE, IMAGE_SIZE, 3), 60, np.uint8)
    inputs = np.stack([rgb, rgb, np.repeat(grey, 3, axis=-1), flat, flat])
    expected = signatures["serving_default"](images=tf.constant(inputs))["refined"].numpy()
    np.testing.assert_array_equal(np.stack(decoded), expected)


def test_encoded_signature_refuses_what_is_no_image(signatures):
    with pytest.raises(tf.errors.InvalidArgumentError):
        signatures["encoded"](image_bytes=tf.constant([b"no image"]))


@pytest.mark.parametrize("shape", [(0, 24, 24, 3), (1, 0, 24, 3), (1, 24, 0, 3)])
def test_empty_input_is_named(signatures, shape):
    with pytest.raises(tf.errors.InvalidArgumentError, match="no images, or images of no height"):
        signatures["serving_default"](images=tf.zeros(shape, tf.uint8))


def test_facts_and_card(version):
    facts = json.loads((version / "export.json").read_text())
    weights = tiny_generator().get_weights()
    digest = hashlib.sha256()
    for weight in weights:
        digest.update(f"<f4{weight.shape}".encode() + weight.tobytes())
    assert facts["variables_sha256"] == digest.hexdigest()
    assert facts["parameters"] == sum(weight.size for weight in weights)
    assert facts["max_difference_to_generator"] < 1e-5
    assert facts["config"] == {"seed": 3}
    assert facts["metrics"] == {"step": 7, "convergence": 0.125}
    card = (version / "model_card.md").read_text()
    assert "| convergence | 0.125 |" in card
    assert "Noise." in card
    assert "not stated by whoever exported" in card  # The licence.


def test_warmup_records_replay(version):
    records = list(
        tf.data.TFRecordDataset(str(version / "assets.extra/tf_serving_warmup_requests"))
    )
    model = ServedModel(version, name="dagan", version=1)
    shapes = {}
    for record in records:
        log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
        response = model.predict(log.predict_log.request)
        (output,) = response.outputs.values()
        shapes[response.model_spec.signature_name] = tf.make_ndarray(output).shape
    square = (1, IMAGE_SIZE, IMAGE_SIZE, 3)
    assert shapes == {"serving_default": square, "float": square, "encoded": (1,)}


@pytest.mark.slow
def test_loads_where_only_tensorflow_is_installed(version, tmp_path):
    # Stands for a clean environment: the packages a SavedModel must not need cannot be imported.
    program = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("dagan_tf", "tensorflow_serving", "trainer", "serving"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
import runpy
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
    command = [sys.executable, "-c", program, str(ROOT / "benchmarks/clean_load.py"), str(version)]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "serving_default uint8 (2, 40, 56, 3)",
        "float float32 (2, 40, 56, 3)",
        "encoded string [(24, 24, 3), (24, 24, 3)]",
    ]


def test_failed_check_publishes_nothing(tmp_path, monkeypatch):
    save = export.ExportModule.save

    def save_other_weights(module, folder):
        generator = module.generator
        module.generator = tiny_generator()
        module.generator.set_weights([weight + 0.1 for weight in generator.get_weights()])
        save(module, folder)
        module.generator = generator

    monkeypatch.setattr(export.ExportModule, "save", save_other_weights)
    with pytest.raises(export.ExportError, match=r"differs from the generator by [\d.]+; expected"):
        export_tiny(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nan_weights_are_not_published(tmp_path):
    generator = tiny_generator()
    generator.set_weights([weight * np.nan for weight in generator.get_weights()])
    with pytest.raises(export.ExportError, match="expected finite"):
        export.export_generator(
            generator, tmp_path, image_size=IMAGE_SIZE, stride=STRIDE, clean_process=False
        )
    assert list(tmp_path.iterdir()) == []


def test_generator_of_fixed_size_is_refused(tmp_path):
    images = keras.Input((24, 24, 3), name="images")
    generator = keras.Model(images, keras.layers.Conv2D(3, 1)(images))
    with pytest.raises(export.ExportError, match=r"\(None, 24, 24, 3\)"):
        export.export_generator(generator, tmp_path, image_size=24)


def write_run(folder, **sizes):
    folder.mkdir()
    data, generator = DataConfig(image_size=IMAGE_SIZE), GeneratorConfig(downsample=STRIDE, **sizes)
    Config(name="mine", data=data, generator=generator).save(folder / "config.yaml")
    # The run was killed while it wrote its last line.
    (folder / "metrics.jsonl").write_text('{"step": 1}\n{"step": 2, "k": 0.5}\n{"step": 3, "k"')
    return folder


@pytest.mark.parametrize("ema", [True, False])
def test_model_dir_is_exported_with_its_settings_and_last_metrics(tmp_path, monkeypatch, ema):
    asked = []

    def load_generator(model_dir, ema):
        asked.append((model_dir, ema))
        return tiny_generator()

    monkeypatch.setattr(export, "load_generator", load_generator)
    run = write_run(tmp_path / "run")
    version = export.export_model_dir(
        run, tmp_path / "out", ema=ema, licence="MIT", clean_process=False
    )
    assert asked == [(run, ema)]
    facts = json.loads((version / "export.json").read_text())
    assert facts["metrics"] == {"step": 2, "k": 0.5}
    assert facts["config"]["name"] == "mine"
    assert (facts["image_size"], facts["stride"]) == (IMAGE_SIZE, STRIDE)
    assert facts["licence"] == "MIT"
    assert facts["average"] == []
    assert "the mean over" not in (version / "model_card.md").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("average", [["mirror"], ["mirror", "shift"]])
def test_the_mean_is_exported_in_every_format(tmp_path, monkeypatch, average):
    formats = ["onnx", "litert"] if HAS_ONNX else ["litert"]
    generator = tiny_generator()
    monkeypatch.setattr(export, "load_generator", lambda model_dir, ema: generator)
    version = export.export_model_dir(
        write_run(tmp_path / "run"),
        tmp_path / "out",
        average=average,
        formats=formats,
        clean_process=False,
    )
    images = np.random.default_rng(0).uniform(-1, 1, (2, 16, 24, 3)).astype(np.float32)
    mean = np.asarray(self_ensemble(generator, average)(images))
    assert np.abs(mean - np.asarray(generator(images))).max() > 0.01
    served = tf.saved_model.load(str(version)).signatures["float"](images=tf.constant(images))
    np.testing.assert_allclose(served["refined"], np.clip(mean, -1, 1), atol=1e-5)
    facts = json.loads((version / "export.json").read_text())
    assert facts["average"] == average
    assert facts["parameters"] == generator.count_params()
    assert set(facts["formats"]) == set(formats)
    said = ", unmoved and moved by 1, 2 and 3 pixels" if "shift" in average else ""
    card = (version / "model_card.md").read_text()
    assert f"the mean over an image and its mirror image{said}; largest" in card


@pytest.mark.slow
def test_the_mean_is_exported_in_bfloat16_too(tmp_path, monkeypatch):
    generator = tiny_generator()
    monkeypatch.setattr(export, "load_generator", lambda model_dir, ema: generator)
    run = write_run(tmp_path / "run", filters=4, blocks=1, input_skip=True)
    version = export.export_model_dir(
        run,
        tmp_path / "out",
        average=["mirror", "shift"],
        precision="bfloat16",
        clean_process=False,
    )
    images = np.random.default_rng(0).uniform(-1, 1, (2, 16, 24, 3)).astype(np.float32)
    serve = tf.saved_model.load(str(version)).signatures["float"]
    answer = serve(images=tf.constant(images))["refined"]
    turned = serve(images=tf.constant(images[:, :, ::-1]))["refined"]
    np.testing.assert_allclose(turned[:, :, ::-1], answer, atol=0.02)
    mean = np.clip(self_ensemble(generator, ["mirror", "shift"])(images), -1, 1)
    np.testing.assert_allclose(answer, mean, atol=0.05)
    for fewer in ([], ["mirror"], ["shift"]):
        assert np.abs(np.clip(self_ensemble(generator, fewer)(images), -1, 1) - mean).max() > 0.1


def test_an_average_over_something_else_is_refused_before_anything_is_read(tmp_path):
    run = write_run(tmp_path / "run")
    with pytest.raises(DaganError, match="'rotate'; expected of mirror, shift"):
        export.export_model_dir(run, tmp_path / "out", average=["mirror", "rotate"])
    with pytest.raises(DaganError, match="'mirror' twice"):
        export.export_model_dir(run, tmp_path / "out", average=["mirror", "mirror"])
    assert not (tmp_path / "out").exists()


def test_model_dir_without_a_run(tmp_path):
    with pytest.raises(export.ExportError, match=r"config\.yaml"):
        export.export_model_dir(tmp_path, tmp_path / "out")


def test_a_second_exporter_is_refused(tmp_path):
    with writing_to(tmp_path), pytest.raises(DaganError, match="another process is writing"):
        export_tiny(tmp_path)
    assert not list(tmp_path.iterdir())
