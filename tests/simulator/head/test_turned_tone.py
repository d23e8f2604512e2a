"""How colours change as a head turns: nothing without a turn, mirrored to the right."""

import numpy as np
import pytest

from dagan_tf.simulator.head.morphable_model import MorphableModel
from dagan_tf.simulator.head.turned_tone import TurnedTone

LOGS = np.log(np.array([[[1.0, 1.0, 1.0], [2.0, 2.0, 0.5]], [[1.0, 1.0, 4.0], [8.0, 2.0, 0.5]]]))
TONE = TurnedTone(np.array([45.0, 90.0]), LOGS.astype(np.float32))
SWAPPED = np.array([1, 0])


def test_without_a_turn_nothing_changes():
    np.testing.assert_allclose(TONE.gain(0.0, SWAPPED), 1.0)


@pytest.mark.parametrize(
    ("turn", "expected"),
    [
        (45.0, [[1, 1, 1], [2, 2, 0.5]]),
        (22.5, [[1, 1, 1], [2**0.5, 2**0.5, 0.5**0.5]]),
        (67.5, [[1, 1, 2], [4, 2, 0.5]]),
        (90.0, [[1, 1, 4], [8, 2, 0.5]]),
        (120.0, [[1, 1, 4], [8, 2, 0.5]]),
        (-90.0, [[8, 2, 0.5], [1, 1, 4]]),
    ],
)
def test_it_lies_between_what_was_learned(turn, expected):
    np.testing.assert_allclose(TONE.gain(turn, SWAPPED), expected, rtol=1e-5)


def test_the_packaged_one_fits_the_packaged_head_and_brightens_its_side():
    model = MorphableModel.load()
    gain = model.turned_tone.gain(90.0, model.mirror)
    assert gain.shape == model.mean.shape
    assert 0.4 < gain.min() < gain.max() < 2.6
    cheeks = np.abs(model.mean - model.mean[model.landmark_vertices[2]]).sum(axis=1) < 0.3
    assert gain[cheeks].mean() > 1.1 * gain[model.mirror[cheeks]].mean()
