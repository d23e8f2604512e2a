"""A curtain hangs where the photo shows the hair, covers ear and nape, and ends at its hem."""

from dataclasses import replace
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from dagan_tf.simulator.fitting.framing import frame_camera
from dagan_tf.simulator.head.morphable_model import MorphableModel
from dagan_tf.simulator.render import shading
from dagan_tf.simulator.render.camera import Camera, Pose, rotation_matrix
from dagan_tf.simulator.render.grid import grids
from dagan_tf.simulator.render.rasterizer import Raster
from dagan_tf.simulator.render.shading import Grain, Shaded, soften_rim
from dagan_tf.simulator.scene import head_scene
from dagan_tf.simulator.scene.curtain import Curtain, draw_before
from dagan_tf.simulator.scene.grain import LONG
from dagan_tf.simulator.scene.head_scene import SceneMaker
from dagan_tf.simulator.scene.sheets import _before_ear, hang_curtain
from tests.simulator.scene.test_long_hair import BROWN, SKIN, Person

GRIDS = grids(224)


def hung(person: Person, between=()):
    """The curtain of a made-up person, and the work grid's places of its vertices.

    Wall shines through its locks at the places `between`, pixels of the canvas.
    """
    canvas, work = GRIDS.canvas, GRIDS.work
    scale = canvas.per(work)
    camera = Camera(
        person.camera.scale * scale,
        person.camera.rotation,
        work.carry(person.camera.translation, canvas),
    )
    photo = canvas.spread(person.photo.astype(np.float32)).astype(np.uint8)
    for x, y in between:
        photo[y - 1 : y + 2, x - 1 : x + 2] = 235
    curtain = hang_curtain(
        person.find(), photo, person.photo, person.person, person.depth,
        work.carry_depth(person.placed, canvas), camera, person.regions, GRIDS,
    )  # fmt: skip
    return curtain, canvas.carry(curtain.positions, work), camera


@pytest.fixture
def someone() -> Person:
    return Person()


def test_its_front_lies_on_the_hair_that_the_photo_shows(someone):
    someone.hang()
    curtain, places, camera = hung(someone)
    shown = (curtain.visible > 0) & (places[:, 1] > someone.brow + 5)
    shown &= places[:, 1] < someone.landmarks[48:60, 1].mean()
    beside = np.abs(places[shown, 0] - someone.middle)
    assert beside.min() > 36.0
    assert beside.max() < 71.0
    np.testing.assert_allclose(
        camera.project(curtain.vertices)[:, :2], curtain.positions, atol=0.01
    )
    # What is seen faces the camera, and the back does not.
    assert (curtain.facing[curtain.visible > 0] > -0.05).all()
    assert curtain.normals[curtain.vertices[:, 2].argmin(), 2] < -0.9


def test_its_strands_are_as_strong_as_those_beside_the_face_and_curl_if_they_do(someone):
    someone.hang()
    least = hung(someone)[0].strands
    assert least.std() == pytest.approx(LONG.contrast[0], rel=0.1)
    plain = someone.photo
    beside = (np.abs(someone.columns - someone.middle) > 38)[..., None] & someone.person[..., None]
    stripes = np.where(someone.columns % 8 < 4, 1.5, 0.6)[..., None]
    someone.photo = np.where(beside, plain * stripes, plain).astype(np.uint8)
    straight = hung(someone)[0].strands
    assert straight.std() == pytest.approx(LONG.contrast[1], rel=0.1)
    draws = cv2.GaussianBlur(np.random.default_rng(0).normal(size=plain.shape[:2]), (0, 0), 2.0)
    curls = np.exp(0.5 * draws / draws.std())[..., None]
    someone.photo = np.where(beside, np.clip(plain * curls, 0, 255), plain).astype(np.uint8)
    curly = hung(someone)[0].strands

    def along(tile):
        return np.abs(np.diff(tile, axis=0)).mean() / np.abs(np.diff(tile, axis=1)).mean()

    assert along(curly) > 1.5 * along(straight)


def test_its_shade_falls_on_the_head_close_beside_it_and_in_turned_views_alone():
    flat = np.array([[0, 0, 0], [0, 60, 0], [30, 0, 0], [30, 60, 0]], np.float32)
    squares = np.array([[0, 1, 2], [1, 3, 2]], np.int32)
    one = np.ones(4, np.float32)
    piece = Curtain(
        vertices=flat, normals=np.tile(np.float32([0, 0, 1]), (4, 1)), triangles=squares,
        positions=flat[:, :2], facing=one, visible=one, inside=one,
        filling=np.zeros((4, 3), np.float32), cover=one, light=one, shade=0.4,
        strands=np.zeros((1, 1), np.float32), grain_places=flat[:, :2], hides=0.0,
    )  # fmt: skip
    camera = Camera(1.0, np.diag([1.0, -1.0, -1.0]), np.zeros(2))
    size = 60
    behind = np.full((2 * size, 2 * size), -9.0, np.float32)
    nothing = Raster(np.full((2 * size, 2 * size), -1, np.int32), np.zeros((1, 1, 3)), behind)
    whole = np.ones((size, size), np.float32)
    head = Shaded(np.full((size, size, 3), 100.0, np.float32), whole, whole, -9.0 * whole)
    texture = SimpleNamespace(
        photo=np.zeros((80, 80, 3), np.uint8),
        grain=Grain(np.zeros((1, 1), np.float32), np.zeros((2, 2, 2), np.int8), 0.0, 0.0),
    )
    lit, over = draw_before(head, nothing, piece, camera, 0.0, texture)
    shaded, _ = draw_before(head, nothing, piece, camera, 1.0, texture)
    beside = (over == 0.0).nonzero()
    np.testing.assert_allclose(lit.colour[beside], 100.0, atol=1e-3)
    # The piece ends at column 15: its shade is darkest there.
    light = shaded.colour[10, :, 0]
    assert over[10, 12] > 0.99 > 0.01 > over[10, 18]
    assert 70.0 < light[16] < 97.0
    assert light[16] < lit.colour[10, 16, 0] - 5.0
    assert (np.diff(light[16:30]) > -1e-3).all()
    np.testing.assert_allclose(light[30:], 100.0, atol=0.1)


def test_before_a_covered_ear_it_hangs_straight():
    rows, height = np.arange(200), 100.0
    # A round cheek: the farther out, the farther back. The hair's edge dodges the ear.
    depth = np.tile(np.where(np.arange(120) < 100, 60.0 - 0.6 * np.arange(120), -np.inf), (200, 1))
    dodges = np.abs(rows - 100.0) < 12
    ear = np.array([95.0, 100.0, 0.0])
    straight, covered, bare = (
        _before_ear(depth, rows, np.where(dodges, at, 40.0), 1.0, ear, height) / height
        for at in (40.0, 85.0, 105.0)
    )
    np.testing.assert_allclose(covered, straight, atol=0.01)
    # Behind a bare ear it goes on behind it.
    assert bare[100] < straight[100] - 0.15


def test_wall_that_shines_through_the_locks_is_not_shown(someone):
    someone.hang()
    whole, _, _ = hung(someone)
    shown = (whole.visible > 0) & (whole.inside > 0.9)
    at = np.rint(whole.positions[shown][shown.sum() // 2]).astype(int)
    gap, _, _ = hung(someone, between=[at])
    beside = np.abs(whole.positions - at).max(axis=1)
    assert gap.inside[shown & (beside <= 1.0)].max() < 0.1
    np.testing.assert_array_equal(gap.inside[beside > 8.0], whole.inside[beside > 8.0])


def test_its_colour_is_the_hair_s_and_neither_wall_nor_skin(someone):
    someone.hang()
    curtain, _, _ = hung(someone)
    assert np.abs(curtain.filling - BROWN).max() < 12.0


def test_it_goes_round_to_the_back_and_behind_the_ears(someone):
    someone.hang()
    curtain, _, _ = hung(someone)
    head = someone.camera.unproject(someone.placed)
    ear = head[someone.regions.ear > 0.9]
    assert np.abs(curtain.vertices[:, 0]).max() > np.abs(ear[:, 0]).max()
    assert curtain.vertices[:, 2].min() == pytest.approx(head[:, 2].min(), abs=0.1)
    assert curtain.vertices[:, 2].max() > ear[:, 2].max()


def test_without_a_hem_it_goes_on_and_with_one_it_ends_there(someone):
    someone.hang()
    curtain, places, _ = hung(someone)
    lowest = places[:, 1] > 200
    assert (curtain.cover[lowest] == 1.0).all()
    hem = someone.landmarks[8, 1] + 5
    short = Person()
    short.hang(hem=hem)
    curtain, places, _ = hung(short)
    assert (curtain.cover[places[:, 1] > hem + 20] == 0.0).all()
    above = (places[:, 1] < hem - 20) & (places[:, 1] > short.brow)
    assert (curtain.cover[above] == 1.0).all()


def test_settled_views_trust_the_photo_only_where_it_is_not_stretched(someone):
    someone.hang()
    curtain, _, _ = hung(someone)
    front, side = (
        curtain.values(curtain.normals @ rotation_matrix(Pose(yaw)).T.astype(np.float32), settled)
        for yaw, settled in ((0.0, 0.0), (90.0, 1.0))
    )
    np.testing.assert_array_equal(front[:, shading.TRUST], curtain.visible)
    edge_on = (curtain.visible > 0) & (curtain.facing < 0.2) & (curtain.normals[:, 0] < 0)
    assert edge_on.any()
    assert side[edge_on, shading.TRUST].max() < 0.05
    # Its inner side is darker.
    assert side[:, shading.HAIR_COLOUR].min() < 0.7 * side[:, shading.HAIR_COLOUR].max()


def test_a_turned_view_shows_hair_where_the_ear_would_be(monkeypatch):
    model = replace(MorphableModel.load(), relief=None, turned_tone=None, nape=None)
    maker = SceneMaker(model, 96, "none")
    near = (maker._regions.ear > 0.9) & (model.mean[:, 0] < 0)
    colours, outlines = [], []

    def soften(head, part=None):
        outlines.append(float(part.mean()))
        return soften_rim(head, part)

    monkeypatch.setattr(head_scene, "soften_rim", soften)
    for long in (False, True):
        someone = Person()
        if long:
            someone.hang()
        monkeypatch.setattr(head_scene, "person_mask", lambda *_, found=someone: found.person)
        prepared = maker.prepare(someone.photo, someone.fit)
        assert (prepared.curtain is not None) == long
        seen = frame_camera(model, someone.fit, Pose(80.0), 96).project(model.vertices())
        x, y = np.rint(seen[near, :2].mean(axis=0)).astype(int)
        view = maker.draw(prepared, Pose(80.0))
        colours.append(view.image[y - 2 : y + 3, x - 2 : x + 3].mean(axis=(0, 1)))
        assert view.head[y, x] == 255
        assert view.skin[y, x] == 0
        hair = np.abs(view.image.astype(int) - BROWN).max(axis=2) < 10
        assert view.skin[hair].max(initial=0) < 128
        assert view.skin.max() == 255
    # An ear's hollows are in the shade.
    assert colours[0].mean() > 0.5 * np.mean(SKIN)
    assert np.abs(colours[1] - BROWN).mean() < 25.0
    # No outline of an ear is left in the hair that hides it.
    assert outlines[1] < 0.2 * outlines[0]


def test_hair_is_sought_in_fronts_only(monkeypatch):
    someone = Person()
    someone.hang()
    maker = SceneMaker(MorphableModel.load(), 96, "none")
    monkeypatch.setattr(head_scene, "person_mask", lambda *_: someone.person)
    turned = replace(someone.fit, pose=Pose(40.0))
    assert maker.prepare(someone.photo, turned).curtain is None
