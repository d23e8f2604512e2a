"""Strands of long hair run down, wave with curly hair, repeat, and are no stronger than allowed."""

import numpy as np
import pytest

from dagan_tf.simulator.scene.grain import SIDE
from dagan_tf.simulator.scene.long_strands import long_strands


def seen(contrast: float, curly: bool = False) -> np.ndarray:
    """What a photo shows: noise, or stripes that run down."""
    noise = np.random.default_rng(1).standard_normal((SIDE if curly else 1, SIDE))
    return (contrast * np.broadcast_to(noise, (SIDE, SIDE))).astype(np.float32)


def steepness(tile: np.ndarray) -> float:
    """How much more it changes across than down."""
    return float(np.diff(tile, axis=1).std() / np.diff(tile, axis=0).std())


def test_strands_run_down_the_columns_and_wave_if_the_photo_s_do():
    straight, curly = (long_strands(seen(0.15, curls)) for curls in (False, True))
    assert abs(straight.mean()) < 1e-4
    assert steepness(straight) > 1.3 * steepness(curly)
    assert steepness(curly) > 2.0


def test_contrast_follows_the_photo_within_limits():
    assert long_strands(seen(0.16)).std() == pytest.approx(0.6 * seen(0.16).std(), rel=0.01)
    assert 0.02 < long_strands(seen(0.0)).std() < 0.05
    assert long_strands(seen(2.0)).std() < 0.17


def test_the_tile_repeats_without_seams():
    tile = long_strands(seen(0.15))
    for axis in (0, 1):
        seam = np.abs(np.take(tile, 0, axis) - np.take(tile, -1, axis)).mean()
        assert seam < 2.0 * np.abs(np.diff(tile, axis=axis)).mean()
