"""The losses of what is known about a view, on images small enough to add up by hand."""

import math

import numpy as np
import pytest

from dagan_tf.config.sections import LossConfig
from dagan_tf.gan import guidance


def plane(value=0.0, channels=3, side=16):
    return np.full((1, side, side, channels), value, np.float32)


def test_only_what_lies_away_from_the_head_is_surroundings():
    head = plane(channels=1)
    head[0, 8, 8] = 1.0
    refined = plane()
    refined[0, 7:10, 7:10] = 1.0  # the head's pixel and its rim
    assert float(guidance.surroundings_change(plane(), refined, head)[0]) == 0.0
    refined[0, 0, 0] = (0.3, -0.6, 0.0)
    wanted = 0.9 / (16 * 16 * 3)
    got = guidance.surroundings_change(plane(), refined, head)
    assert float(got[0]) == pytest.approx(wanted, rel=1e-5)


def test_a_change_of_tone_is_no_change_of_detail():
    shown = plane(1.0, 1)
    assert float(guidance.detail_change(plane(), plane(0.5), shown)[0]) == pytest.approx(
        0, abs=1e-6
    )
    fine = plane()
    fine[0, ::2] = 0.1
    fine[0, 1::2] = -0.1
    got = float(guidance.detail_change(plane(), fine, shown)[0])
    assert got == pytest.approx(math.hypot(0.1, 0.01) - 0.01, rel=1e-4)
    assert float(guidance.detail_change(plane(), fine, plane(0.0, 1))[0]) == 0.0


ALL = plane(1.0, 1, side=64)


def test_pairs_are_held_against_each_other_where_both_show_the_head():
    refined, target = plane(0.3, side=64), plane(0.1, side=64)
    got = float(guidance.pair_perception(refined, target, ALL, ALL)[0])
    step = math.log(0.75) - math.log(0.65)
    assert got == pytest.approx(2 * (math.hypot(step, 0.01) - 0.01), rel=1e-4)
    half = float(guidance.pair_perception(refined, target, ALL, 0.5 * ALL)[0])
    assert half == pytest.approx(got / 2, rel=1e-4)
    assert float(guidance.pair_perception(refined, target, 0 * ALL, ALL)[0]) == 0.0
    # What differs in single pixels only is as good as equal.
    checks = plane(0.1, side=64)
    checks[0, ::2, ::2], checks[0, 1::2, 1::2] = 0.3, -0.1
    got = float(guidance.pair_perception(checks, target, ALL, ALL)[0])
    assert got == pytest.approx(0, abs=1e-6)


def test_what_the_photo_shows_next_to_it_is_as_good_but_for_the_distance():
    refined, target = plane(0.0, side=64), plane(0.0, side=64)
    refined[0, 16:32, 16:24], target[0, 16:32, 24:32] = 0.8, 0.8
    near = float(guidance.pair_perception(refined, target, ALL, ALL)[0])
    # Two blocks of 8 pixels find their like one step off, as do the two that are its place, and
    # the one of 16 is equal.
    assert near == pytest.approx(4 * 0.05 / 64, rel=1e-3)
    far = float(guidance.pair_perception(refined, plane(0.0, side=64), ALL, ALL)[0])
    assert far > 5 * near


def test_texture_is_compared_by_its_strength_not_by_its_place():
    rng = np.random.default_rng(0)
    one, other = (rng.normal(0, 0.1, (1, 64, 64, 3)).astype(np.float32) for _ in range(2))
    alike = float(guidance.texture_perception(one, other, ALL)[0])
    smooth = float(guidance.texture_perception(0.3 * one, other, ALL)[0])
    assert smooth > 0.2
    assert alike < 0.3 * smooth
    assert float(guidance.texture_perception(one + 0.4, other, ALL)[0]) == pytest.approx(
        alike, abs=1e-3
    )
    assert float(guidance.texture_perception(0.3 * one, other, 0 * ALL)[0]) == 0.0


def test_an_undecided_matte_costs_ln_2_and_a_right_one_nothing():
    head, mask = plane(channels=1), plane(channels=1)
    head[0, :8] = 1.0
    mask[0, :, :8] = 1.0
    undecided = np.concatenate([plane(0.0, 1)] * 2, axis=-1)
    assert float(guidance.matte_error(undecided, head, mask)[0]) == pytest.approx(math.log(2))
    # What the photo showed beside the head is not asked for.
    right = np.concatenate([40 * head - 20, 40 * head * mask - 20], axis=-1)
    assert float(guidance.matte_error(right, head, mask)[0]) < 1e-6
    assert float(guidance.matte_error(right, head, 1 - mask)[0]) > 1.0


def test_only_what_has_a_weight_is_added_up_and_the_shown_part_counts_less():
    batch = {
        "simulated": plane(side=64), "target": plane(0.1, side=64), "inside": ALL, "mask": 0 * ALL,
        "head": 0 * ALL, "paired": np.ones(1, np.float32),
    }  # fmt: skip
    config = LossConfig(pair_weight=2.0, surroundings_weight=3.0, pair_shown=0.5)
    refined = plane(0.3, side=64)
    values = guidance.guide(config, batch, refined, None)
    pair = 2 * (math.hypot(math.log(0.75) - math.log(0.65), 0.01) - 0.01)
    assert float(values["pair_loss"]) == pytest.approx(pair, rel=1e-4)
    assert float(values["surroundings_loss"]) == pytest.approx(0.3, rel=1e-5)
    assert float(values["detail_loss"]) == float(values["texture_loss"]) == 0.0
    assert float(values["guidance_loss"]) == pytest.approx(2 * pair + 0.9, rel=1e-4)
    shown = guidance.guide(config, batch | {"mask": ALL}, refined, None)
    assert float(shown["pair_loss"]) == pytest.approx(pair / 2, rel=1e-4)
    alone = guidance.guide(config, batch | {"paired": np.zeros(1, np.float32)}, refined, None)
    assert float(alone["pair_loss"]) == 0.0
