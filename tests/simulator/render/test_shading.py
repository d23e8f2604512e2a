import numpy as np
import pytest

from dagan_tf.simulator.render import shading
from dagan_tf.simulator.render.rasterizer import rasterize

SIDE = 16


@pytest.fixture
def scene():
    """A square over a 16 px raster, its corners at the same places of a 16 px photo."""
    corners = np.array([[0, 0, 3], [15, 0, 3], [0, 15, 3], [15, 15, 3]], np.float32)
    triangles = np.array([[0, 1, 2], [1, 3, 2]], np.int32)
    values = np.zeros((4, shading.COLUMNS), np.float32)
    values[:, shading.X : shading.Y + 1] = corners[:, :2]
    values[:, shading.MIRROR_X] = 15 - corners[:, 0]
    values[:, shading.MIRROR_Y] = corners[:, 1]
    values[:, [shading.TRUST, shading.COVER]] = 1.0
    values[:, shading.RED : shading.BLUE + 1] = (10, 20, 30)
    values[:, shading.HAIR_COLOUR : shading.HAIR_COLOUR + 3] = (100, 80, 60)
    values[:, shading.GAIN : shading.GAIN + 3] = 1.0
    photo = np.random.default_rng(0).integers(0, 200, (SIDE, SIDE, 3)).astype(np.uint8)
    grain = shading.Grain(np.zeros((8, 8), np.float32), np.zeros((4, 4, 4), np.int8), 2.0, 0.3)
    raster = rasterize(corners, triangles, SIDE, SIDE)

    def draw(fineness=1, ragged=grain.ragged, **columns):
        for name, value in columns.items():
            values[:, getattr(shading, name)] = value
        finer = grain._replace(ragged=ragged)
        return shading.shade(raster, triangles, values, photo, finer, fineness)

    draw.photo, draw.grain = photo, grain
    return draw


def test_trusted_points_show_the_photo(scene):
    drawn = scene()
    # The last row and column lie on the photo's edge, where sampling stops a thousandth short.
    np.testing.assert_allclose(drawn.colour, scene.photo, atol=0.5)
    np.testing.assert_allclose(drawn.seen, 1.0, rtol=1e-5)
    np.testing.assert_allclose(drawn.depth, 3.0)


def test_fine_pixels_are_averaged(scene):
    drawn = scene(fineness=2)
    expected = scene.photo.reshape(8, 2, 8, 2, 3).astype(np.float32).mean(axis=(1, 3))
    np.testing.assert_allclose(drawn.colour, expected, atol=0.5)
    assert drawn.cover.shape == (8, 8)


def test_hidden_points_take_the_mirrored_side_then_the_filling(scene):
    mirrored = scene(TRUST=0.0, MIRROR_TRUST=1.0)
    np.testing.assert_allclose(mirrored.colour, scene.photo[:, ::-1], atol=0.5)
    assert mirrored.seen.max() == 0
    both = scene(TRUST=0.75)
    expected = 0.75 * scene.photo + 0.25 * scene.photo[:, ::-1].astype(np.float32)
    np.testing.assert_allclose(both.colour, expected, atol=0.5)
    filled = scene(TRUST=0.0, MIRROR_TRUST=0.0)
    np.testing.assert_allclose(filled.colour, np.broadcast_to([10, 20, 30], (16, 16, 3)), rtol=1e-5)
    half = scene(MIRROR_TRUST=0.5)
    np.testing.assert_allclose(half.colour, (mirrored.colour + filled.colour) / 2, atol=1e-3)


def test_coverage_and_grain(scene):
    faded = scene(COVER=0.25)
    np.testing.assert_allclose(faded.colour, 0.25 * scene.photo, atol=0.2)
    np.testing.assert_allclose(faded.cover, 0.25, rtol=1e-5)
    scene.grain.pores[:], scene.grain.strands[:] = 2, 0.5
    skin = scene(COVER=1.0, TRUST=0.0, HAIR=0.0)
    np.testing.assert_allclose(skin.colour[0, 0], [14, 24, 34], rtol=1e-5)
    hair = scene(HAIR=1.0)
    np.testing.assert_allclose(hair.colour[0, 0], [150, 120, 90], rtol=1e-5)


def test_pores_lie_in_space(scene):
    scene.grain.pores[1, 2, 3] = -2
    at = {"V": 2.5 + 4, "PORES_X": 3.5 - 8, "PORES_Z": 1.5}
    struck = scene(TRUST=0.0, HAIR=0.0, **at).colour[..., 0]
    np.testing.assert_allclose(struck, 6, rtol=1e-5)
    for column in at:
        beside = scene(**at | {column: at[column] + 1}).colour[..., 0]
        np.testing.assert_allclose(beside, 10, rtol=1e-5)


def test_strands_move_the_hairline(scene):
    scene.grain.strands[:, ::2] = 0.8
    values = scene(TRUST=0.0, HAIR=0.5, U=np.array([0.0, 7.0, 0.0, 7.0])).colour[..., 0]
    plain = 0.5 * 10 + 0.5 * 100
    assert values.min() == pytest.approx(plain, abs=0.1)
    assert values.max() > 0.3 * 10 + 0.7 * 100
    # Brighter than that strand is on hair that stays half: there is more hair than half, too.
    assert values.max() > 0.5 * 10 + 0.5 * 1.8 * 100 + 20
    still = scene(ragged=0.0).colour[..., 0]
    assert still.max() == pytest.approx(0.5 * 10 + 0.5 * 1.8 * 100, abs=0.1)


def test_strands_move_the_hairline_where_most_is_hair_and_not_where_little_is(scene):
    def moved(share):
        scene.grain.strands[:] = 0.0
        still = scene(TRUST=0.0, HAIR=share).colour[..., 0].mean()
        scene.grain.strands[:] = 1e-3
        return scene(TRUST=0.0, HAIR=share).colour[..., 0].mean() - still

    # Of a cubic of hair + 6.75 ragged hair^2 (1 - hair) strand, and a strand's own brightness.
    assert moved(0.1) < 0.05 * moved(2.0 / 3.0)


def test_the_gain_multiplies_all_that_is_shown(scene):
    shown, filled = scene(), scene(TRUST=0.0)
    for before, columns in ((shown, {"TRUST": 1.0}), (filled, {"TRUST": 0.0})):
        after = scene(GAIN=0.5, **columns).colour
        scene(GAIN=1.0)
        np.testing.assert_allclose(after[..., 0], 0.5 * before.colour[..., 0], rtol=1e-4)
        np.testing.assert_allclose(after[..., 1:], before.colour[..., 1:], rtol=1e-4)


def test_the_tone_is_added_to_what_the_photo_shows_only(scene):
    shown = scene()
    toned = scene(TONE=40.0)
    np.testing.assert_allclose(toned.colour[..., 0], shown.colour[..., 0] + 40, atol=1e-3)
    np.testing.assert_allclose(toned.colour[..., 1:], shown.colour[..., 1:])
    filled = scene(TRUST=0.0, MIRROR_TRUST=0.0)
    np.testing.assert_allclose(filled.colour[..., 0], 10, rtol=1e-5)


def test_only_the_rim_is_softened():
    cover = np.zeros((24, 24), np.float32)
    cover[:, 12:] = 1.0
    colour = np.repeat(200.0 * cover[..., None], 3, axis=2).astype(np.float32)
    depth = np.where(cover > 0, 1.0, -np.inf).astype(np.float32)
    soft = shading.soften_rim(shading.Shaded(colour, cover, cover, depth))
    row = soft.cover[12]
    assert (row[14:] == 1).all()
    assert (row[:9] < 1e-4).all()
    assert (np.diff(row[9:15]) > 0).sum() >= 4  # A ramp where there was a step.
    # A Gaussian of 0.8 px puts 26.6 % of a step's height half a pixel beyond it.
    np.testing.assert_allclose(row[[11, 12]], [0.266, 0.734], atol=0.02)
    # No colour but the head's: what is mixed with the surroundings is premultiplied.
    np.testing.assert_allclose(soft.colour[..., 0], 200 * soft.cover, atol=1e-3)
    np.testing.assert_array_equal(soft.depth, depth)


@pytest.mark.parametrize(("strength", "ramp"), [(1.0, 4), (0.0, 2)])
def test_a_part_has_a_soft_outline_on_what_is_hardly_behind_it(strength, ramp):
    cover = np.ones((24, 24), np.float32)
    colour = np.full((24, 24, 3), 50.0, np.float32)
    colour[:, 12:] = 200.0
    part = np.zeros_like(cover)
    part[:, 12:] = strength
    flat = shading.Shaded(colour, cover, cover, cover)
    row = shading.soften_rim(flat, part).colour[12, :, 0]
    assert len(np.unique(row[9:15].round())) == ramp
    np.testing.assert_array_equal(row[[9, 14]], [50.0, 200.0])


@pytest.mark.parametrize(("step", "ramp"), [(10.0, 4), (0.0, 2)])
def test_what_stands_before_the_head_is_softened_and_a_slope_is_not(step, ramp):
    cover = np.ones((24, 24), np.float32)
    colour = np.full((24, 24, 3), 50.0, np.float32)
    colour[:, 12:] = 200.0
    depth = np.tile(3.0 * np.arange(24, dtype=np.float32), (24, 1))
    depth[:, 12:] += step
    soft = shading.soften_rim(shading.Shaded(colour, cover, cover, depth))
    row = soft.colour[12, :, 0]
    assert len(np.unique(row[9:15].round())) == ramp
    np.testing.assert_array_equal(soft.cover, cover)
