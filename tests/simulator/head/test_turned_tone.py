"""How colours change as a head turns: nothing without a turn, mirrored to the right."""

import numpy as np
import pytest

from dagan_tf.simulator.head.morphable_model import MorphableModel
from dagan_tf.simulator.head.regions import head_regions
from dagan_tf.simulator.head.turned_tone import TurnedTone, described

LOGS = np.log(np.array([[[1.0, 1.0, 1.0], [2.0, 2.0, 0.5]], [[1.0, 1.0, 4.0], [8.0, 2.0, 0.5]]]))
NOBODY = np.zeros(1, np.int32)
TONE = TurnedTone(
    np.array([45.0, 90.0]), LOGS.astype(np.float32), NOBODY, NOBODY,
    np.zeros(2), np.zeros((2, 1)), np.zeros((1, 2, 2, 3)),
)  # fmt: skip
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


# Three vertices: cheek, right and left side of the chin.
SIDES, CHEEK, CHIN = np.array([0, 2, 1]), np.array([0]), np.array([1])
UNSEEN = np.array([0.1, 4.0])


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        # Levels 90, 40 and 190 with 10 added: 100, 50 and 200; halves and doubles cancel.
        ([1, 1, 1], [0.0, np.log(100)]),
        ([1, 1, 0], [-np.log(2), np.log(100)]),
        ([1, 0, 1], [np.log(2), np.log(100)]),
        ([1, 0, 0], [0.1, np.log(100)]),
        ([0, 1, 1], [0.1, 4.0]),
    ],
)
def test_a_chin_is_described_against_the_cheeks_both_sides_together(seen, expected):
    colours = np.repeat(np.array([[90.0], [40.0], [190.0]]), 3, axis=1)
    told = described(colours, np.array(seen, float), SIDES, CHEEK, CHIN, UNSEEN)
    np.testing.assert_allclose(told, expected, atol=1e-12)


@pytest.mark.parametrize(("number", "added"), [(0.5, 0.5), (-1.0, -1.0), (9.0, 2.0)])
def test_a_person_s_own_share_is_added_within_limits(number, added):
    shares = np.zeros((1, 2, 3, 3))
    shares[0, 1, 2] = 1.0
    logs = np.full((2, 3, 3), 0.25)
    # One number: how much brighter the cheek is than 100.
    tone = TurnedTone(
        np.array([45.0, 90.0]), logs, CHEEK, CHIN, np.array([0.0, np.log(100.0)]),
        np.array([[0.0], [1.0]]), shares,
    )  # fmt: skip
    colours = np.full((3, 3), 100.0 * np.exp(number) - 10.0)
    own = tone.of_person(colours, np.ones(3), SIDES)
    np.testing.assert_allclose(own.logs - logs, added * shares[0], atol=1e-9)


def test_the_packaged_one_changes_a_person_s_skin_a_little_and_neither_hair_nor_ears():
    model = MorphableModel.load()
    tone, regions = model.turned_tone, head_regions(model.mean, model.landmark_vertices)
    seen = np.ones(len(model.mean))
    bearded = np.full(model.mean.shape, 220.0)
    bearded[np.concatenate([tone.lower, model.mirror[tone.lower]])] = 40.0
    change = tone.of_person(bearded, seen, model.mirror).logs - tone.logs
    assert 0.05 < np.abs(change).max() < 0.6
    apart = (regions.hair > 0.99) | (regions.ear > 0.99)
    assert np.abs(change[:, apart]).max() < 0.1


def test_the_packaged_one_fits_the_packaged_head_and_brightens_its_side():
    model = MorphableModel.load()
    gain = model.turned_tone.gain(90.0, model.mirror)
    assert gain.shape == model.mean.shape
    assert 0.4 < gain.min() < gain.max() < 2.6
    cheeks = np.abs(model.mean - model.mean[model.landmark_vertices[2]]).sum(axis=1) < 0.3
    assert gain[cheeks].mean() > 1.1 * gain[model.mirror[cheeks]].mean()
