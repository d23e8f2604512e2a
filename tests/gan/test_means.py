"""Means around each pixel, against those that SciPy finds."""

import numpy as np
import pytest
from scipy.ndimage import uniform_filter

from dagan_tf.gan.means import mean_around


@pytest.mark.parametrize("side", [3, 5])
def test_means_are_those_of_scipy_channel_by_channel(side):
    images = np.random.default_rng(0).normal(0, 1, (2, 11, 8, 3)).astype(np.float32)
    wanted = uniform_filter(images, (1, side, side, 1), mode="mirror")
    np.testing.assert_allclose(mean_around(images, side), wanted, atol=1e-5)
