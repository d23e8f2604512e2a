import numpy as np
import pytest

from dagan_tf.simulator.scene import surroundings as scene
from dagan_tf.simulator.scene.surroundings import HeadOutline
from tests.simulator.scene.test_outline import disc


def head(centre, radius):
    centre = np.array(centre, np.float64)
    neck = centre + np.array([0.0, radius])
    return HeadOutline(centre, np.full(180, float(radius)), neck, np.array([-8.0, 8.0]), 0.0)


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
    source = on_a_neck(-8.0, 8.0, 0.0)
    target = source._replace(neck=np.array([46.0, 58.0]))
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


def on_a_neck(left, right, yaw):
    return HeadOutline(
        np.array([50.0, 40.0]),
        np.full(180, 15.0),
        np.array([50.0, 58.0]),
        np.array([left, right]),
        yaw,
    )


@pytest.mark.parametrize("side", [1, -1])
def test_the_far_shoulder_of_a_turned_person_draws_near_the_neck(side):
    source = on_a_neck(-8.0, 8.0, 0.0)
    target = on_a_neck(-8.0, 8.0, side * 60.0)
    places = scene.surroundings(source, target, 100).places
    # The throat's edge shows what is an outline's radius beyond the neck, and so on outwards; no
    # higher and no lower.
    np.testing.assert_allclose(places[70, 50 + side * 16], [50 + side * (8 + 15 + 8), 70], atol=0.5)
    # The near one is drawn nearer to the viewer.
    np.testing.assert_allclose(places[70, 50 - side * 16], [50 - side * 12, 70], atol=1.0)
    # Nothing is sought where photos end.
    assert places[..., 0].min() > -50.0
    assert places[..., 0].max() < 150.0


def test_what_a_view_shows_of_the_neck_is_neck():
    source, target = on_a_neck(-10.0, 10.0, 0.0), on_a_neck(-14.0, 20.0, 90.0)
    places = scene.surroundings(source, target, 100).places
    # Up to where the head covers it: farther out the shoulder comes from behind.
    assert places[66, 36:62, 0].min() > 39.0
    assert places[66, 36:62, 0].max() < 61.0


def test_shoulders_that_are_turned_already_keep_their_place():
    source = on_a_neck(-9.0, 12.0, 60.0)
    places = scene.surroundings(source, source, 100).places
    rows, columns = np.mgrid[0:100, 0:100]
    np.testing.assert_allclose(places, np.stack([columns, rows], -1), atol=1e-2)


def test_shoulders_in_a_corner_go_with_the_neck():
    source = on_a_neck(-8.0, 8.0, 0.0)
    target = source._replace(neck=np.array([46.0, 58.0]))
    places = scene.surroundings(source, target, 100).places
    np.testing.assert_allclose(places[63, 68], [72.0, 63.0], atol=0.5)


@pytest.mark.parametrize("side", [1, -1])
def test_before_the_throat_of_a_turned_person_no_shoulder_hides_the_backdrop(side):
    source = on_a_neck(-8.0, 8.0, 0.0)
    turned = source._replace(neck=np.array([50.0 - side * 8.0, 58.0]), yaw=side * 90.0)
    around = scene.surroundings(source, turned, 100)
    assert around.hidden[66, 50 + side * 16] > 0.9
    assert around.hidden[66, 50 - side * 16] == 0.0
    assert around.hidden[20].max() == 0.0
    # Shoulders that need not be sought far away are shown.
    near = turned._replace(yaw=side * 25.0)
    assert scene.surroundings(source, near, 100).hidden.max() == 0.0
