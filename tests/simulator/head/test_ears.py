"""The packaged ear lies on the head where its own was, and moves with it."""

import numpy as np
import pytest

from dagan_tf.simulator.head.ears import LaidEars
from dagan_tf.simulator.head.mesh import Mesh
from dagan_tf.simulator.head.morphable_model import MorphableModel
from dagan_tf.simulator.head.regions import head_regions


@pytest.fixture(scope="module")
def model() -> MorphableModel:
    return MorphableModel.load()


@pytest.fixture(scope="module")
def regions(model):
    return head_regions(model.mean, model.landmark_vertices)


@pytest.fixture(scope="module")
def laid(model, regions) -> LaidEars:
    mesh = Mesh(model.mean, model.triangles)
    return LaidEars(model.ear, model.mean, mesh, model.mirror, model.landmark_vertices, regions)


def test_own_ears_are_drawn_flat_and_nothing_else(model, laid):
    flat = laid.flattened(model.mean)
    others = np.setdiff1d(np.arange(len(flat)), laid.flat)
    np.testing.assert_array_equal(flat[others], model.mean[others])
    assert np.abs(model.mean[:, 0]).max() > 1.1 * np.abs(flat[:, 0]).max()
    # No triangle is folded over, seen from the side.
    inner = np.isin(model.triangles, laid.flat).all(axis=1)
    assert (Mesh(flat, model.triangles).normals(flat)[laid.flat, 0] * flat[laid.flat, 0] > 0).all()
    assert inner.sum() > 500


def test_patches_stand_off_the_skin_and_end_under_it(model, laid, regions):
    count = len(model.ear.places)
    patches = laid.vertices(model.mean)[len(model.mean) :]
    np.testing.assert_allclose(patches[:count, 0], -patches[count:, 0], atol=1e-4)
    np.testing.assert_allclose(patches[:count, 1:], patches[count:, 1:], atol=1e-4)
    off = patches[:count, 0] - laid.fastened(laid.flattened(model.mean))[:count, 0]
    np.testing.assert_allclose(off, regions.height * model.ear.places[:, 2], atol=1e-4)
    ends = model.ear.triangles
    edges = np.sort(ends[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    each, uses = np.unique(edges, axis=0, return_counts=True)
    rim = np.unique(each[uses == 1])
    assert (off[rim] < 0).mean() > 0.95
    assert 0.1 * regions.height < off.max() < 0.25 * regions.height


def test_patches_face_outwards(model, laid):
    whole = laid.vertices(model.mean)
    normals = Mesh(whole, laid.triangles).normals(whole)[len(model.mean) :]
    lies = model.ear.places[:, 2] > 0.03
    count = len(lies)
    assert normals[:count][lies, 0].mean() > 0.3
    assert normals[count:][lies, 0].mean() < -0.3


def test_ears_move_and_stand_off_with_the_head(model, laid):
    size = len(model.mean)
    step = np.float32([0.0, 0.1, -0.2])
    before = laid.vertices(model.mean)[size:]
    moved = laid.vertices(model.mean + step)[size:]
    np.testing.assert_allclose(moved, before + step, atol=1e-4)
    wider = model.mean.copy()
    around = laid.flattened(wider)
    wider[laid.flat, 0] = around[laid.flat, 0] + 1.2 * (wider - around)[laid.flat, 0]
    off = [
        laid.vertices(head)[size:, 0] - laid.fastened(around)[:, 0] for head in (model.mean, wider)
    ]
    np.testing.assert_allclose(off[1], 1.2 * off[0], atol=2e-3)


def test_nothing_of_an_ear_s_back_shows_beyond_it_in_profile(model, laid):
    vertices = laid.vertices(model.mean)[len(model.mean) :]
    left = vertices[: len(vertices) // 2]
    stands_off = model.ear.places[:, 2] > 0.05
    assert left[:, 2].min() > left[stands_off, 2].min() - 1e-4
    # Nor below it, behind the lobe.
    behind = left[:, 2] < np.median(left[:, 2])
    assert left[behind, 1].min() > left[stands_off, 1].min() - 1e-4


def test_a_patch_is_the_ear_s_own_but_at_its_rim(model, laid):
    assert laid.own.min() == 0.0
    assert laid.own[np.tile(model.ear.places[:, 2], 2) > 0.08].min() == 1.0
