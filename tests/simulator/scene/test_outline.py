import numpy as np

from dagan_tf.simulator.scene.outline import along_rays, outline_radii, ray_directions


def disc(size, centre, radius):
    rows, columns = np.mgrid[0:size, 0:size]
    return np.hypot(columns - centre[0], rows - centre[1]) <= radius


def test_the_outline_of_a_disc_is_its_radius():
    radii = outline_radii(disc(101, (50, 50), 30), np.array([50.0, 50.0]))
    np.testing.assert_allclose(radii, 30.0, atol=1.0)


def test_the_outline_follows_a_head_that_is_off_centre():
    radii = outline_radii(disc(101, (60, 50), 30), np.array([50.0, 50.0]))
    assert abs(radii[0] - 40.0) < 1.0  # ray 0 points to the right
    assert abs(radii[90] - 20.0) < 1.0


def test_a_ray_ends_where_it_first_leaves_and_not_at_the_image_s_edge():
    mask = disc(101, (50, 50), 20)
    mask[45:56, 75:] = True  # something behind a gap, and reaching the edge
    assert abs(outline_radii(mask, np.array([50.0, 50.0]))[0] - 20.0) < 1.0
    mask[45:56, 50:] = True
    radii = outline_radii(mask, np.array([50.0, 50.0]))
    assert np.isinf(radii[0])
    assert np.isfinite(radii[90])


def test_values_are_linear_between_rays():
    values = np.arange(180.0)
    at = along_rays(values, 7.0 * ray_directions()[[0, 10, 90, 179]])
    np.testing.assert_allclose(at, [0, 10, 90, 179], atol=1e-9)
    between = ray_directions()[10] + ray_directions()[11]
    np.testing.assert_allclose(along_rays(values, between[None]), 10.5)
