"""A collar stands round the neck, along its edge in the photo, and shows the photo's cloth."""

from dataclasses import replace

import numpy as np
import pytest

from dagan_tf.simulator.head.morphable_model import MorphableModel
from dagan_tf.simulator.render.camera import Camera, Pose, rotation_matrix
from dagan_tf.simulator.render.grid import grids
from dagan_tf.simulator.scene import head_scene
from dagan_tf.simulator.scene.collar import as_worn, put_on_collar
from dagan_tf.simulator.scene.head_scene import SceneMaker
from dagan_tf.simulator.scene.neckline import Neckline
from tests.simulator.scene.test_long_hair import SHIRT, Person
from tests.simulator.scene.test_neckline import edge, neck

GRIDS = grids(224)
LINE = Neckline(middle=128.0, chin=150.0, half=30.0, height=60.0, front=0.45, rise=0.4)
ROWS, COLUMNS = 7, 49


def worn():
    """The collar of LINE, and its camera, a front."""
    canvas, work = GRIDS.canvas, GRIDS.work
    camera = Camera(100.0, rotation_matrix(Pose(0.0)), np.array([canvas.middle, canvas.middle]))
    chin = np.array([*work.carry(np.array([128.0, 150.0]), canvas), 50.0])
    return put_on_collar(LINE, chin, camera, GRIDS), camera, chin


def test_its_edge_is_the_photo_s_in_front_and_rises_to_the_nape():
    collar, camera, chin = worn()
    canvas, work = GRIDS.canvas, GRIDS.work
    seen = camera.project(collar.vertices).reshape(ROWS, COLUMNS, 3)
    x, y = np.moveaxis(canvas.carry(seen[0, :, :2], work), 1, 0)
    front, side, nape = COLUMNS // 2, 3 * COLUMNS // 4, 0
    below = (y - LINE.chin) / LINE.height
    assert x[front] == pytest.approx(LINE.middle, abs=0.1)
    assert below[front] == pytest.approx(LINE.front, abs=0.01)
    assert x[side] == pytest.approx(LINE.middle + LINE.half, abs=0.1)
    assert below[side] == pytest.approx(LINE.front - LINE.rise, abs=0.01)
    assert below[nape] < below[side] - 0.1
    # Its front lies behind the chin, its back behind its front.
    assert seen[0, nape, 2] < seen[0, side, 2] < seen[0, front, 2] < chin[2]
    # It goes down and outwards.
    assert (np.diff(seen[:, side, 1]) > 0).all()
    assert (np.diff(seen[:, side, 0]) > 0).all()


def test_it_is_darker_at_the_nape():
    light = worn()[0].light.reshape(ROWS, COLUMNS)
    assert light[0, 24] == 1.0
    assert (np.diff(light[:, :25]) > 0).all()
    assert 0.5 < light[0, 0] < 0.8


def test_it_shows_the_photo_below_its_edge():
    collar, _, _ = worn()
    places = GRIDS.canvas.carry(collar.positions.reshape(ROWS, COLUMNS, 2), GRIDS.work)
    across = (places[0, :, 0] - LINE.middle) / LINE.half
    below = (places[0, :, 1] - LINE.chin) / LINE.height
    assert np.abs(across).max() < 0.8
    assert (below > LINE.below_chin(across)).all()
    assert (below < LINE.below_chin(across) + 0.05).all()
    # Left of the neck is what the left shows.
    np.testing.assert_array_equal(np.sign(across[1:-1].round(6)), np.sign(np.arange(1, 48) - 24))


def test_its_outside_is_seen():
    """From the front and from either side, the nearest triangles face the viewer."""
    collar, camera, _ = worn()
    for yaw in (0.0, 90.0, -90.0):
        turned = Camera(camera.scale, rotation_matrix(Pose(yaw)), camera.translation)
        normals = collar.normals @ turned.rotation.T
        depth = turned.project(collar.vertices)[:, 2]
        near = depth > np.quantile(depth, 0.8)
        assert (normals[near, 2] > 0).all()


def test_it_comes_from_below_as_the_head_turns():
    collar, camera, _ = worn()
    assert as_worn(collar, 10.0) is None
    heights = [camera.project(as_worn(collar, turn).vertices)[0, 1] for turn in (-22, 28, 90)]
    assert heights[0] > heights[1] + 1 > heights[2] + 2
    np.testing.assert_array_equal(as_worn(collar, -90.0).vertices, collar.vertices)


@pytest.fixture(scope="module")
def dressed():
    """A made-up person in a white shirt, on the head."""
    someone = Person()
    neck(someone)
    someone.add(edge(someone, 0.45, 0.4), SHIRT)
    maker = SceneMaker(MorphableModel.load(), 224, "keep")
    return maker, maker.prepare(someone.photo, someone.fit)


@pytest.mark.parametrize("yaw", [-90.0, 60.0])
def test_a_turned_view_of_someone_in_a_shirt_wears_it(dressed, yaw):
    maker, prepared = dressed
    assert prepared.collar is not None
    view = maker.draw(prepared, Pose(yaw))
    bare = maker.draw(replace(prepared, collar=None), Pose(yaw))
    apart = np.abs(view.image.astype(float) - bare.image).max(axis=2)
    rows, columns = np.nonzero(apart > 40)
    # White, and no skin, where the neck was bare: below the jaw, at the side that is seen.
    assert len(rows) > 400
    assert np.ptp(view.image[rows, columns].astype(float), axis=1).mean() < 20
    assert view.skin[rows, columns].mean() < 15
    assert bare.skin[rows, columns].mean() > 100
    chin = view.landmarks[8]
    assert rows.min() > chin[1] - 40
    assert (np.sign(columns - chin[0]) == -np.sign(yaw)).mean() > 0.9
    # Nothing else changes but for its shade.
    assert not apart[: rows.min() - 15].any()


def test_the_photo_s_own_pose_wears_the_photo_s_own(dressed):
    maker, prepared = dressed
    view, bare = (
        maker.draw(one, Pose(5.0)).image for one in (prepared, replace(prepared, collar=None))
    )
    np.testing.assert_array_equal(view, bare)


def test_nobody_without_a_shirt_wears_one():
    someone = Person()
    neck(someone)
    maker = SceneMaker(MorphableModel.load(), 224, "keep")
    assert maker.prepare(someone.photo, someone.fit).collar is None


def test_a_photo_that_is_turned_itself_has_none(dressed, monkeypatch):
    maker, _ = dressed
    someone = Person()
    neck(someone)
    someone.add(edge(someone, 0.45, 0.4), SHIRT)
    turned = replace(someone.fit, pose=Pose(-3.0))
    assert maker.prepare(someone.photo, turned).collar is not None
    monkeypatch.setattr(head_scene, "COLLAR_FRONT", 2.0)
    assert maker.prepare(someone.photo, turned).collar is None
