from dataclasses import replace

import numpy as np
import pytest

from dagan_tf.simulator.head.regions import HeadRegions
from dagan_tf.simulator.scene.hair import MOST_GROWTH, fit_outline, growth_along_rays
from dagan_tf.simulator.scene.outline import outline_radii
from tests.simulator.scene.test_outline import disc


def ball(loose):
    rng = np.random.default_rng(0)
    points = rng.standard_normal((4000, 3))
    points = 30 * points / np.linalg.norm(points, axis=1, keepdims=True) + [50, 50, 0]
    regions = HeadRegions(
        hair=np.zeros(4000, np.float32),
        loose=np.full(4000, loose, np.float32),
        grows=np.ones(4000, np.float32),
        ear=np.zeros(4000, np.float32),
        mouth=np.zeros(4000, np.float32),
        eyes=np.zeros(4000, np.float32),
        under_jaw=np.zeros(4000, np.float32),
        jaw_edge=np.zeros(4000, np.float32),
        jaw_slope=np.zeros(4000, np.float32),
        beside_nose=np.zeros(4000, np.float32),
        under_eyes=np.zeros(4000, np.float32),
        lower_face=np.zeros(4000, np.float32),
        front=np.zeros(4000, np.float32),
        skull=np.ones(4000, bool),
        scalp=np.zeros(4000, bool),
        brows=np.zeros(4000, bool),
        middle=np.zeros(4000, np.float32),
        height=1.0,
    )
    return points.astype(np.float32), regions


ALL = np.ones((101, 101), bool)


def test_growth_is_the_ratio_of_the_outlines_within_limits():
    centre = np.array([50.0, 50.0])
    head = outline_radii(disc(101, (50, 50), 30), centre)
    small = outline_radii(disc(101, (50, 50), 20), centre)
    np.testing.assert_allclose(
        growth_along_rays(head, disc(101, (50, 50), 36), centre, ALL), 1.2, atol=0.04
    )
    np.testing.assert_allclose(
        growth_along_rays(small, disc(101, (50, 50), 45), centre, ALL), MOST_GROWTH
    )
    # A person who reaches the image's edge has no outline there.
    np.testing.assert_allclose(growth_along_rays(head, ALL, centre, ALL), 1.0)


def test_where_the_photo_ends_on_the_head_the_outline_is_that_of_the_next_rays():
    centre = np.array([50.0, 50.0])
    head = outline_radii(disc(101, (50, 50), 30), centre)
    shown = ALL.copy()
    shown[:25] = False  # the photo ends below the crown
    growth = growth_along_rays(head, disc(101, (50, 50), 36), centre, shown)
    np.testing.assert_allclose(growth, 1.2, atol=0.06)


@pytest.mark.parametrize(("loose", "radius"), [(0.0, 30.0), (0.5, 33.0), (1.0, 36.0)])
def test_loose_parts_take_the_person_s_outline(loose, radius):
    points, regions = ball(loose)
    grown = fit_outline(points, regions, np.full(180, 1.2), np.full(180, 30.0))
    centre = points.mean(axis=0)
    np.testing.assert_allclose(np.linalg.norm(grown - centre, axis=1), radius, atol=0.8)


def test_only_the_side_that_stands_out_is_moved():
    points, regions = ball(1.0)
    growth = np.ones(180)
    growth[160:] = growth[:20] = 1.3  # to the right
    grown = fit_outline(points, regions, growth, np.full(180, 30.0))
    assert np.ptp(grown[:, 0]) > np.ptp(points[:, 0]) + 7
    assert abs(grown[:, 0].min() - points[:, 0].min()) < 1.0


def test_what_may_not_grow_still_shrinks_to_the_outline():
    points, regions = ball(1.0)
    centre = points[regions.skull].mean(axis=0)
    fixed = replace(regions, grows=np.zeros(4000, np.float32))
    radii = np.full(180, 30.0)
    grown = fit_outline(points, fixed, np.full(180, 1.2), radii)
    np.testing.assert_allclose(grown, points, atol=1e-4)
    shrunk = fit_outline(points, fixed, np.full(180, 0.9), radii)
    np.testing.assert_allclose(shrunk - centre, 0.9 * (points - centre), atol=1e-3)


def test_an_ear_moves_as_a_whole():
    points, regions = ball(1.0)
    ear = (points[:, 0] > 70) & (np.abs(points[:, 1] - 50) < 12)
    regions = replace(regions, ear=ear.astype(np.float32))
    growth = 1.2 + 0.1 * np.sin(np.linspace(0, 8 * np.pi, 180))
    moved = fit_outline(points, regions, growth, np.full(180, 30.0)) - points
    assert np.linalg.norm(moved[ear], axis=1).min() > 2.0
    np.testing.assert_allclose(
        moved[ear], np.broadcast_to(moved[ear][0], moved[ear].shape), atol=1e-4
    )
    assert moved[~ear].std(axis=0).min() > 0.3
