"""dlib's network in TensorFlow: the same numbers, gradients, the same chips."""

import dlib
import numpy as np
import pytest
import tensorflow as tf
from scipy.ndimage import map_coordinates

from dagan_tf.embedders import dlib_graph as face_embedding
from dagan_tf.embedders.dlib_graph import FaceEmbedding
from dagan_tf.embedders.dlib_resnet import CHIP_SIZE, FaceEmbedder, chip_matrix
from dagan_tf.embedders.dlib_weights import read_layers
from dagan_tf.embedders.face_chips import FaceChips
from dagan_tf.errors import DaganError
from dagan_tf.faces.weights import FACE_EMBEDDING, weight_path
from dagan_tf.simulator.fitting.framing import mean_landmarks
from dagan_tf.simulator.head.morphable_model import MorphableModel
from dagan_tf.simulator.simulator import Simulator


@pytest.fixture(scope="module")
def network():
    return FaceEmbedding()


def as_tensor(images):
    return tf.constant(np.asarray(images) / 127.5 - 1.0, tf.float32)


def test_it_is_dlibs_network(network, astronaut):
    noise = np.random.default_rng(0).integers(0, 256, (2, 150, 150, 3), dtype=np.uint8)
    chips = np.stack([np.ascontiguousarray(astronaut[40:190, 150:300]), *noise])
    theirs = dlib.face_recognition_model_v1(str(weight_path(FACE_EMBEDDING)))
    expected = [np.array(theirs.compute_face_descriptor(chip)) for chip in chips]
    found = network(as_tensor(chips)).numpy()
    assert found.shape == (3, 128)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert np.linalg.norm(expected[0] - expected[1]) > 0.1


def test_its_gradient_is_that_of_differences(network, astronaut):
    chip = as_tensor(astronaut[None, 40:190, 150:300])
    weights = tf.random.stateless_normal((128,), seed=(3, 4))

    def value(images):
        return tf.reduce_sum(network(images) * weights)

    with tf.GradientTape() as tape:
        tape.watch(chip)
        answer = value(chip)
    gradient = tape.gradient(answer, chip)
    # Along itself, where it is largest and rounding least; kinks of the network leave some.
    step = 0.01 / tf.norm(gradient) * gradient
    difference = float(value(chip + step) - value(chip - step))
    assert float(tf.reduce_sum(gradient * step)) == pytest.approx(difference / 2, rel=0.03)


def misnamed():
    layers = list(read_layers(weight_path(FACE_EMBEDDING)))
    return [("affine", layers[0][1]), *layers[1:]]


@pytest.mark.parametrize("layers", [lambda: [], lambda: [("con", np.zeros(4))], misnamed])
def test_another_network_is_refused(monkeypatch, layers):
    monkeypatch.setattr(face_embedding, "read_layers", lambda path: iter(layers()))
    with pytest.raises(DaganError, match="not dlib's face recognition network"):
        FaceEmbedding()


@pytest.mark.slow
def test_chips_of_views_are_seen_as_dlib_sees_them(network, astronaut):
    size = 128
    yaws = (-90, -40, 0, 60)
    simulator = Simulator(image_size=size)
    views = [view.image for view in simulator.simulate(astronaut, yaws)]
    chips = FaceChips(size)(as_tensor(views), tf.constant(yaws, tf.float32))
    found = network(chips).numpy()
    embedder = FaceEmbedder()
    expected = np.stack(
        [
            embedder.embed(view, mean_landmarks(simulator.model, yaw, size))
            for view, yaw in zip(views, yaws, strict=True)
        ]
    )
    # The two resample differently; views of one person lie some 0.5 apart, faces of two 0.6.
    assert np.linalg.norm(found - expected, axis=1).max() < 0.15
    wrong = FaceChips(size)(as_tensor(views), tf.constant([0, 90, -60, -30], tf.float32))
    assert np.linalg.norm(network(wrong).numpy() - expected, axis=1).min() > 0.2


def test_chips_are_linear_in_the_image_and_so_is_their_gradient():
    chips = FaceChips(16)
    images, answer = (
        tf.random.stateless_normal(shape, seed=(5, 6))
        for shape in ((2, 16, 16, 3), (2, 150, 150, 3))
    )
    yaws = tf.constant([-37.4, 200.0])  # Beyond a profile: taken for one.
    with tf.GradientTape() as tape:
        tape.watch(images)
        value = tf.reduce_sum(chips(images, yaws) * answer)
    gradient = tape.gradient(value, images)
    assert float(tf.reduce_sum(gradient * images)) == pytest.approx(float(value), rel=1e-4)
    flat = chips(tf.fill((1, 16, 16, 3), 0.25), yaws[:1])
    np.testing.assert_allclose(flat, 0.25, atol=1e-6)


def test_chips_are_cut_bilinearly():
    image = tf.random.stateless_uniform((40, 40, 3), (9, 1), -1, 1)
    matrix = chip_matrix(mean_landmarks(MorphableModel.load(), -62, 40))
    axis = np.arange(CHIP_SIZE)
    places = matrix @ np.stack([*np.meshgrid(axis, axis), np.ones((CHIP_SIZE, CHIP_SIZE))]).reshape(
        3, -1
    )
    expected = np.stack(
        [
            map_coordinates(band, places[::-1], order=1, mode="nearest")
            for band in np.moveaxis(image, 2, 0)
        ],
        axis=-1,
    )
    chip = FaceChips(40)(image[None], tf.constant([-62.3]))[0]
    np.testing.assert_allclose(chip, expected.reshape(chip.shape), atol=1e-3)


def test_moves_shift_what_is_cut_out():
    images = tf.random.stateless_normal((1, 40, 40, 3), seed=(7, 8))
    yaws, chips = tf.constant([90.0]), FaceChips(40)
    moved = chips(images, yaws, tf.constant([[0.05, -0.1, 0.0, 0.0]]))
    # By hand: 2 pixels to the right, 4 up; no edge of the frame in the part looked at.
    expected = chips(tf.roll(images, (4, -2), axis=(1, 2)), yaws)
    np.testing.assert_allclose(moved[:, :140, :140], expected[:, :140, :140], atol=1e-4)
    assert np.abs(moved - chips(images, yaws)).mean() > 0.1


def test_moves_turn_and_scale_about_the_middle_of_the_frame():
    yaws, chips = tf.constant([90.0]), FaceChips(40)
    down, right = np.indices((40, 40)) - 19.5
    ramp = tf.constant(np.stack([right, down, 0 * down], axis=-1)[None], tf.float32)
    inner = slice(30, 120)  # No edge of the frame is seen there.
    still = chips(ramp, yaws)[:, inner, inner]
    turned = chips(ramp, yaws, tf.constant([[0.0, 0.0, 0.0, 0.1]]))[:, inner, inner]
    # On a ramp the chip holds where each of its pixels looks: clockwise, right goes down.
    x, y = still[..., 0], still[..., 1]
    assert float(tf.reduce_max(tf.abs(x))) > 5
    np.testing.assert_allclose(turned[..., 0], x * np.cos(0.1) - y * np.sin(0.1), atol=1e-3)
    np.testing.assert_allclose(turned[..., 1], x * np.sin(0.1) + y * np.cos(0.1), atol=1e-3)
    larger = chips(ramp, yaws, tf.constant([[0.0, 0.0, 0.1, 0.0]]))[:, inner, inner]
    np.testing.assert_allclose(larger, 1.1 * still, atol=1e-3)
