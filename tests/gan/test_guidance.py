"""The losses of what is known about a view, on images small enough to add up by hand."""

import math

import numpy as np
import pytest
from scipy.ndimage import uniform_filter

from dagan_tf.config.sections import LossConfig
from dagan_tf.gan import guidance

SIDE = 16


def plane(value=0.0, channels=3):
    return np.full((1, SIDE, SIDE, channels), value, np.float32)


ALL = plane(1.0, 1)


def test_only_skin_that_both_show_is_compared_and_not_its_rim():
    skin, inside = plane(1.0, 1), plane(1.0, 1)
    skin[0, :, 10:] = 0.8  # partly hair
    inside[0, :3] = 0.5  # features that lie apart
    wanted = plane(0.0, 1)
    wanted[0, 5:, :8] = 1.0
    batch = {"skin": skin, "inside": inside, "paired": np.ones(1, np.float32)}
    np.testing.assert_array_equal(guidance.compared(batch), wanted)
    batch["paired"] = np.zeros(1, np.float32)
    assert not np.any(guidance.compared(batch))


def test_pairs_are_held_against_each_other_where_they_can_be_compared():
    got = float(guidance.pair_perception(plane(0.3), plane(0.1), ALL)[0])
    step = math.log(0.65 + 0.04) - math.log(0.55 + 0.04)
    assert got == pytest.approx(step, rel=0.02)
    half = ALL.copy()
    half[0, :, 8:] = 0.0
    one_sided = plane(0.1)
    one_sided[0, :, 8:] = 0.9  # not compared
    assert float(guidance.pair_perception(one_sided, plane(0.1), half)[0]) < 0.15 * step
    assert float(guidance.pair_perception(plane(0.3), plane(0.1), 0 * ALL)[0]) == 0.0


def test_pairs_against_the_same_in_numpy():
    rng = np.random.default_rng(0)
    refined, target = (rng.uniform(-1.1, 1, (1, SIDE, SIDE, 3)).astype(np.float32) for _ in "ab")
    where = (rng.random((1, SIDE, SIDE, 1)) < 0.7).astype(np.float32)

    def around(images, side):
        return uniform_filter(images, (1, side, side, 1), mode="mirror")

    def tone(images):
        level = np.maximum((around(images, 3) + 1) / 2, 0)
        return around(np.log(level + 0.04) * where, 5) / (around(where, 5) + 0.01)

    apart = np.abs(tone(refined) - tone(target)) * where
    wanted = apart.sum() / (3 * (where.sum() + 1))
    got = float(guidance.pair_perception(refined, target, where)[0])
    assert got == pytest.approx(wanted, rel=1e-4)


def test_an_undecided_matte_costs_ln_2_and_a_right_one_nothing():
    skin = plane(channels=1)
    skin[0, :8] = 1.0
    assert float(guidance.matte_error(plane(0.0, 1), skin)[0]) == pytest.approx(math.log(2))
    assert float(guidance.matte_error(40 * skin - 20, skin)[0]) < 1e-6
    assert float(guidance.matte_error(40 * skin - 20, 1 - skin)[0]) == pytest.approx(20, rel=1e-3)


def test_only_what_has_a_weight_is_added_up_and_what_lies_apart_stays_as_it_was():
    batch = {
        "simulated": plane(0.2), "target": plane(0.1), "inside": ALL, "skin": ALL,
        "paired": np.ones(1, np.float32),
    }  # fmt: skip
    seen = []

    def distance(images, target):
        seen.append((np.asarray(images), np.asarray(target)))
        return np.full(1, 0.25, np.float32)

    config = LossConfig(pair_weight=2.0, perceptual_weight=3.0)
    values = guidance.guide(config, batch, plane(0.3), None, distance)
    whole = guidance.compared(batch)
    pair = float(guidance.pair_perception(plane(0.3), plane(0.1), whole)[0])
    assert float(values["pair_loss"]) == pytest.approx(pair, rel=1e-5)
    assert float(values["matte_loss"]) == 0.0
    assert float(values["guidance_loss"]) == pytest.approx(2 * pair + 0.75, rel=1e-5)
    np.testing.assert_allclose(seen[0][0], plane(0.3), atol=1e-6)
    # Where both lie apart, the view itself is what it is held to; without a photo it is free.
    stays = float(guidance.pair_perception(plane(0.3), plane(0.2), whole)[0])
    for other, wanted in (
        ({"paired": np.zeros(1, np.float32)}, 0.0),
        ({"inside": 0.5 * ALL}, stays),
    ):
        alone = guidance.guide(config, batch | other, plane(0.3), None, distance)
        assert float(alone["pair_loss"]) == pytest.approx(wanted, rel=1e-5)
        # The distance sees the photo itself where there is nothing to compare.
        np.testing.assert_allclose(seen[-1][0], seen[-1][1], atol=1e-6)
    # Nothing is asked of what is no skin.
    bare = guidance.guide(config, batch | {"skin": 0 * ALL}, plane(0.3), None, distance)
    assert float(bare["pair_loss"]) == 0.0
