"""The range of pixels, NumPy's and TensorFlow's ways."""

import numpy as np
import pytest
import tensorflow as tf

from dagan_tf.core import pixels

BYTES = np.arange(256, dtype=np.uint8)


def test_bytes_come_back_and_the_ends_are_the_ends() -> None:
    signed, unit = pixels.to_signed(BYTES), pixels.to_unit(BYTES)
    assert signed.dtype == unit.dtype == np.float32
    assert (signed[0], signed[255], unit[0], unit[255]) == (-1.0, 1.0, 0.0, 1.0)
    np.testing.assert_allclose(signed[51], -0.6, rtol=1e-6)
    np.testing.assert_array_equal(pixels.from_signed(signed), BYTES)
    np.testing.assert_allclose(pixels.signed_levels(signed), BYTES, atol=1e-4)
    assert pixels.to_unit(BYTES, np.float64)[51] == 0.2


def test_both_ways_compute_the_same_to_the_bit() -> None:
    tensor = tf.constant(BYTES)
    np.testing.assert_array_equal(pixels.tensor_to_signed(tensor), pixels.to_signed(BYTES))
    np.testing.assert_array_equal(pixels.tensor_to_unit(tensor), pixels.to_unit(BYTES))
    floats = np.linspace(-1.2, 1.2, 9973).astype(np.float32)
    found = pixels.tensor_from_signed(tf.constant(floats))
    assert found.dtype == tf.uint8
    np.testing.assert_array_equal(found, pixels.from_signed(floats))


@pytest.mark.parametrize(
    ("level", "expected"), [(-3.0, 0), (0.4, 0), (0.6, 1), (254.6, 255), (300.0, 255)]
)
def test_levels_are_rounded_and_clipped(level: float, expected: int) -> None:
    found = pixels.from_levels(np.array([level]))
    assert (found.dtype, found[0]) == (np.uint8, expected)
    assert pixels.from_signed(np.array([level / 127.5 - 1.0]))[0] == expected


def test_a_mask_is_black_and_white() -> None:
    found = pixels.to_mask(np.array([True, False]))
    assert found.dtype == np.uint8
    assert found.tolist() == [255, 0]
