"""Mean and deviation over splits."""

import pytest

from dagan_tf.errors import DaganError
from dagan_tf.metrics.spread import over_splits


def test_over_splits_is_the_population_s_deviation():
    spread = over_splits([0.8, 1.0])
    assert (spread.mean, spread.std, spread.count) == (0.9, pytest.approx(0.1), 2)
    assert str(spread) == "0.900 ± 0.100"
    with pytest.raises(DaganError, match="finite"):
        over_splits([0.8, float("nan")])
