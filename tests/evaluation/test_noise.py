"""The noise by which the London Set's measures are tried."""

import numpy as np
import pytest

from dagan_tf.evaluation.face_set import FaceSet
from dagan_tf.evaluation.measure import Measure
from dagan_tf.evaluation.noise import noise_row
from dagan_tf.metrics.bootstrap import Interval


def test_mean_and_deviation_over_draws_of_one_grey_level():
    images = np.random.default_rng(1).integers(0, 256, (3, 4, 5, 3)).astype(np.uint8)
    images[0] = 0
    images[1] = 255
    seen = []

    def embed(noisy):
        seen.append(noisy)
        return {"net": noisy.reshape(3, -1).astype(np.float64)}

    def measure(faces):
        first = faces.embeddings["net"][:, 0].sum()
        return {
            Measure("first"): Interval(first, first - 9, first + 9),
            Measure("people"): float(len(faces.people)),
        }

    row = noise_row(FaceSet(images, np.array(["a", "b", "c"]), {}), 4, embed, measure)
    assert len(seen) == 4
    for noisy in seen:
        difference = noisy.astype(int) - images
        assert noisy.dtype == np.uint8
        assert set(np.unique(difference)) == {-1, 0, 1}
        assert difference[0].min() == 0
        assert difference[1].max() == 0
    assert not np.array_equal(seen[0], seen[1])
    firsts = [float(noisy[:, 0, 0, 0].astype(int).sum()) for noisy in seen]
    assert row[Measure("noise mean, first")] == pytest.approx(sum(firsts) / 4)
    spread = sum((value - sum(firsts) / 4) ** 2 for value in firsts) / 3
    assert row[Measure("noise deviation, first")] == pytest.approx(spread**0.5)
    assert (row[Measure("noise mean, people")], row[Measure("noise deviation, people")]) == (
        3.0,
        0.0,
    )
