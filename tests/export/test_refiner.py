import secrets
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from dagan_tf.export.bless import bless_again
from dagan_tf.export.refiner import Refiner, RefinerError
from dagan_tf.export.versions import ModelNotFoundError, resolve_version
from tests.helpers.tiny_export import export_tiny


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    base = tmp_path_factory.mktemp("base")
    export_tiny(base)
    return base


def test_batches_do_not_change_the_result(base):
    images = np.random.default_rng(0).integers(0, 256, (5, 24, 30, 3)).astype(np.uint8)
    refiner = Refiner.load(base, batch_size=2)
    refined = refiner(images)
    assert refined.dtype == np.uint8
    np.testing.assert_array_equal(refined, Refiner.load(base / "1", batch_size=5)(images))
    np.testing.assert_array_equal(refiner(images[3]), refined[3])
    assert refiner(images[:0]).shape == (0, 24, 30, 3)
    assert (refined != images).any()


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([[1]], "is a list"),
        (np.zeros((1, 8, 8, 3), np.float32), "float32"),
        (np.zeros((8, 8), np.uint8), r"\(8, 8\)"),
        (np.zeros((1, 8, 8, 4), np.uint8), r"\(1, 8, 8, 4\)"),
        (np.zeros((1, 0, 8, 3), np.uint8), r"\(1, 0, 8, 3\)"),
    ],
)
def test_wrong_images_are_named(base, images, message):
    with pytest.raises(RefinerError, match=message):
        Refiner.load(base)(images)


def test_missing_and_damaged_models(tmp_path):
    with pytest.raises(ModelNotFoundError, match="no such folder"):
        Refiner.load(tmp_path / "absent")
    (tmp_path / "1").mkdir()
    (tmp_path / "1/saved_model.pb").write_bytes(b"no protobuf")
    with pytest.raises(RefinerError, match="not a readable SavedModel"):
        Refiner.load(tmp_path)


def test_other_saved_model_is_refused(tmp_path):
    module = tf.Module()
    module.run = tf.function(lambda x: x, input_signature=[tf.TensorSpec((None,), tf.float32)])
    tf.saved_model.save(module, str(tmp_path / "1"), signatures=module.run)
    with pytest.raises(RefinerError, match="serving_default"):
        Refiner.load(tmp_path)


@pytest.mark.slow
def test_label_names_the_weights_not_the_place(base, tmp_path):
    export_tiny(tmp_path)
    assert Refiner.load(base).label == Refiner.load(tmp_path).label
    (tmp_path / "1/export.json").unlink()
    assert str(tmp_path) in Refiner.load(tmp_path).label


@pytest.mark.slow
def test_a_uri_in_place_of_a_folder(base):
    images = np.random.default_rng(0).integers(0, 256, (1, 24, 24, 3)).astype(np.uint8)
    expected = Refiner.load(base)
    np.testing.assert_array_equal(Refiner.load(f"file://{base}")(images), expected(images))
    bucket = f"ram://{secrets.token_hex(4)}/dagan"
    assert str(export_tiny(bucket)) == f"{bucket}/1"
    refiner = Refiner.load(bucket)
    np.testing.assert_array_equal(refiner(images), expected(images))
    assert refiner.source == f"{bucket}/1"
    assert (refiner.label, refiner.image_size) == (expected.label, expected.image_size)
    assert refiner.card.startswith("#")
    assert bless_again(resolve_version(bucket), clean_process=False) < 1e-3
    tf.io.gfile.remove(f"{bucket}/1/export.json")
    assert Refiner.load(bucket).label == f"model {bucket}/1"
