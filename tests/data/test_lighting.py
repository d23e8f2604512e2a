"""Light changed by numbers that a pocket calculator confirms."""

import numpy as np
import pytest

from dagan_tf.data.lighting import LIGHT_DRAWS, relight


def test_no_change():
    image = np.linspace(-0.99, 1, 12, dtype=np.float32).reshape(2, 2, 3)
    np.testing.assert_allclose(relight(image, np.zeros(LIGHT_DRAWS, np.float32)), image, atol=1e-6)


@pytest.mark.parametrize(
    ("draws", "wanted"),
    [
        # 0.25 · exp(0.25) = 0.3210, twice less 1.
        ([1, 0, 0, 0, 0], (-0.3580, -0.3580, -0.3580)),
        # Red alone: 0.25 · exp(-0.12) = 0.2217.
        ([0, -1, 0, 0, 0], (-0.5565, -0.5, -0.5)),
        # 0.25 ** exp(0.25) = 0.1686.
        ([0, 0, 0, 0, 1], (-0.6627, -0.6627, -0.6627)),
        ([9, 0, 0, 0, 0], (1, 1, 1)),
    ],
)
def test_brightness_colour_gamma(draws, wanted):
    image = np.full((1, 1, 3), -0.5, np.float32)
    draws = np.pad(np.array(draws, np.float32), (0, LIGHT_DRAWS - len(draws)))
    got = np.asarray(relight(image, draws))[0, 0]
    np.testing.assert_allclose(got, wanted, atol=2e-4)


def test_light_from_one_side():
    image = np.full((6, 6, 3), -0.5, np.float32)
    # The right column of the grid is the brighter one.
    draws = np.array([0] * 5 + [0, 0, 1] * 3, np.float32)
    got = np.asarray(relight(image, draws))[..., 0]
    # 0.25 · exp(0.3) = 0.3375; places at the edge may overshoot a little.
    assert got[3, 5] == pytest.approx(2 * 0.3375 - 1, abs=0.02)
    np.testing.assert_allclose(got[:, :2], -0.5, atol=0.03)
    np.testing.assert_allclose(got, got[:1].repeat(6, axis=0), atol=1e-6)
