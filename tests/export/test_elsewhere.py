"""The SavedModel inside other people's TensorFlow."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from dagan_tf.core.keras_compat import KERAS_3
from dagan_tf.export.refiner import Refiner
from tests.helpers.tiny_export import export_tiny

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def version(tmp_path_factory) -> Path:
    return export_tiny(tmp_path_factory.mktemp("base"))


def _images(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)


@pytest.mark.skipif(not KERAS_3, reason="TFSMLayer is of Keras 3")
def test_as_a_layer_of_another_keras_model(version):
    images = keras.Input((None, None, 3), dtype="float32")
    refine = keras.layers.TFSMLayer(str(version), call_endpoint="float", trainable=False)
    brightness = keras.layers.GlobalAveragePooling2D()(refine(images)["refined"])
    model = keras.Model(images, keras.layers.Dense(2)(brightness))
    floats = _images(3, 24, 28, 3) / np.float32(127.5) - np.float32(1)
    answer = model.predict(floats, verbose=0)
    refined = tf.saved_model.load(str(version)).signatures["float"](images=tf.constant(floats))
    kernel, bias = model.layers[-1].get_weights()
    expected = refined["refined"].numpy().mean(axis=(1, 2)) @ kernel + bias
    np.testing.assert_allclose(answer, expected, atol=1e-5)
    # The other model can be trained; the refiner in it, not trainable, stays as it is.
    model.compile("sgd", "mse")
    model.fit(floats, np.ones((3, 2)), verbose=0)
    assert np.abs(model.predict(floats, verbose=0) - answer).max() > 1e-6
    again = refine(tf.constant(floats))["refined"]
    np.testing.assert_array_equal(again, refined["refined"])


def test_in_a_dataset_map(version):
    images = _images(5, 24, 24, 3)
    model = tf.saved_model.load(str(version))
    refine = model.signatures["serving_default"]
    dataset = (
        tf.data.Dataset.from_tensor_slices(images)
        .batch(2)
        .map(lambda batch: refine(images=batch)["refined"], num_parallel_calls=2)
        .unbatch()
    )
    refined = np.stack(list(dataset.as_numpy_iterator()))
    np.testing.assert_array_equal(refined, Refiner.load(version)(images))
