import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagan_tf.simulator.rasterizer import interpolate, rasterize


def reference(vertices, triangles, height, width):
    """Every pixel against every triangle, in float64."""
    ids = np.full((height, width), -1)
    depth = np.full((height, width), -np.inf)
    rows, columns = np.mgrid[0:height, 0:width]
    for index, triangle in enumerate(triangles):
        (x0, y0, z0), (x1, y1, z1), (x2, y2, z2) = vertices[triangle].astype(np.float64)
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if area == 0:
            continue
        w1 = ((columns - x0) * (y2 - y0) - (x2 - x0) * (rows - y0)) / area
        w2 = ((x1 - x0) * (rows - y0) - (columns - x0) * (y1 - y0)) / area
        z = (1 - w1 - w2) * z0 + w1 * z1 + w2 * z2
        hit = (w1 >= 0) & (w2 >= 0) & (w1 + w2 <= 1) & (z > depth)
        ids[hit], depth[hit] = index, z[hit]
    return ids, depth


@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_the_reference_but_for_edges(seed):
    rng = np.random.default_rng(seed)
    vertices = rng.uniform(-5, 45, (60, 3)).astype(np.float32)
    triangles = rng.integers(0, 60, (80, 3)).astype(np.int32)
    raster = rasterize(vertices, triangles, 40, 37)
    ids, depth = reference(vertices, triangles, 40, 37)
    same = raster.triangle_ids == ids
    # Pixels on an edge may fall either way between float32 and float64.
    assert same.mean() > 0.998
    np.testing.assert_allclose(raster.depth[same], depth[same], atol=1e-2)


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_barycentric_coordinates_give_back_the_pixel(seed):
    rng = np.random.default_rng(seed)
    vertices = rng.uniform(0, 30, (12, 3)).astype(np.float32)
    triangles = rng.permuted(np.tile(np.arange(12, dtype=np.int32), (6, 1)), axis=1)[:, :3]
    raster = rasterize(vertices, triangles, 30, 30)
    seen = raster.triangle_ids >= 0
    np.testing.assert_allclose(raster.barycentric.sum(axis=-1), seen, atol=1e-4)
    assert raster.barycentric.min() >= 0.0
    where = interpolate(raster, triangles, vertices[:, :2])
    rows, columns = np.mgrid[0:30, 0:30]
    # Slivers amplify rounding; a hundredth of a pixel is still exact for sampling.
    np.testing.assert_allclose(where[seen], np.stack([columns, rows], -1)[seen], atol=1e-2)


def test_the_nearer_triangle_wins_in_either_order():
    square = np.array([[0, 0], [9, 0], [0, 9]], np.float32)
    near = np.column_stack([square, np.full(3, 5.0)])
    far = np.column_stack([square, np.full(3, 1.0)])
    vertices = np.concatenate([far, near]).astype(np.float32)
    for order in ([[0, 1, 2], [3, 4, 5]], [[3, 4, 5], [0, 1, 2]]):
        raster = rasterize(vertices, np.array(order, np.int32), 10, 10)
        assert raster.depth[2, 2] == 5.0
        assert order[raster.triangle_ids[2, 2]][0] == 3


def test_winding_does_not_matter_and_bad_triangles_are_left_out():
    vertices = np.array([[1, 1, 0], [8, 1, 0], [1, 8, 0], [4, 4, 9], [np.nan, 2, 9]], np.float32)
    for triangle in ([0, 1, 2], [2, 1, 0]):
        triangles = np.array([triangle, [3, 3, 3], [0, 1, 4]], np.int32)
        raster = rasterize(vertices, triangles, 10, 10)
        assert raster.triangle_ids[2, 2] == 0
        assert raster.triangle_ids[9, 9] == -1
        assert raster.depth[9, 9] == -np.inf


def test_triangles_outside_the_image_are_clipped():
    vertices = np.array([[-50, -50, 1], [200, -50, 1], [-50, 200, 1]], np.float32)
    raster = rasterize(vertices, np.array([[0, 1, 2]], np.int32), 20, 30)
    assert (raster.triangle_ids == 0).all()
