import numpy as np

from dagan_tf.simulator import scene


def disc(size, centre, radius):
    rows, columns = np.mgrid[0:size, 0:size]
    return np.hypot(columns - centre[0], rows - centre[1]) <= radius


def test_the_outline_of_a_disc_is_its_radius():
    radii = scene.outline_radii(disc(101, (50, 50), 30), np.array([50.0, 50.0]))
    np.testing.assert_allclose(radii, 30.0, atol=1.0)


def test_the_outline_follows_a_head_that_is_off_centre():
    radii = scene.outline_radii(disc(101, (60, 50), 30), np.array([50.0, 50.0]))
    assert abs(radii[0] - 40.0) < 1.0  # ray 0 points to the right
    assert abs(radii[180] - 20.0) < 1.0


def test_surroundings_stay_where_the_head_did_not_move():
    rng = np.random.default_rng(0)
    photo = np.repeat(np.repeat(rng.integers(0, 255, (20, 20, 3)), 10, 0), 10, 1).astype(np.uint8)
    mask = disc(200, (99.5, 99.5), 40)
    frame = mask[50:150, 50:150]
    moved = scene.carry_surroundings(
        photo, mask, np.array([99.5, 99.5]), frame, np.array([49.5, 49.5]), 1.0
    )
    away = ~disc(100, (49.5, 49.5), 46)
    expected = photo[50:150, 50:150].astype(np.float32)
    assert np.median(np.abs(moved - expected)[away]) < 20.0
    corners = np.abs(moved - expected)[:4, :4]
    assert corners.mean() < 40.0


def test_what_lay_on_the_old_outline_lies_on_the_new_one():
    # A white head with a red rim (its hair) on green: the rim must surround the larger new head,
    # and no white of the old face may show outside.
    photo = np.zeros((200, 200, 3), np.uint8)
    photo[:] = (0, 200, 0)
    photo[disc(200, (99.5, 99.5), 46)] = (200, 0, 0)
    photo[disc(200, (99.5, 99.5), 30)] = (255, 255, 255)
    target = disc(100, (54.5, 49.5), 34)
    moved = scene.carry_surroundings(
        photo,
        disc(200, (99.5, 99.5), 30),
        np.array([99.5, 99.5]),
        target,
        np.array([54.5, 49.5]),
        1.0,
    )
    ring = disc(100, (54.5, 49.5), 40) & ~disc(100, (54.5, 49.5), 36)
    assert (moved[ring][:, 0] > 150).mean() > 0.95
    assert moved[~target][:, 2].max() < 60


def test_compose_is_linear_in_coverage():
    head = np.full((2, 2, 3), 50.0, np.float32)
    around = np.full((2, 2, 3), 200.0, np.float32)
    coverage = np.array([[0.0, 1.0], [0.5, 0.25]], np.float32)
    image = scene.compose(head * coverage[..., None], coverage, around)
    np.testing.assert_array_equal(image[..., 0], np.rint(50 * coverage + 200 * (1 - coverage)))
