from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagan_tf.simulator.head.morphable_model import MorphableModel
from dagan_tf.simulator.render.camera import Camera, Pose, rotation_matrix
from dagan_tf.simulator.render.rasterizer import interpolate, rasterize


def reference(vertices, triangles, height, width):
    """Every pixel against every triangle, in float64.

    Returns:
        Triangle ids, barycentric coordinates, depth, and which pixels are clear: farther than
        1e-6 pixels from every edge that could change their triangle, the next triangle more than
        1e-4 behind.
    """
    ids = np.full((height, width), -1)
    barycentric = np.zeros((height, width, 3))
    depth, second = np.full((2, height, width), -np.inf)
    margin = np.full((height, width), np.inf)
    for index, triangle in enumerate(triangles):
        p = vertices[triangle].astype(np.float64)
        u, v = p[1, :2] - p[0, :2], p[2, :2] - p[0, :2]
        area = u[0] * v[1] - v[0] * u[1]
        if area == 0 or not np.isfinite(p).all():
            continue
        low = np.clip(np.ceil(p[:, :2].min(axis=0) - 1), 0, (width, height)).astype(int)
        high = np.clip(np.floor(p[:, :2].max(axis=0) + 2), 0, (width, height)).astype(int)
        rows, columns = np.mgrid[low[1] : high[1], low[0] : high[0]]
        box = np.s_[low[1] : high[1], low[0] : high[0]]
        w1 = ((columns - p[0, 0]) * v[1] - v[0] * (rows - p[0, 1])) / area
        w2 = (u[0] * (rows - p[0, 1]) - (columns - p[0, 0]) * u[1]) / area
        weights = np.stack([1 - w1 - w2, w1, w2], axis=-1)
        sides = np.linalg.norm(p[[2, 0, 1], :2] - p[[1, 2, 0], :2], axis=1)
        outside = (-weights * abs(area) / sides).max(axis=-1)  # pixels, negative inside
        z = weights @ p[:, 2]
        # Near an edge, a triangle that lies wholly behind what is there can change nothing.
        matters = (abs(outside) < 1e-3) & (p[:, 2].max() >= depth[box] - 1e-4)
        margin[box] = np.where(matters, np.minimum(margin[box], abs(outside)), margin[box])
        wins = (outside <= 0) & (z > depth[box])
        second[box] = np.where(
            wins, depth[box], np.where(outside <= 0, np.maximum(second[box], z), second[box])
        )
        ids[box][wins], depth[box][wins], barycentric[box][wins] = index, z[wins], weights[wins]
    with np.errstate(invalid="ignore"):
        clear = (margin > 1e-6) & ~(depth - second <= 1e-4)
    return ids, barycentric, depth, clear


def check(vertices, triangles, height, width):
    """Compares with the reference wherever rounding leaves no doubt; returns the share of that."""
    raster = rasterize(vertices, triangles, height, width)
    ids, barycentric, depth, clear = reference(vertices, triangles, height, width)
    np.testing.assert_array_equal(raster.triangle_ids[clear], ids[clear])
    np.testing.assert_allclose(raster.barycentric[clear], barycentric[clear], atol=1e-6)
    np.testing.assert_allclose(raster.depth[clear], depth[clear], rtol=1e-6, atol=1e-5)
    assert raster.triangle_ids.dtype == np.int32
    assert raster.barycentric.dtype == raster.depth.dtype == np.float32
    return clear.mean()


# Larger than the image, of a few pixels, smaller than a pixel; depths of both signs.
@given(
    st.integers(0, 2**32 - 1), st.integers(1, 45), st.integers(1, 45), st.sampled_from([90, 5, 0.7])
)
@settings(max_examples=150)
def test_random_triangles_are_those_of_the_reference(seed, height, width, size):
    rng = np.random.default_rng(seed)
    corners = rng.uniform(-5, 50, (60, 1, 3)) + rng.uniform(-size, size, (60, 3, 3))
    corners[..., 2] -= 20.0
    order = rng.permutation(180).reshape(60, 3).astype(np.int32)
    vertices = np.empty((180, 3), np.float32)
    vertices[order] = corners
    # A pixel centre that an edge meets by chance may be the only one of a tiny image.
    doubtful = (1.0 - check(vertices, order, height, width)) * height * width
    assert doubtful < 0.01 * height * width + 2


@pytest.mark.parametrize("yaw", [0.0, 70.0])
def test_the_head_is_that_of_the_reference(yaw):
    model = MorphableModel.load()
    scale = 150.0 / float(np.ptp(model.mean, axis=0).max())
    camera = Camera(scale, rotation_matrix(Pose(yaw, 5.0, 3.0)), np.array([112.3, 111.9]))
    vertices = camera.project(model.mean - model.mean.mean(axis=0))
    # Symmetric edges of the head can touch pixel centres by chance, but hardly any.
    assert check(vertices, model.triangles, 224, 224) > 0.999


def grid(points):
    """Two triangles for each cell of an (R, C, 2) grid of points, at depth 0.1."""
    rows, columns = points.shape[:2]
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = (
        part.ravel() for part in (index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:])
    )
    triangles = np.concatenate([np.stack([a, b, c], 1), np.stack([d, b, c], 1)])
    depth = np.full((rows * columns, 1), 0.1)
    return np.hstack([points.reshape(-1, 2), depth]).astype(np.float32), triangles.astype(np.int32)


@given(st.integers(0, 2**32 - 1), st.booleans(), st.booleans())
@settings(max_examples=60)
def test_no_crack_opens_between_triangles(seed, columns_on_pixels, rows_on_pixels):
    rng = np.random.default_rng(seed)
    points = np.stack(np.meshgrid(np.arange(-4, 37, 4.0), np.arange(-4, 37, 4.0)), axis=-1)
    moved = points + rng.uniform(-1.2, 1.2, points.shape)
    for axis, kept in enumerate((columns_on_pixels, rows_on_pixels)):
        if kept:
            moved[..., axis] = points[..., axis]
    vertices, triangles = grid(moved)
    raster = rasterize(vertices, rng.permutation(triangles), 30, 30)
    assert (raster.triangle_ids >= 0).all()


def test_pixels_on_an_edge_go_to_the_first_triangle():
    # The cell of 4 x 4 pixels is cut from corner to corner: pixels (x, 4 - x) are on both.
    vertices, triangles = grid(np.array([[[0, 0], [4, 0]], [[0, 4], [4, 4]]], np.float64))
    upper = np.add.outer(np.arange(5), np.arange(5)) <= 4
    np.testing.assert_array_equal(rasterize(vertices, triangles, 5, 5).triangle_ids, ~upper)
    lower = np.add.outer(np.arange(5), np.arange(5)) >= 4
    np.testing.assert_array_equal(rasterize(vertices, triangles[::-1], 5, 5).triangle_ids, ~lower)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_of_equal_triangles_the_first_wins(seed):
    rng = np.random.default_rng(seed)
    vertices = rng.uniform(-10, 40, (9, 3)).astype(np.float32)
    vertices[:, 2] -= 15.0
    triangles = np.arange(9, dtype=np.int32).reshape(3, 3)
    once = rasterize(vertices, triangles, 30, 30)
    again = rasterize(vertices, np.concatenate([triangles, triangles]), 30, 30)
    for one, other in zip(once, again, strict=True):
        np.testing.assert_array_equal(one, other)


@given(st.integers(0, 10_000))
@settings(max_examples=25)
def test_barycentric_coordinates_give_back_the_pixel(seed):
    rng = np.random.default_rng(seed)
    vertices = rng.uniform(0, 30, (12, 3)).astype(np.float32)
    triangles = rng.permuted(np.tile(np.arange(12, dtype=np.int32), (6, 1)), axis=1)[:, :3]
    raster = rasterize(vertices, triangles, 30, 30)
    seen = raster.triangle_ids >= 0
    np.testing.assert_allclose(raster.barycentric.sum(axis=-1), seen, atol=1e-6)
    assert raster.barycentric.min() >= 0.0
    where = interpolate(raster, triangles, vertices[:, :2])
    assert where.shape == (30, 30, 2)
    assert where.dtype == np.float32
    rows, columns = np.mgrid[0:30, 0:30]
    np.testing.assert_allclose(where[seen], np.stack([columns, rows], -1)[seen], atol=1e-4)
    assert (where[~seen] == 0.0).all()


@pytest.mark.parametrize("channels", [1, 3, 7])
def test_interpolate_mixes_the_values_at_the_vertices(channels):
    # Values at pixel (2, 1) are 1/4, 1/2, 1/4 of the vertices'; nothing is beyond the diagonal.
    vertices = np.array([[0, 0, 0], [4, 0, 0], [0, 4, 0]], np.float32)
    attributes = np.arange(3 * channels, dtype=np.float32).reshape(3, channels)
    raster = rasterize(vertices, np.array([[0, 1, 2]], np.int32), 5, 6)
    np.testing.assert_array_equal(raster.barycentric[1, 2], [0.25, 0.5, 0.25])
    out = interpolate(raster, np.array([[0, 1, 2]], np.int32), attributes)
    np.testing.assert_array_equal(out[1, 2], channels + np.arange(channels))
    assert (out[3, 2] == 0.0).all()


@pytest.mark.parametrize("shift", [-7.0, -3.0, 0.0])
def test_the_nearer_triangle_wins_in_either_order(shift):
    square = np.array([[0, 0], [9, 0], [0, 9]], np.float32)
    near = np.column_stack([square, np.full(3, 5.0 + shift)])
    far = np.column_stack([square, np.full(3, 1.0 + shift)])
    vertices = np.concatenate([far, near]).astype(np.float32)
    for order in ([[0, 1, 2], [3, 4, 5]], [[3, 4, 5], [0, 1, 2]]):
        raster = rasterize(vertices, np.array(order, np.int32), 10, 10)
        assert raster.depth[2, 2] == 5.0 + shift
        assert order[raster.triangle_ids[2, 2]][0] == 3


def test_winding_does_not_matter():
    vertices = np.array([[1, 1, 0], [8, 1, 3], [1, 8, 5]], np.float32)
    one = rasterize(vertices, np.array([[0, 1, 2]], np.int32), 10, 10)
    other = rasterize(vertices, np.array([[2, 1, 0]], np.int32), 10, 10)
    np.testing.assert_array_equal(one.triangle_ids, other.triangle_ids)
    np.testing.assert_allclose(one.barycentric, other.barycentric[..., ::-1], atol=1e-6)
    np.testing.assert_allclose(one.depth, other.depth, atol=1e-5)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("depth", [0, 9])
def test_triangles_without_area_or_end_are_left_out(bad, axis, depth):
    vertices = np.array([[1, 1, 0], [8, 1, 0], [1, 8, 0], [4, 4, 9], [5, 6, depth]], np.float32)
    vertices[4, axis] = bad
    triangles = np.array(
        [[3, 3, 3], [0, 1, 4], [4, 1, 2], [2, 4, 0], [3, 3, 1], [0, 1, 2]], np.int32
    )
    raster = rasterize(vertices, triangles, 10, 10)
    assert set(np.unique(raster.triangle_ids)) == {-1, 5}
    assert raster.triangle_ids[9, 9] == -1
    assert raster.depth[9, 9] == -np.inf
    assert (raster.barycentric[9, 9] == 0.0).all()


@pytest.mark.parametrize(
    "heights", [(0.0, 1e-10, 0.6e-10), (0.6e-10, 0.0, 1e-10), (1e-10, 0.9e-10, 0.0)]
)
def test_a_sliver_keeps_to_the_depths_of_its_vertices(heights):
    # Row 0 is within rounding of the sliver, but many times its height away from it.
    vertices = np.column_stack([[0.0, 20.0, 10.0], heights, [1.0, 2.0, 101.0]]).astype(np.float32)
    raster = rasterize(vertices, np.array([[0, 1, 2]], np.int32), 8, 24)
    seen = raster.triangle_ids >= 0
    assert seen[0, 5:15].all()
    assert not seen[1:].any()
    assert raster.depth[seen].min() >= 1.0
    assert raster.depth[seen].max() <= 101.0
    assert raster.barycentric.min() >= 0.0
    np.testing.assert_allclose(raster.barycentric[seen].sum(axis=-1), 1.0, atol=1e-6)


def test_triangles_outside_the_image_are_clipped():
    vertices = np.array([[-50, -50, 1], [200, -50, 1], [-50, 200, 1]], np.float32)
    raster = rasterize(vertices, np.array([[0, 1, 2]], np.int32), 20, 30)
    assert (raster.triangle_ids == 0).all()
    far = vertices + np.array([[1e9, 0, 0], [1e9, 0, 0], [1e9, 0, 0]], np.float32)
    assert (rasterize(far, np.array([[0, 1, 2]], np.int32), 20, 30).triangle_ids == -1).all()


@pytest.mark.parametrize(("height", "width"), [(0, 7), (7, 0), (3, 5)])
def test_nothing_to_draw(height, width):
    vertices = np.array([[0, 0, 1], [9, 0, 1], [0, 9, 1]], np.float32)
    triangles = np.array([[0, 1, 2]], np.int32)[: int(height == 0 or width == 0)]
    raster = rasterize(vertices, triangles, height, width)
    assert raster.barycentric.shape == (height, width, 3)
    assert (raster.triangle_ids == -1).all()
    assert (raster.depth == -np.inf).all()
    assert (raster.barycentric == 0.0).all()


def test_threads_do_not_disturb_each_other():
    rng = np.random.default_rng(0)
    meshes = [rng.uniform(-5, 105, (300, 3)).astype(np.float32) for _ in range(8)]
    triangles = rng.integers(0, 300, (400, 3)).astype(np.int32)
    alone = [rasterize(vertices, triangles, 100, 100) for vertices in meshes]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda v: rasterize(v, triangles, 100, 100), meshes * 5))
    for index, raster in enumerate(together):
        np.testing.assert_array_equal(raster.triangle_ids, alone[index % 8].triangle_ids)
