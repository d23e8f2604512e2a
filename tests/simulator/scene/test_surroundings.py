import numpy as np

from dagan_tf.simulator.scene import surroundings as scene
from dagan_tf.simulator.scene.surroundings import HeadOutline
from tests.simulator.scene.test_outline import disc


def head(centre, radius):
    centre = np.array(centre, np.float64)
    return HeadOutline(centre, np.full(180, float(radius)), centre + np.array([0.0, radius]))


def test_nothing_moves_when_the_head_does_not():
    outline = head((49.5, 45.0), 20)
    around = scene.surroundings(outline, outline, 100)
    rows, columns = np.mgrid[0:100, 0:100]
    np.testing.assert_allclose(around.places, np.stack([columns, rows], -1), atol=1e-2)


def test_what_lay_on_the_old_outline_lies_on_the_new_one_and_the_corners_rest():
    source, target = head((49.5, 49.5), 15), head((54.5, 49.5), 22)
    around = scene.surroundings(source, target, 100)
    ring = disc(100, (54.5, 49.5), 22.6) & ~disc(100, (54.5, 49.5), 21.4)
    ring[55:] = False  # below there are shoulders
    radius = np.hypot(*(around.places[ring] - source.centre).T)
    np.testing.assert_allclose(radius, 15, atol=0.8)
    rows, columns = np.mgrid[0:100, 0:100]
    rest = np.abs(around.places - np.stack([columns, rows], -1))
    assert rest[:3, :3].max() < 1e-2
    # No tear: neighbouring pixels of the view show neighbouring places of the photo.
    assert np.abs(np.diff(around.places, axis=0)).max() < 8
    assert np.abs(np.diff(around.places, axis=1)).max() < 8


def test_shoulders_go_with_the_neck():
    source = HeadOutline(np.array([50.0, 40.0]), np.full(180, 15.0), np.array([50.0, 58.0]))
    target = HeadOutline(np.array([50.0, 40.0]), np.full(180, 15.0), np.array([46.0, 58.0]))
    places = scene.surroundings(source, target, 100).places
    np.testing.assert_allclose(places[56, 50], [54.0, 56.0], atol=0.3)


def test_surroundings_lie_behind_the_head():
    outline = head((49.5, 49.5), 20)
    depth = scene.surroundings(outline, outline, 100).depth
    assert depth[49, 49] == 0
    assert depth[0, 0] == -20
    assert np.isfinite(depth).all()


def test_compose_is_linear_in_coverage():
    face = np.full((2, 2, 3), 50.0, np.float32)
    around = np.full((2, 2, 3), 200.0, np.float32)
    coverage = np.array([[0.0, 1.0], [0.5, 0.25]], np.float32)
    image = scene.compose(face * coverage[..., None], coverage, around)
    np.testing.assert_array_equal(image[..., 0], np.rint(50 * coverage + 200 * (1 - coverage)))
