"""Seen from the side the nape goes on below the neck's cut; the throat and other views stay."""

import numpy as np
import pytest

from dagan_tf.simulator.head.mesh import Mesh
from dagan_tf.simulator.head.morphable_model import MorphableModel
from dagan_tf.simulator.head.regions import HeadRegions, head_regions
from dagan_tf.simulator.scene.neck import Neck


@pytest.fixture(scope="module")
def model() -> MorphableModel:
    return MorphableModel.load()


@pytest.fixture(scope="module")
def regions(model) -> HeadRegions:
    return head_regions(model.mean, model.landmark_vertices)


@pytest.fixture(scope="module")
def neck(model, regions) -> Neck:
    return Neck(model, Mesh(model.mean, model.triangles), regions)


@pytest.mark.parametrize("turn", [0.0, 30.0, -60.0])
def test_up_to_half_way_the_head_is_as_it_is(model, neck, turn):
    vertices, cover = neck.turned(model.mean, turn)
    np.testing.assert_array_equal(vertices, model.mean)
    np.testing.assert_array_equal(cover, neck.cover)


@pytest.mark.parametrize("turn", [90.0, -90.0])
def test_in_profile_the_nape_goes_on_and_the_throat_does_not(model, regions, neck, turn):
    vertices, cover = neck.turned(model.mean, turn)
    moved = vertices - model.mean
    ear = model.mean[model.landmark_vertices[[0, 16]], 2].mean()
    behind = (ear - model.mean[:, 2]) / regions.height
    end, throat = (neck.cover == 0.0) & (behind > 0.25), behind < -0.1
    assert end.any()
    assert moved[end, 1].max() < -0.5 * regions.height
    assert moved[end, 2].max() < 0.0
    assert cover[end].min() == 1.0
    np.testing.assert_array_equal(moved[throat], 0.0)
    np.testing.assert_array_equal(cover[throat], neck.cover[throat])
    np.testing.assert_array_equal(moved[regions.skull & (neck.cover == 1.0)], 0.0)


def test_a_head_without_a_cut_ends_as_it_does(model, regions):
    mesh = Mesh(model.mean, model.triangles)
    mesh.rim_distance = np.full(len(model.mean), np.inf, np.float32)
    vertices, cover = Neck(model, mesh, regions).turned(model.mean, 90.0)
    np.testing.assert_array_equal(vertices, model.mean)
    assert cover.min() == 1.0
