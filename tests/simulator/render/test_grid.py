"""Points and images from one square of pixels to another."""

import cv2
import numpy as np
import pytest

from dagan_tf.simulator.render.grid import Grid, grids

FRAME, FINE, CANVAS, WORK = grids(100)


def test_the_squares_of_a_frame() -> None:
    assert (FRAME.side, FINE.side, CANVAS.side, WORK.side) == (100, 200, 300, 256)
    assert (FRAME.density, FINE.density, CANVAS.density) == (1.0, 2.0, 1.5)
    assert WORK.per(CANVAS) == 256 / 300


def test_places_in_the_canvas_share_the_centre() -> None:
    np.testing.assert_allclose(FRAME.carry(np.array([49.5, 49.5]), CANVAS), 149.5)
    np.testing.assert_allclose(FRAME.carry(np.array([51.5, 49.5]), CANVAS)[0], 152.5)
    np.testing.assert_allclose(CANVAS.carry(np.array([152.5, 149.5]), FRAME), [51.5, 49.5])


@pytest.mark.parametrize(("one", "other"), [(FRAME, FINE), (CANVAS, WORK)])
def test_squares_of_one_extent_share_corners_and_middle(one: Grid, other: Grid) -> None:
    points = np.array([[-0.5, one.side - 0.5], [one.middle, one.middle]])
    found = one.carry(points, other)
    expected = [[-0.5, other.side - 0.5], [other.middle, other.middle]]
    np.testing.assert_allclose(found, expected)
    np.testing.assert_allclose(other.carry(found, one), points)


def test_depths_are_scaled_with_the_places() -> None:
    points = np.float32([[-0.5, 299.5, 30.0], [10.0, 20.0, -6.0]])
    found = CANVAS.carry_depth(points, WORK)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[:, :2], CANVAS.carry(points[:, :2], WORK), rtol=1e-5)
    np.testing.assert_allclose(found[:, 2], points[:, 2] * 256 / 300, rtol=1e-6)


def test_points_fall_where_images_do() -> None:
    """What is carried as an image lies where it is carried as a point."""
    image = np.zeros((300, 300), np.float32)
    image[120:135, 60:90] = 1.0
    seen = WORK.averaged(image)
    row, column = (np.average(axis, weights=seen) for axis in np.mgrid[:256, :256])
    np.testing.assert_allclose(
        [column, row], CANVAS.carry(np.array([74.5, 127.0]), WORK), atol=0.01
    )
    back = CANVAS.spread(seen)
    row, column = (np.average(axis, weights=back) for axis in np.mgrid[:300, :300])
    np.testing.assert_allclose([column, row], [74.5, 127.0], atol=0.05)


def test_masks_become_shares() -> None:
    mask = np.zeros((200, 200), bool)
    mask[:3, :2] = True
    shares = FRAME.averaged(mask)
    assert shares.dtype == np.float32
    np.testing.assert_array_equal(shares[:2, 0], [1.0, 0.5])
    image = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)
    area = cv2.resize(image, (100, 100), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(FRAME.averaged(image), area)
