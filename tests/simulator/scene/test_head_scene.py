"""What is read from a photo lies where the photo's pixels lie, through all squares of pixels."""

from dataclasses import replace

import numpy as np
import pytest

from dagan_tf.faces.filling import frame_photo
from dagan_tf.simulator.fitting.fit import FaceFit
from dagan_tf.simulator.fitting.framing import frame_camera, frame_matrix
from dagan_tf.simulator.head.morphable_model import MorphableModel
from dagan_tf.simulator.head.regions import head_regions
from dagan_tf.simulator.render import shading
from dagan_tf.simulator.render.camera import Pose
from dagan_tf.simulator.scene import head_scene
from dagan_tf.simulator.scene.head_scene import SceneMaker
from dagan_tf.simulator.scene.texture import TURNED_JAW
from dagan_tf.simulator.scene.texture_reading import LEAST_CONTRAST, RAGGED
from tests.simulator.scene.test_long_hair import BROWN, SHIRT, SKIN, WALL, Person

# Turned so far that no learned profile is added to the head.
POSE, PHOTO_SIDE = Pose(45.0), 400


@pytest.fixture(scope="module")
def model() -> MorphableModel:
    return MorphableModel.load()


@pytest.fixture(scope="module")
def fit(model) -> FaceFit:
    nobody = FaceFit(
        None, POSE, np.zeros(len(model.identity_modes), np.float32),
        np.zeros(len(model.expression_modes), np.float32), 0.0,
    )  # fmt: skip
    return replace(nobody, camera=frame_camera(model, nobody, POSE, PHOTO_SIDE))


@pytest.mark.parametrize("size", [96, 224])
def test_the_outline_s_middle_lies_where_the_photo_shows_it(model, fit, size):
    skull = head_regions(model.mean, model.landmark_vertices).skull
    head = model.vertices(fit.identity, fit.expression) + model.nape
    middle = fit.camera.project(head)[skull].mean(axis=0)
    # A soft dot there, in a photo of nothing else.
    row, column = np.mgrid[:PHOTO_SIDE, :PHOTO_SIDE]
    dot = np.exp(-((column - middle[0]) ** 2 + (row - middle[1]) ** 2) / (2 * 5.0**2))
    photo = np.repeat(np.rint(200 * dot).astype(np.uint8)[..., None], 3, axis=2)
    framed = frame_photo(photo, frame_matrix(model, fit, size), size).image[..., 0]
    seen = [np.average(axis, weights=framed) for axis in np.mgrid[:size, :size]][::-1]
    prepared = SceneMaker(model, size, "keep").prepare(photo, fit)
    np.testing.assert_allclose(prepared.outline.centre, seen, atol=0.03)


def test_a_thinner_neck_does_not_push_the_shoulders_forward(model, fit):
    grey = np.full((PHOTO_SIDE, PHOTO_SIDE, 3), 128, np.uint8)
    thin, thick = (
        SceneMaker(head, 96, "none").prepare(grey, fit).outline.neck
        for head in (model, replace(model, nape=None))
    )
    np.testing.assert_allclose(thin, thick, atol=0.05)


def test_the_jaw_s_edge_is_darker_half_way_to_the_profile_only(model, fit):
    maker = SceneMaker(replace(model, turned_tone=None), 96, "none")
    prepared = maker.prepare(np.full((PHOTO_SIDE, PHOTO_SIDE, 3), 128, np.uint8), fit)
    edge = maker._regions.jaw_edge

    def gains(turn):
        normals = np.tile(np.float32([0.0, 0.0, 1.0]), (len(edge), 1))
        values = prepared.texture.values(
            normals, 1.0, maker._mesh, model.mirror, maker._neck.cover, 1.0, turn
        )
        return values[:, shading.GAIN]

    for turn in (-45.0, 45.0):
        darker = gains(turn) / gains(0.0)
        np.testing.assert_allclose(darker[edge == 1.0], 1.0 - TURNED_JAW, atol=1e-5)
        np.testing.assert_allclose(darker[edge == 0.0], 1.0, atol=1e-6)
    np.testing.assert_allclose(gains(90.0), gains(0.0), atol=1e-6)


def test_what_the_other_side_shows_edge_on_is_not_smeared_over_a_turned_head(model, fit):
    maker = SceneMaker(replace(model, turned_tone=None), 96, "none")
    prepared = maker.prepare(np.full((PHOTO_SIDE, PHOTO_SIDE, 3), 128, np.uint8), fit)
    far = (prepared.texture.known == 0.0) & (prepared.texture.known[model.mirror] > 0.5)
    assert far.sum() > 100

    def mirrored(facing):
        texture = replace(
            prepared.texture,
            facing=np.full(len(far), facing, np.float32),
            known=far[model.mirror].astype(np.float32),
        )
        turned = np.tile(np.float32([0.0, 0.0, 1.0]), (len(far), 1))
        values = texture.values(
            turned, 1.0, maker._mesh, model.mirror, maker._neck.cover, 1.0, -90.0
        )  # fmt: skip
        return values[far, shading.MIRROR_TRUST]

    np.testing.assert_allclose(mirrored(0.9), 1.0)
    np.testing.assert_allclose(mirrored(0.2), 0.0)


def test_skin_beside_the_face_is_not_mirrored_into_hair(model, monkeypatch):
    someone = Person()
    monkeypatch.setattr(head_scene, "person_mask", lambda *_: someone.person)
    maker = SceneMaker(replace(model, relief=None, turned_tone=None, nape=None), 96, "none")
    seen = maker.prepare(someone.photo, someone.fit).texture
    hair, middle = seen.regions.hair, maker._regions.middle
    assert seen.known[(hair > 0.9) & (middle > 0.9)].max() > 0.5
    # It may be an ear.
    skin = (hair > 0.9) & (middle < 0.1) & (np.abs(seen.local - SKIN).max(axis=1) < 5)
    skin &= (seen.visible > 0) & (seen.facing > 0.35)
    assert skin.sum() > 3
    assert seen.known[skin].max() < 0.1


def test_white_hair_does_not_glow_and_dark_hair_keeps_its_gain(model, fit):
    maker = SceneMaker(replace(model, turned_tone=None), 96, "none")
    prepared = maker.prepare(np.full((PHOTO_SIDE, PHOTO_SIDE, 3), 128, np.uint8), fit)
    hair = np.ones_like(prepared.texture.regions.hair)

    def gains(level):
        texture = replace(
            prepared.texture,
            hair_filling=np.full((len(hair), 3), level, np.float32),
            visible=np.zeros_like(hair),
            brightest=150.0,
            regions=replace(prepared.texture.regions, hair=hair, jaw_edge=0.0 * hair),
        )
        normals = np.tile(np.float32([0.0, 0.0, 1.0]), (len(hair), 1))
        brighter = np.full((len(hair), 3), 1.4, np.float32)
        return texture.values(
            normals, 1.0, maker._mesh, model.mirror, maker._neck.cover, brighter, 90.0
        )[maker._regions.scalp, shading.GAIN]

    np.testing.assert_allclose(gains(40.0), 1.4, rtol=0.01)
    assert (gains(200.0) < 1.03).all()


def test_a_cheek_is_filled_from_where_it_is_well_seen_and_lit_where_it_is_not(model):
    front = Pose(0.0)
    nobody = FaceFit(
        None, front, np.zeros(len(model.identity_modes), np.float32),
        np.zeros(len(model.expression_modes), np.float32), 0.0,
    )  # fmt: skip
    fit = replace(nobody, camera=frame_camera(model, nobody, front, PHOTO_SIDE))
    maker = SceneMaker(replace(model, turned_tone=None), 96, "none")
    # A front whose sides are dim, as lamps before a face leave them.
    places = fit.camera.project(model.vertices(fit.identity, fit.expression))
    landmarks = places[model.landmark_vertices]
    middle, half = landmarks[[0, 16], 0].mean(), 0.5 * np.ptp(landmarks[[0, 16], 0])
    away = np.abs(np.arange(PHOTO_SIDE) - middle) / half
    level = np.where(away < 0.72, 200.0, 120.0)
    photo = np.broadcast_to(level[None, :, None], (PHOTO_SIDE, PHOTO_SIDE, 3)).astype(np.uint8)
    texture = maker.prepare(np.ascontiguousarray(photo), fit).texture
    regions = maker._regions
    dim = (texture.visible > 0) & (texture.facing < 0.6) & (texture.facing > 0.4)
    cheek = dim & (regions.middle < 0.1) & (regions.front > 0.9) & (texture.regions.hair < 0.05)
    assert cheek.sum() > 5
    assert np.median(texture.local[cheek]) < 150
    assert np.median(texture.filling[cheek]) > 190
    # The tone of turned heads is laid on it, not on what the photo shows well.
    normals = np.tile(np.float32([0.0, 0.0, 1.0]), (len(dim), 1))
    bright = replace(texture, brightest=1e4)
    gain = bright.values(
        normals, 1.0, maker._mesh, model.mirror, maker._neck.cover,
        np.full((len(dim), 3), 1.3, np.float32), 90.0,
    )[:, shading.GAIN]  # fmt: skip
    well = (texture.facing > 0.99) & (texture.visible > 0) & (regions.front > 0.9)
    assert np.median(gain[cheek]) > 1.25
    assert np.median(gain[well]) < 1.05
    # It sets in before the front's own colours give way.
    between = (texture.visible > 0) & (texture.facing > 0.7) & (texture.facing < 0.8)
    between &= (regions.middle < 0.1) & (regions.front > 0.9) & (texture.regions.hair < 0.05)
    assert 1.21 < np.median(gain[between & (regions.eyes == 0)]) < 1.28
    # Nor has an eye, dim as it may be, the skin's colour.
    tone = bright.values(
        normals, 1.0, maker._mesh, model.mirror, maker._neck.cover, 1.0, 90.0
    )[:, shading.TONE]  # fmt: skip
    assert np.abs(tone[cheek]).max() > 10
    assert np.abs(tone[regions.eyes == 1]).max() == 0


@pytest.mark.parametrize(("colour", "grey"), [((140, 140, 141), True), ((180, 140, 120), False)])
def test_views_of_a_photo_without_colours_have_none(model, fit, colour, grey):
    maker = SceneMaker(model, 96, "keep")
    photo = np.broadcast_to(np.uint8(colour), (PHOTO_SIDE, PHOTO_SIDE, 3))
    prepared = maker.prepare(np.ascontiguousarray(photo), fit)
    image = maker.draw(prepared, Pose(-45.0)).image
    assert (np.ptp(image, axis=2).max() == 0) == grey


@pytest.mark.parametrize(("top", "bald"), [((205, 160, 140), True), ((60, 45, 38), False)])
def test_a_head_of_which_only_skin_is_seen_is_bald_all_round(model, fit, top, bald):
    maker = SceneMaker(model, 96, "none")
    photo = np.full((PHOTO_SIDE, PHOTO_SIDE, 3), (205, 160, 140), np.uint8)
    vertices = model.vertices(fit.identity, fit.expression)
    brows = fit.camera.project(vertices)[model.landmark_vertices[17:27], 1].min()
    photo[: round(brows) - 8] = top
    hair = maker.prepare(photo, fit).texture.regions.hair
    assert (hair.max() == 0) == bald


def test_hair_thins_out_over_more_than_a_triangle(model, fit):
    """Triangles are coarser than strands: an edge from corner to corner has teeth."""
    maker = SceneMaker(model, 96, "none")
    prepared = maker.prepare(np.full((PHOTO_SIDE, PHOTO_SIDE, 3), 128, np.uint8), fit)
    sharp = (model.mean[:, 1] > np.median(model.mean[:, 1])).astype(np.float32)
    regions = replace(prepared.texture.regions, hair=sharp)
    normals = np.tile(np.float32([0.0, 0.0, 1.0]), (len(sharp), 1))
    hair = replace(prepared.texture, regions=regions).values(
        normals, 1.0, maker._mesh, model.mirror, maker._neck.cover, 1.0, 0.0
    )[:, shading.HAIR]
    first, second = maker._mesh.edges.T
    across = sharp[first] != sharp[second]
    assert np.median(np.abs(hair[first] - hair[second])[across]) < 0.5
    # Three vertices away all of it is hair.
    inner, alone = sharp, np.setdiff1d(np.arange(len(sharp)), maker._mesh.edges)
    inner[alone] = 0.0
    for _ in range(3):
        inner = maker._mesh.least_around(inner)
    np.testing.assert_allclose(hair[inner > 0], 1.0, atol=1e-6)


@pytest.mark.parametrize(("contrast", "expected"), [(0.0, 0.08), (3.0, 0.08), (30.0, 0.17)])
def test_strands_move_the_hairline_as_far_in_hair_of_little_contrast(contrast, expected):
    someone = Person()
    someone.hang()
    draws = np.random.default_rng(0).normal(0.0, contrast, someone.photo.shape[:2])
    hair = someone.photo.mean(axis=2) < 100
    noisy = someone.photo + (draws * hair)[..., None]
    someone.photo[:] = np.clip(noisy, 0, 255).astype(np.uint8)
    maker = SceneMaker(MorphableModel.load(), 224, "none")
    grain = maker.prepare(someone.photo, someone.fit).texture.grain
    spread = grain.strands.std()
    # Least and most of short hair.
    assert spread == pytest.approx(expected, rel=0.1)
    assert grain.ragged == pytest.approx(RAGGED / max(spread, LEAST_CONTRAST), rel=1e-4)


@pytest.mark.parametrize(("pose", "soft"), [(POSE, False), (Pose(90.0), True)])
def test_ears_of_turned_heads_have_a_soft_outline_and_those_of_the_photo_their_own(
    model, fit, monkeypatch, pose, soft
):
    parts = []

    def soften(head, part=None):
        parts.append(part)
        return head

    monkeypatch.setattr(head_scene, "soften_rim", soften)
    maker = SceneMaker(model, 96, "none")
    maker.draw(maker.prepare(np.full((PHOTO_SIDE, PHOTO_SIDE, 3), 128, np.uint8), fit), pose)
    (part,) = parts
    assert part.shape == (96, 96)
    assert (part.max() > 0.99) == soft
    # One ear, behind the face's middle.
    assert not soft or 0.002 < part.mean() < 0.06


def test_a_profile_has_no_shoulders_before_its_throat(model, monkeypatch):
    someone = Person()
    shoulders = someone.rows > someone.landmarks[8, 1] + 14
    someone.add(shoulders & (np.abs(someone.columns - someone.middle) < 110), SHIRT)
    monkeypatch.setattr(head_scene, "person_mask", lambda *_: someone.person)
    maker = SceneMaker(model, 224, "keep")
    prepared = maker.prepare(someone.photo, someone.fit)
    shares = []
    for yaw in (72.0, 75.0, 78.0):
        view = maker.draw(prepared, Pose(yaw))
        # Before the throat, at the lower edge: yaw turns the nose to the right.
        place = view.image[-6:, -40:].astype(float)
        assert view.head[-6:, -40:].max() == 0
        wall, shirt = (np.abs(place - colour).mean() for colour in (WALL, SHIRT))
        shares.append(wall / (wall + shirt))
    assert shares[0] > 0.9
    assert 0.1 < shares[1] < 0.9
    assert shares[2] < 0.1


def test_eyes_are_a_profile_s_in_profiles_alone(model, monkeypatch):
    someone = Person()
    maker = SceneMaker(model, 224, "keep")
    prepared = maker.prepare(someone.photo, someone.fit)
    assert prepared.eyes.min() < -0.02 < 0.005 < prepared.eyes.max()
    views = {yaw: maker.draw(prepared, Pose(yaw)) for yaw in (60.0, 90.0)}
    flat = replace(prepared, eyes=0.0 * prepared.eyes)
    monkeypatch.setattr(head_scene, "EYES_ASIDE", (200.0, 300.0))
    for yaw, view in views.items():
        before = maker.draw(flat, Pose(yaw))
        moved = view.landmarks[:, 0] - before.landmarks[:, 0]
        if yaw == 60.0:
            np.testing.assert_array_equal(view.depth, before.depth)
            np.testing.assert_array_equal(moved, 0.0)
        else:
            assert (np.nan_to_num(view.depth) != np.nan_to_num(before.depth)).sum() > 100
            # The nose points to the right: inner corners go left, outer ones and chin hardly.
            assert (moved[[39, 42]] < -1.5).all()
            np.testing.assert_allclose(moved[[36, 45, 8, 30]], 0.0, atol=0.5)


def test_purple_hair_of_thin_dark_hair_is_filled_grey(model):
    someone = Person()
    scalp = (someone.photo == BROWN).all(axis=2)
    someone.photo[scalp] = (92, 80, 90)
    prepared = SceneMaker(model, 224, "keep").prepare(someone.photo, someone.fit)
    red, green, blue = np.median(prepared.texture.hair_filling, axis=0)
    assert green > min(red, blue) - 1.0
    assert max(red, green, blue) < 130


@pytest.mark.parametrize(
    ("background", "yaw", "expected"),
    [("keep", 20.0, 0.0), ("keep", 32.5, 0.5), ("keep", -45.0, 1.0), ("blur", 90.0, 0.0)],
)
def test_the_backdrop_of_turned_heads_is_out_of_focus_if_it_is_kept(
    model, fit, monkeypatch, background, yaw, expected
):
    softness, see = [], head_scene.seen_behind

    def seen_behind(taken, places, alone, soft):
        softness.append((soft, taken.person))
        return see(taken, places, alone, soft)

    monkeypatch.setattr(head_scene, "seen_behind", seen_behind)
    monkeypatch.setattr(head_scene, "person_mask", lambda *_: None)
    maker = SceneMaker(model, 96, background)
    prepared = maker.prepare(np.full((PHOTO_SIDE, PHOTO_SIDE, 3), 128, np.uint8), fit)
    maker.draw(prepared, Pose(fit.pose.yaw + yaw, fit.pose.pitch))
    ((soft, person),) = softness
    assert soft == pytest.approx(expected, abs=0.01)
    # Nobody was found.
    assert person is None


def test_hair_gives_way_to_new_strands_sooner_than_skin_is_stretched(model, fit):
    maker = SceneMaker(replace(model, turned_tone=None), 96, "none")
    prepared = maker.prepare(np.full((PHOTO_SIDE, PHOTO_SIDE, 3), 128, np.uint8), fit)
    ones = np.ones(len(model.mean), np.float32)

    def trust(hair):
        texture = replace(
            prepared.texture, visible=ones, inside=ones, facing=0.6 * ones,
            regions=replace(prepared.texture.regions, hair=hair * ones),
        )  # fmt: skip
        normals = np.tile(np.float32([0.0, 0.0, 1.0]), (len(ones), 1))
        values = texture.values(
            normals, 1.0, maker._mesh, model.mirror, maker._neck.cover, 1.0, 60.0
        )
        return float(np.median(values[:, shading.TRUST]))

    assert trust(0.0) == pytest.approx(1.0, abs=1e-3)
    assert 0.1 < trust(1.0) < 0.3
