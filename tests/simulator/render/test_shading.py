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
    values[:, shading.SKIN : shading.SKIN + 3] = (10, 20, 30)
    values[:, shading.HAIR_COLOUR : shading.HAIR_COLOUR + 3] = (40, 50, 60)
    photo = np.random.default_rng(0).integers(0, 200, (SIDE, SIDE, 3)).astype(np.uint8)
    grain = np.zeros((2, 8, 8), np.float32)
    raster = rasterize(corners, triangles, SIDE, SIDE)

    def draw(fineness=1, **columns):
        for name, value in columns.items():
            values[:, getattr(shading, name)] = value
        return shading.shade(raster, triangles, values, photo, grain, fineness)

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
    # Pores are added to skin; strands are a part of the hair's colour, as far as there are any.
    scene.grain[0], scene.grain[1] = 4.0, 0.2
    skin = scene(COVER=1.0, TRUST=0.0, HAIR=0.0)
    np.testing.assert_allclose(skin.colour[0, 0], [14, 24, 34], rtol=1e-5)
    hair = scene(HAIR=1.0, STRANDS=0.5)
    np.testing.assert_allclose(hair.colour[0, 0], [44, 55, 66], rtol=1e-5)
    bare = scene(HAIR=0.25, STRANDS=0.0)
    np.testing.assert_allclose(bare.colour[..., 0], 0.75 * 14 + 0.25 * 40, rtol=1e-5)


def test_strands_reach_over_the_hairline(scene):
    scene.grain[1] = np.where(np.arange(8) % 2, 0.1, -0.1)
    edge = scene(TRUST=0.0, HAIR=0.5, STRANDS=1.0, HAIR_U=np.array([0, 15, 0, 15]))
    share = (edge.colour[1:-1, 1:-1, 0] - 10) / 30
    assert share.max() > 0.6
    assert share.min() < 0.4
    np.testing.assert_allclose(np.ptp(share, axis=0), 0.0, atol=1e-5)
    np.testing.assert_allclose(scene(STRANDS=0.0).colour[..., 0], 25.0, rtol=1e-5)


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
