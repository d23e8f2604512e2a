"""The ring of refined images: it fills, keeps, draws and hands on labels with their images."""

import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from dagan_tf.gan.history import History


def batch(first, count, size=2):
    """Images whose pixels are their number, with the number as label."""
    numbers = np.arange(first, first + count, dtype=np.float32)
    images = np.ones((count, size, size, 3), np.float32) * numbers[:, None, None, None]
    return tf.constant(images), tf.constant(numbers, tf.int32)


@settings(max_examples=25)
@given(size=st.integers(1, 9), half=st.integers(1, 5), steps=st.integers(1, 8))
def test_it_really_fills_and_shows_only_what_went_in(size, half, steps):
    history, seen = History(size, 2), {0}
    entering = min(half, size)
    for step in range(steps):
        images, labels = batch(1 + step * 2 * half, 2 * half)
        out, out_labels = history.exchange(images, labels, tf.constant(step, tf.int64))
        assert out.shape == images.shape
        np.testing.assert_array_equal(out[:, 0, 0, 0], out_labels)  # labels travel along
        np.testing.assert_array_equal(out[entering:], images[entering:])
        old = {int(v) for v in out_labels[:entering]}
        if step == 0:
            np.testing.assert_array_equal(out, images)
        elif min(size, step * entering) >= entering:
            assert old <= seen - {0}
            assert len(old) == entering  # no image twice
        seen |= {int(v) for v in labels[:entering]}
        assert int(tf.convert_to_tensor(history.filled)) == min(size, (step + 1) * entering)
        kept = np.asarray(tf.convert_to_tensor(history.labels))
        inside = kept[kept > 0]
        assert len(inside) == len(set(inside)) == min(size, (step + 1) * entering)
        assert set(inside) <= seen


def test_draws_follow_from_seed_and_step():
    def shown(seed):
        history, rows = History(6, 2, seed=seed), []
        for step in range(12):
            _, labels = history.exchange(*batch(1 + 4 * step, 4), tf.constant(step, tf.int64))
            rows.append(tuple(map(int, labels)))
        return rows

    assert shown(1) == shown(1)
    assert shown(1) != shown(2)
