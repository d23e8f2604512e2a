"""Fine structure for skin that is filled: as strong as seen, alike in all directions."""

import numpy as np
import pytest

from dagan_tf.simulator.scene.pores import MOST_BRIGHT_PORES, MOST_PORES, PORES_SIDE, pores

PLACES = np.random.default_rng(0).uniform(20, 380, (500, 2)).astype(np.float32)
SKIN = np.ones(500, np.float32)


def photo(level, noise):
    draws = np.random.default_rng(1).normal(level, noise, (400, 400))
    return np.clip(draws, 0, 255).astype(np.float32)


def test_pores_are_as_strong_as_seen_and_no_freckles():
    faint = pores(photo(150, 1.0), PLACES, SKIN)
    assert faint.shape == (PORES_SIDE,) * 3
    assert faint.dtype == np.float32
    assert abs(faint.mean()) < 0.01
    np.testing.assert_allclose(pores(photo(150, 2.0), PLACES, SKIN), 2 * faint, rtol=0.1, atol=1e-3)
    black, bright = (pores(photo(level, 12.0), PLACES, SKIN).std() for level in (40, 150))
    most = [MOST_PORES + MOST_BRIGHT_PORES * level for level in (40, 150)]
    assert bright / black == pytest.approx(most[1] / most[0], rel=0.02)
    assert pores(photo(150, 5.0), PLACES, 0 * SKIN).std() == 0


def test_pores_are_alike_in_all_directions_and_have_no_seams():
    block = pores(photo(150, 5.0), PLACES, SKIN)
    steps = [np.abs(np.diff(block, axis=axis)).mean() for axis in range(3)]
    assert max(steps) < 1.05 * min(steps)
    for axis in range(3):
        turned = np.moveaxis(block, axis, 0)
        assert np.abs(turned[0] - turned[-1]).mean() < 1.1 * steps[axis]
