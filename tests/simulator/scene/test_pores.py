"""Fine structure for skin that is filled: as strong as seen, alike in all directions."""

import numpy as np
import pytest

from dagan_tf.simulator.scene.pores import (
    MOST_BRIGHT_PORES,
    MOST_PORES,
    PORES_SIDE,
    pore_block,
    pore_strength,
)

PLACES = np.random.default_rng(0).uniform(20, 380, (500, 2)).astype(np.float32)
SKIN = np.ones(500, np.float32)


def photo(level, noise):
    draws = np.random.default_rng(1).normal(level, noise, (400, 400))
    return np.clip(draws, 0, 255).astype(np.float32)


def test_pores_are_as_strong_as_seen_and_no_freckles():
    faint = pore_strength(photo(150, 1.0), PLACES, SKIN)
    assert pore_strength(photo(150, 2.0), PLACES, SKIN) == pytest.approx(2 * faint, rel=0.1)
    assert 0.5 < faint * pore_block().std() < 1.0
    black, bright = (pore_strength(photo(level, 12.0), PLACES, SKIN) for level in (40, 150))
    most = [MOST_PORES + MOST_BRIGHT_PORES * level for level in (40, 150)]
    assert bright / black == pytest.approx(most[1] / most[0], rel=0.02)
    assert pore_strength(photo(150, 5.0), PLACES, 0 * SKIN) == 0


def test_pores_are_alike_in_all_directions_and_have_no_seams():
    block = pore_block().astype(np.float32)
    assert block.shape == (PORES_SIDE,) * 3
    assert abs(block.mean()) < 0.1
    assert 10 < block.std() < 40
    steps = [np.abs(np.diff(block, axis=axis)).mean() for axis in range(3)]
    assert max(steps) < 1.05 * min(steps)
    for axis in range(3):
        turned = np.moveaxis(block, axis, 0)
        assert np.abs(turned[0] - turned[-1]).mean() < 1.1 * steps[axis]
