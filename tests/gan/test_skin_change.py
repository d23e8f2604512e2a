"""However far the refiner wants to go, the change stays within its limits, and on skin."""

import numpy as np
import pytest

from dagan_tf.gan.skin_change import DETAIL, HUE, LIGHT, SkinChange

SIDE = 24


def change(images, light=0.0, hue=(0.0, 0.0, 0.0), detail=0.0, matte=100.0):
    def spread(value, channels=1):
        return np.zeros((1, SIDE, SIDE, channels), np.float32) + np.asarray(value, np.float32)

    wanted = [spread(light), spread(hue, 3), spread(detail), spread(matte)]
    return np.asarray(SkinChange()([images, *wanted]))


def plane(*colour):
    return np.broadcast_to(np.asarray(colour, np.float32), (1, SIDE, SIDE, 3)).copy()


def grain():
    return np.random.default_rng(0).uniform(-0.4, 0.4, (1, SIDE, SIDE, 3)).astype(np.float32)


def test_wanting_nothing_changes_nothing():
    np.testing.assert_array_equal(change(grain()), grain())


@pytest.mark.parametrize("sign", [-1, 1])
def test_light_and_detail_multiply_up_to_their_limits(sign):
    brown = plane(0.0, -0.3, -0.6)
    got = change(brown, light=sign * 1000.0)
    np.testing.assert_allclose(got + 1.0, (brown + 1.0) * np.exp(sign * LIGHT), rtol=1e-4)
    got = change(brown, detail=sign * 1000.0)
    np.testing.assert_allclose(got + 1.0, (brown + 1.0) * (1.0 + sign * DETAIL), rtol=1e-4)
    black = plane(-1, -1, -1)
    np.testing.assert_allclose(change(black, light=1000.0, detail=1000.0), black)


def test_small_wishes_are_granted_as_they_are():
    got = change(plane(0, 0, 0), light=0.01) + 1.0
    np.testing.assert_allclose(got, np.exp(0.01), rtol=1e-5)
    got = change(plane(0, 0, 0), detail=0.01) + 1.0
    np.testing.assert_allclose(got, 1.01, rtol=1e-5)


def test_hue_changes_channels_apart_and_grey_stays_grey():
    brown = plane(0.0, -0.3, -0.6)
    got = change(brown, hue=(1000.0, 0.0, -1000.0))
    np.testing.assert_allclose(
        (got + 1.0) / (brown + 1.0), np.exp(HUE * np.array([1, 0, -1]) + 0 * brown), rtol=1e-4
    )
    grey = plane(0.2, 0.2, 0.2)
    np.testing.assert_array_equal(change(grey, hue=(1000.0, 0.0, -1000.0)), grey)


def test_nothing_happens_off_the_skin_and_it_sets_in_from_its_rim_on():
    x = grain()
    np.testing.assert_allclose(change(x, light=3.0, detail=3.0, matte=-100.0), x, atol=1e-6)
    matte = np.full((1, SIDE, SIDE, 1), 100.0, np.float32)
    matte[:, :, 12:] = -100.0
    moved = np.abs(change(plane(0, 0, 0), light=1000.0, matte=matte)).max(axis=(0, 1, 3))
    assert moved[12:].max() < 1e-6
    assert moved[11] < 0.3 * moved[0]
    assert np.all(np.diff(moved[7:12]) < 0)
    np.testing.assert_allclose(moved[:7], np.exp(LIGHT) - 1.0, rtol=1e-4)
