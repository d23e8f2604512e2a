"""TFLite files as Keras models: made-up ones of a few layers, and MobileFaceNet where it is."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from dagan_tf.core.keras_compat import dtype_policy
from dagan_tf.embedders.mobilefacenet import MobileFaceNet, align_five_points
from dagan_tf.embedders.tflite_network import read_tflite
from dagan_tf.errors import DaganError
from dagan_tf.faces.face import FaceFinder
from dagan_tf.faces.photo_io import read_photo


class Net(tf.Module):
    """Convolutions as MobileFaceNet's file has them: the parametric rectifier in five steps."""

    def __init__(self, *, fused):
        rng = np.random.default_rng(0)
        self.kernel = rng.normal(size=(3, 3, 3, 4)).astype(np.float32)
        self.depthwise = rng.normal(size=(3, 3, 4, 1)).astype(np.float32)
        self.last = rng.normal(size=(4, 4, 4, 5)).astype(np.float32)
        self.slopes = np.array([0.1, 0.2, -0.3, 0.4], np.float32)
        self.fused = fused

    @tf.function(input_signature=[tf.TensorSpec((2, 8, 8, 3), tf.float32)])
    def __call__(self, images):
        x = tf.nn.conv2d(images, self.kernel, 1, "SAME") + np.float32([0.5, 0, -0.5, 1])
        leak = 0.0 if self.fused else self.slopes * (x - tf.abs(x))
        x = tf.nn.relu(x) + leak
        y = tf.nn.depthwise_conv2d(x, self.depthwise, (1, 2, 2, 1), "SAME")
        y = y + tf.nn.depthwise_conv2d(x, 0.3 * self.depthwise, (1, 2, 2, 1), "SAME")
        return tf.reshape(tf.nn.conv2d(y, self.last, 1, "VALID"), (2, 5))


def write(path, *, fused=False):
    net = Net(fused=fused)
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [net.__call__.get_concrete_function()], net
    )
    path.write_bytes(converter.convert())
    return net


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    path = tmp_path_factory.mktemp("tflite") / "net.tflite"
    return path, write(path)


def test_the_model_computes_what_the_graph_did_and_all_of_it_can_be_trained(made):
    path, net = made
    model = read_tflite(path, input_scale=0.5)
    images = np.random.default_rng(1).normal(size=(2, 8, 8, 3)).astype(np.float32)
    np.testing.assert_allclose(model(images), net(0.5 * images), rtol=1e-4, atol=1e-4)
    # Any number of images, and no weight that the loss does not reach.
    assert model.output_shape == (None, 5)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(images[:1]) ** 2)
    gradients = tape.gradient(loss, model.trainable_variables)
    assert all(float(tf.reduce_max(tf.abs(gradient))) > 0 for gradient in gradients)
    (slopes,) = (layer for layer in model.layers if isinstance(layer, keras.layers.PReLU))
    np.testing.assert_allclose(np.ravel(slopes.get_weights()[0]), 2 * net.slopes, rtol=1e-6)


def test_in_lower_precision_it_is_still_read(made):
    path, net = made
    with dtype_policy("mixed_bfloat16"):
        model = read_tflite(path)
    images = np.random.default_rng(1).normal(size=(2, 8, 8, 3)).astype(np.float32)
    found = model(images)
    assert found.dtype == tf.bfloat16
    wanted = net(images)
    assert not np.allclose(tf.cast(found, tf.float32), wanted, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(tf.cast(found, tf.float32), wanted, rtol=0.05, atol=0.5)


def test_what_the_list_of_operations_does_not_tell_is_noticed(tmp_path):
    write(tmp_path / "fused.tflite", fused=True)
    with pytest.raises(DaganError, match=r"fused\.tflite: rebuilt, its outputs differ by"):
        read_tflite(tmp_path / "fused.tflite")


def test_files_that_are_none_are_named(tmp_path):
    with pytest.raises(DaganError, match=r"none\.tflite: no such file"):
        read_tflite(tmp_path / "none.tflite")
    (tmp_path / "text.tflite").write_text("text")
    with pytest.raises(DaganError, match=r"text\.tflite: not a TFLite file"):
        read_tflite(tmp_path / "text.tflite")


@pytest.mark.slow
def test_mobilefacenet_embeds_as_its_file_does(models_dir, frll_dir):
    file = models_dir / "mobilefacenet" / "MobileFaceNet.tflite"
    model = read_tflite(file, input_scale=127.5 / 128)
    finder, interpreted = FaceFinder(), MobileFaceNet(file)
    for view in ("neutral_front", "smiling_left_3quarter"):
        photo = read_photo(sorted((frll_dir / view).glob("*.jpg"))[0])
        landmarks = finder.find_one(photo).landmarks
        chip = align_five_points(photo, landmarks).astype(np.float32)
        found = np.asarray(model(chip[None] / 127.5 - 1.0))[0]
        wanted = interpreted.embed(photo, landmarks)
        np.testing.assert_allclose(found / np.linalg.norm(found), wanted, atol=1e-4)
