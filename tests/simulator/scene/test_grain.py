from types import SimpleNamespace

import numpy as np
import pytest

from dagan_tf.simulator.scene import grain as grains
from dagan_tf.simulator.scene.grain import PLAIN_HAIR, SIDE, grain, grain_places

POSITIONS = np.stack(np.meshgrid(np.arange(20, 60), np.arange(20, 60)), axis=-1).reshape(-1, 2)
ONES = np.ones(len(POSITIONS))


def test_strands_are_drawn_out_and_tile_without_seams():
    _, strands = grain(np.full((80, 80, 3), 90, np.uint8), POSITIONS, 0 * ONES, ONES)
    across, along = (np.abs(np.diff(strands, axis=axis)).mean() for axis in (1, 0))
    assert across > 4 * along
    for axis in (0, 1):
        step = np.abs(np.diff(strands, axis=axis)).mean()
        seam = np.abs(strands.take(0, axis=axis) - strands.take(-1, axis=axis)).mean()
        assert seam < 1.5 * step
    np.testing.assert_allclose(strands.std(), PLAIN_HAIR, rtol=1e-3)


@pytest.mark.parametrize(("contrast", "expected"), [(0.0, "least"), (0.15, None), (2.0, "most")])
def test_hair_s_contrast_is_the_photo_s_within_limits(contrast, expected):
    noise = np.random.default_rng(0).standard_normal((80, 80, 1))
    photo = np.clip(100 * (1 + contrast * noise), 0, 255).astype(np.uint8).repeat(3, axis=2)
    _, strands = grain(photo, POSITIONS, ONES, ONES)
    limits = {"least": grains._LEAST_HAIR, "most": grains._MOST_HAIR}
    np.testing.assert_allclose(strands.std(), limits.get(expected, contrast), rtol=0.15)


def test_strands_run_from_the_crown_down_and_hang_below_the_ears():
    angles = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    ball = np.random.default_rng(0).standard_normal((4000, 3))
    ball /= np.linalg.norm(ball, axis=1, keepdims=True)
    ring = np.stack([0.5 * np.sin(angles), np.full(400, -1.0), 0.5 * np.cos(angles)], axis=1)
    lower = ring - [0.0, 0.5, 0.0]
    rest = np.concatenate([ball, -ball, ring, lower]).astype(np.float32)
    regions = SimpleNamespace(skull=np.arange(len(rest)) < 8000)
    _, _, across, along = grain_places(rest, regions, 100.0).T
    crown = np.array([0.0, 0.85, -0.53]) / np.hypot(0.85, 0.53)
    above = ball[:, 1] > 0.0
    down = np.arccos(np.clip(ball @ crown, -1, 1))
    np.testing.assert_allclose(along[:4000][above], 100 * down[above], atol=2.0)
    # Straight down, the strand stays the same and the place along it follows the way.
    np.testing.assert_allclose(across[-400:], across[-800:-400], atol=0.1)
    np.testing.assert_allclose(along[-400:] - along[-800:-400], 50.0, atol=0.1)
    # Round the head there are whole tiles.
    turns = np.ptp(across[-400:]) / SIDE
    np.testing.assert_allclose(turns, round(turns), atol=0.02)
