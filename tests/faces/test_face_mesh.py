import pickle
from dataclasses import replace

import numpy as np
import pytest

from dagan_tf.errors import DaganError
from dagan_tf.faces import face_mesh
from dagan_tf.faces.face import FaceFinder
from dagan_tf.faces.face_mesh import POINTS, MeshPredictor, landmarks_of
from dagan_tf.simulator.simulator import Simulator


@pytest.fixture(scope="module")
def finders():
    return FaceFinder(), FaceFinder(landmarks="mesh")


def eye_distance(points):
    return np.linalg.norm(points[45] - points[36])


def test_both_sources_mark_the_same_face(astronaut, finders):
    theirs, ours = (finder.find_one(astronaut).landmarks for finder in finders)
    assert ours.dtype == np.float32
    apart = np.linalg.norm(ours - theirs, axis=1) / eye_distance(theirs)
    assert np.median(apart) < 0.06
    assert apart.max() < 0.25


def test_the_head_fits_the_mesh_better(astronaut, finders):
    theirs, ours = (Simulator(image_size=48, finder=finder).fit(astronaut) for finder in finders)
    assert ours.error < theirs.error
    assert abs(ours.pose.yaw - theirs.pose.yaw) < 4


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_face_of_any_roll(astronaut, finders, quarters):
    upright = finders[1].find_one(astronaut).landmarks
    turned = finders[1].find_one(np.ascontiguousarray(np.rot90(astronaut, quarters))).landmarks
    last = astronaut.shape[1] - 1.0
    for _ in range(quarters):  # np.rot90 takes (x, y) of a square photo to (y, last - x).
        turned = np.column_stack([last - turned[:, 1], turned[:, 0]])
    assert np.abs(turned - upright).max() < 0.08 * eye_distance(upright)


def test_a_given_box_is_upright_and_need_not_be_blazefaces(astronaut, finders):
    found = finders[1].find_one(astronaut)
    wide = replace(
        found.box, left=found.box.left - 20, width=found.box.width + 40, detector="given",
        keypoints=(),
    )  # fmt: skip
    given = finders[1].find_one(astronaut, box=wide).landmarks
    apart = np.linalg.norm(given - found.landmarks, axis=1)
    assert apart.mean() < 0.05 * eye_distance(found.landmarks)


def test_the_jaw_lies_on_the_outline():
    """A mesh on a circle but for the jaw's own points, which lie half way in."""
    angles = np.linspace(0.0, 2 * np.pi, POINTS, endpoint=False)
    mesh = 100.0 + 50.0 * np.column_stack([np.cos(angles), np.sin(angles)])
    vertices, weights = face_mesh._mixes()
    own = vertices[:17, 0]
    mesh[own] = 100.0 + 0.5 * (mesh[own] - 100.0)
    radius = np.linalg.norm(landmarks_of(mesh)[:17] - 100.0, axis=1)
    assert np.abs(radius - 50.0).max() < 2.0
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, atol=1e-5)


def test_it_goes_through_a_pickle_without_its_network(astronaut, finders):
    box = finders[1].find_one(astronaut).box
    predictor = MeshPredictor()
    wanted = predictor.predict(astronaut, box)
    assert len(pickle.dumps(predictor)) < 1000
    again = pickle.loads(pickle.dumps(predictor))
    np.testing.assert_array_equal(again.predict(astronaut, box), wanted)


def test_no_weights_of_dlib_are_read(astronaut, monkeypatch):
    from dagan_tf.faces import shape_predictor

    def refuse(name):
        raise AssertionError(name)

    monkeypatch.setattr(shape_predictor, "weight_path", refuse)
    FaceFinder(["blaze"], landmarks="mesh").find_one(astronaut)


def test_an_unknown_source_is_named():
    with pytest.raises(DaganError, match="landmarks: got 'lbf', expected dlib or mesh"):
        FaceFinder(landmarks="lbf")
