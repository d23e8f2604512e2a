"""Images made softer and grainy."""

import numpy as np
import tensorflow as tf

from dagan_tf.data.degrading import degrade

SEED = tf.constant([3, 4], tf.int64)


def steps(side: int = 32) -> np.ndarray:
    """Stripes two pixels wide, in [-1, 1]."""
    stripes = np.where(np.arange(side) // 2 % 2, 0.5, -0.5).astype(np.float32)
    return np.broadcast_to(stripes[None, :, None], (side, side, 3)).copy()


def test_no_change():
    image = steps()
    got = degrade(image, np.zeros(2, np.float32), SEED)
    np.testing.assert_allclose(got, image, atol=1e-6)


def test_softer():
    """Stripes of a period of 4 pixels fade where 13 of 32 pixels are left; the mean stays."""
    got = np.asarray(degrade(steps(), np.array([1, 0], np.float32), SEED))
    assert got.std() < 0.25 * steps().std()
    assert abs(got.mean()) < 0.02


def test_grain():
    """0.04 of a range of 2, the same in every channel, the same for images of one seed."""
    grey = np.zeros((64, 64, 3), np.float32)
    draws = np.array([0, 1], np.float32)
    got = np.asarray(degrade(grey, draws, SEED))
    assert abs(got.std() - 0.08) < 0.004
    np.testing.assert_array_equal(got[..., 0], got[..., 2])
    np.testing.assert_allclose(degrade(grey + 0.5, draws, SEED), got + 0.5, atol=1e-6)
    assert not np.array_equal(got, degrade(grey, draws, SEED + 1))


def test_stays_in_range():
    got = np.asarray(degrade(np.ones((16, 16, 3), np.float32), np.ones(2, np.float32), SEED))
    assert got.max() == 1.0
    assert got.min() > 0.5
