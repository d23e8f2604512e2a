"""Ears are the photo's own in its pose and take the skin's colours, shaded, when it is turned."""

from dataclasses import replace

import numpy as np
import pytest

from dagan_tf.simulator.head.mesh import Mesh
from dagan_tf.simulator.head.morphable_model import MorphableModel
from dagan_tf.simulator.head.regions import head_regions
from dagan_tf.simulator.render import shading
from dagan_tf.simulator.render.camera import Camera, Pose, rotation_matrix
from dagan_tf.simulator.scene.ear_texture import ear_maker
from dagan_tf.simulator.scene.lighting import LUMA

GAIN = slice(shading.GAIN, shading.GAIN + 3)


@pytest.fixture(scope="module")
def model() -> MorphableModel:
    return MorphableModel.load()


@pytest.fixture(scope="module")
def maker(model):
    mesh = Mesh(model.mean, model.triangles)
    return ear_maker(model, mesh, head_regions(model.mean, model.landmark_vertices))


def read(model, maker, brightest, shown=True):
    camera = Camera(100.0, rotation_matrix(Pose(0.0)), np.array([150.0, 150.0]))
    photo = np.full((300, 300), shown)
    return maker.read(model.mean, camera, photo, brightest), camera


@pytest.fixture
def head(model):
    values = np.zeros((len(model.mean), shading.COLUMNS), np.float32)
    values[:, [shading.TRUST, shading.COVER]] = 1.0
    values[:, shading.RED : shading.BLUE + 1] = (180, 140, 120)
    values[:, GAIN] = 1.0
    return values


def test_in_the_photo_s_pose_ears_are_shown_unchanged(model, maker, head):
    ears, camera = read(model, maker, 200.0)
    out = ears.values(head, 0.0)
    assert len(out) == len(model.mean) + 2 * len(model.ear.places)
    np.testing.assert_allclose(out[:, shading.TRUST], 1.0, rtol=1e-5)
    np.testing.assert_allclose(out[:, GAIN], 1.0, rtol=1e-5)
    places = camera.project(ears.laid.vertices(model.mean))[:, :2]
    np.testing.assert_allclose(out[:, [shading.X, shading.Y]], places, atol=1e-3)


def test_beyond_the_photo_s_edge_ears_are_filled(model, maker, head):
    out = read(model, maker, 200.0, shown=False)[0].values(head, 0.0)
    assert out[len(head) :, shading.TRUST].max() == 0.0


def test_turned_ears_are_filled_and_shaded_redder_in_hollows(model, maker, head):
    out = read(model, maker, 1000.0)[0].values(head, 1.0)
    patches = out[len(head) :]
    assert patches[:, shading.TRUST].max() == 0.0
    assert out[: len(head), shading.TRUST].mean() > 0.5
    dark = np.tile(model.ear.light, 2) < 0.4
    assert dark.any()
    assert (patches[dark][:, GAIN] < 0.75).all()
    assert (patches[dark][:, shading.GAIN] > patches[dark][:, shading.GAIN + 2]).all()


def test_at_its_rim_a_patch_has_the_hair_that_it_lies_on(model, maker, head):
    head[:, shading.HAIR] = 1.0
    ears = read(model, maker, 1000.0)[0]
    out = ears.values(head, 1.0)[len(head) :]
    rim, inner = ears.laid.own == 0.0, ears.laid.own == 1.0
    assert out[rim, shading.HAIR].min() > 0.99
    assert out[inner, shading.HAIR].max() == 0.0
    # Without the light of the ear's folds.
    gain = out[rim][:, GAIN]
    np.testing.assert_allclose(gain, gain[:, :1].repeat(3, 1), rtol=1e-5)


def test_gloss_does_not_turn_bright_skin_white(model, maker, head):
    held = read(model, maker, 150.0)[0].values(head, 1.0)[len(head) :]
    brightness = (held[:, shading.RED : shading.BLUE + 1] * held[:, GAIN]) @ LUMA
    assert brightness.max() < 1.1 * 150


def test_ears_shade_the_head_behind_them_only(model, maker, head):
    out = read(model, maker, 1000.0)[0].values(head, 1.0)[: len(head)]
    face = model.mean[:, 2] > model.mean[model.landmark_vertices[[0, 16]], 2].mean() + 0.3
    assert out[face, shading.GAIN].min() > 0.97
    assert 0.15 < out[:, shading.GAIN].min() < 0.8


def test_a_model_without_the_patch_keeps_its_ears(model):
    bare = replace(model, ear=None)
    mesh = Mesh(bare.mean, bare.triangles)
    assert ear_maker(bare, mesh, head_regions(bare.mean, bare.landmark_vertices)) is None
