import numpy as np
import pytest

from dagan_tf.simulator.head.mesh import Mesh


def octahedron():
    vertices = np.array(
        [[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], np.float32
    )
    triangles = np.array(
        [
            [0, 2, 4], [2, 1, 4], [1, 3, 4], [3, 0, 4],
            [2, 0, 5], [1, 2, 5], [3, 1, 5], [0, 3, 5],
        ],
        np.int32,
    )  # fmt: skip
    return vertices, triangles


@pytest.mark.parametrize("flip", [False, True])
def test_normals_point_outwards_whatever_the_winding(flip):
    vertices, triangles = octahedron()
    mesh = Mesh(vertices, triangles[:, ::-1] if flip else triangles)
    np.testing.assert_allclose(mesh.normals(vertices), vertices, atol=1e-6)


def test_a_closed_mesh_has_no_rim_and_an_open_one_measures_from_it():
    vertices, triangles = octahedron()
    assert np.isinf(Mesh(vertices, triangles).rim_distance).all()
    # Without the four lower triangles (those at y = -1) the cut runs round y = 0; it counts as
    # the neck's only where it lies below the mean height.
    lower = (triangles == 3).any(axis=1)
    raised = vertices.copy()
    raised[3] = [0, 2, 0]
    mesh = Mesh(raised.astype(np.float32), triangles[~lower])
    assert mesh.rim_distance[0] == 0.0
    np.testing.assert_allclose(mesh.rim_distance[2], np.sqrt(2.0), rtol=1e-6)


def test_fill_spreads_known_values_and_keeps_them():
    # A strip of vertices 0-1-2-3: both ends known, the two between interpolate linearly.
    vertices = np.array(
        [[0, 0, 0], [1, 0, 0], [2, 0, 0], [3, 0, 0], [0, 1, 0], [1, 1, 0], [2, 1, 0], [3, 1, 0]],
        np.float32,
    )
    quads = [(0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6)]
    triangles = np.array([t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))], np.int32)
    mesh = Mesh(vertices, triangles)
    values = np.zeros((8, 1), np.float32)
    values[[3, 7]] = 9.0
    confidence = np.array([1, 0, 0, 1, 1, 0, 0, 1], np.float32)
    filled = mesh.fill(values, confidence * 1e4, np.zeros(8, bool))[:, 0]
    np.testing.assert_allclose(filled[[0, 4]], 0.0, atol=1e-3)
    np.testing.assert_allclose(filled[[3, 7]], 9.0, atol=1e-3)
    assert (filled[[1, 5]] > 2.0).all()
    assert (filled[[1, 5]] < 4.0).all()
    # A border between regions keeps the value of its own side.
    split = mesh.fill(values, confidence * 1e4, vertices[:, 0] > 1.5)[:, 0]
    assert split[[1, 5]].max() < 0.5
    assert split[[2, 6]].min() > 8.5


@pytest.mark.parametrize("flip", [False, True])
def test_front_facing_triangles_are_those_towards_the_viewer(flip):
    vertices, triangles = octahedron()
    mesh = Mesh(vertices, triangles[:, ::-1] if flip else triangles)
    projected = vertices * [1, -1, 1]  # y down in the image
    front = mesh.front_facing(projected.astype(np.float32))
    assert len(front) == 4
    assert (front == 4).any(axis=1).all()  # all have the corner at z = 1


def test_the_least_around_is_that_of_a_vertex_or_its_neighbours():
    vertices, triangles = octahedron()
    values = np.array([5.0, 4.0, 3.0, 6.0, 9.0, 7.0])
    # Each vertex has all others for neighbours but the opposite one.
    least = Mesh(vertices, triangles).least_around(values)
    np.testing.assert_array_equal(least, [3, 3, 3, 4, 3, 3])
