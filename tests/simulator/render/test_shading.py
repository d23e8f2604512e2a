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
    scene.grain[0], scene.grain[1] = 4.0, 8.0
    drawn = scene(COVER=1.0, TRUST=0.0, HAIR=0.25)
    np.testing.assert_allclose(drawn.colour[..., 0], 10 + 0.75 * 4 + 0.25 * 8, rtol=1e-5)
