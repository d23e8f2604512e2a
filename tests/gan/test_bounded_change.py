"""However far the refiner wants to go, the change stays within its limits."""

import numpy as np
import pytest

from dagan_tf.gan.bounded_change import DETAIL, SHADE, TEXTURE, TONE, BoundedChange
from dagan_tf.gan.octaves import brightness

SIDE = 40
SHAPES = {"tone": 1, "texture": 3, "detail": 1, "matte": 1}


def change(images, **wanted):
    parts = {name: np.zeros((1, SIDE, SIDE, maps), np.float32) for name, maps in SHAPES.items()} | {
        "matte": np.full((1, SIDE, SIDE, 1), 100.0, np.float32)
    }
    for name, value in wanted.items():
        parts[name] = parts[name] * 0 + np.asarray(value, np.float32)
    return np.asarray(BoundedChange()([images, *parts.values()]))


def plane(*colour):
    return np.broadcast_to(np.asarray(colour, np.float32), (1, SIDE, SIDE, 3)).copy()


def grain():
    return np.random.default_rng(0).uniform(-0.4, 0.4, (1, SIDE, SIDE, 3)).astype(np.float32)


def test_wanting_nothing_changes_nothing():
    np.testing.assert_array_equal(change(grain()), grain())


def test_tone_multiplies_the_brightness_up_to_its_limit():
    got = change(plane(-0.5, -0.5, -0.5), tone=1000.0)
    np.testing.assert_allclose(got, 0.5 * np.exp(TONE) - 1.0, rtol=1e-5)
    got = change(plane(-0.5, -0.5, -0.5), tone=-1000.0)
    np.testing.assert_allclose(got, 0.5 * np.exp(-SHADE) - 1.0, rtol=1e-5)
    np.testing.assert_allclose(change(plane(-1, -1, -1), tone=1000.0), -1.0)
    brown = (change(plane(0.0, -0.3, -0.6), tone=0.7) + 1.0) / 2.0
    np.testing.assert_allclose(brown / brown[..., :1], plane(1.0, 0.7, 0.4), rtol=1e-5)


def test_texture_is_strengthened_or_taken_and_none_is_made():
    middle = (slice(None), slice(12, -12), slice(12, -12))
    own = brightness(grain()).numpy()[middle].std()
    assert (
        brightness(change(grain(), texture=5.0)).numpy()[middle].std()
        > 0.73 * np.exp(TEXTURE) * own
    )
    assert (
        brightness(change(grain(), texture=-5.0)).numpy()[middle].std()
        < 1.37 * np.exp(-TEXTURE) * own
    )
    flat = plane(0.2, 0.1, 0.0)
    np.testing.assert_allclose(change(flat, texture=5.0), flat, atol=1e-6)


def test_detail_is_grey_fine_and_small():
    flat = plane(0.2, 0.1, 0.0)
    np.testing.assert_allclose(change(flat, detail=1000.0), flat, atol=1e-6)
    dots = 1000.0 * np.sign(np.random.default_rng(0).normal(size=(1, SIDE, SIDE, 1)))
    moved = change(flat, detail=dots) - flat
    assert np.abs(moved).max() <= 4 * DETAIL
    assert np.abs(moved).mean() > DETAIL
    np.testing.assert_allclose(moved[..., 0], moved[..., 2], atol=1e-6)


@pytest.mark.parametrize("name", ["tone", "texture", "detail"])
def test_nothing_happens_where_there_is_no_head(name):
    np.testing.assert_allclose(change(grain(), matte=-100.0, **{name: 3.0}), grain(), atol=1e-6)


def test_texture_ends_before_the_outline():
    matte = np.full((1, SIDE, SIDE, 1), 100.0, np.float32)
    matte[:, :, 20:] = -100.0
    moved = np.abs(change(grain(), matte=matte, texture=5.0) - grain()).max(axis=(0, 1, 3))
    assert moved[:16].min() > 0.05
    assert moved[17:].max() < 1e-6
