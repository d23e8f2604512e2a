"""The activation that both networks share."""

import numpy as np
import pytest
import tensorflow as tf

from dagan_tf.gan.layers import Leaky


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_leaky_is_the_larger_of_x_and_a_fifth_of_it(dtype):
    x = tf.constant([[-10.0, -0.5, 0.0, 0.25, 8.0]], dtype)
    found = Leaky(dtype=dtype)(x)
    assert found.dtype == dtype
    wanted = np.maximum(np.float32(x), 0.2 * np.float32(x))
    np.testing.assert_allclose(np.float32(found), wanted, rtol=1e-6 if dtype == "float32" else 0.01)
    assert Leaky().compute_output_shape((None, 4, 4, 3)) == (None, 4, 4, 3)
