"""However far the refiner wants to go, the change stays within its limits."""

import numpy as np
import pytest

from dagan_tf.gan import bounded_change
from dagan_tf.gan.bounded_change import DARKENING, SHADE, TONE, BoundedChange
from dagan_tf.gan.octaves import brightness

# Wider limits than the layer's own, so that there is something to see.
TEXTURE, SMOOTHING, DETAIL = (0.1, 0.4), (0.3, 0.5), (0.01, 0.05)
SIDE = 64
# Away from the image's border, where nothing changes.
MIDDLE = (slice(None), slice(20, -20), slice(20, -20))
SHAPES = {"tone": 1, "texture": 3, "detail": 1, "head": 1, "shown": 1}
# Places of the limits.
SHOWN, FILLED = 0, 1


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    for name, value in (("TEXTURE", TEXTURE), ("SMOOTHING", SMOOTHING), ("DETAIL", DETAIL)):
        monkeypatch.setattr(bounded_change, name, value)


def change(images, **wanted):
    """What is asked for, of a head that the photo did not show."""
    parts = {name: np.zeros((1, SIDE, SIDE, maps), np.float32) for name, maps in SHAPES.items()}
    for name, value in ({"head": 100.0, "shown": -100.0} | wanted).items():
        parts[name] = parts[name] * 0 + np.asarray(value, np.float32)
    *parts, head, shown = parts.values()
    return np.asarray(BoundedChange()([images, *parts, np.concatenate([head, shown], axis=-1)]))


def plane(*colour):
    return np.broadcast_to(np.asarray(colour, np.float32), (1, SIDE, SIDE, 3)).copy()


def grain():
    return np.random.default_rng(0).uniform(-0.4, 0.4, (1, SIDE, SIDE, 3)).astype(np.float32)


def test_wanting_nothing_changes_nothing():
    np.testing.assert_array_equal(change(grain()), grain())


def test_tone_multiplies_the_brightness_up_to_its_limit():
    grey = plane(-0.5, -0.5, -0.5)
    for place, shown in ((SHOWN, 100.0), (FILLED, -100.0)):
        got = change(grey, tone=1000.0, shown=shown)[MIDDLE]
        np.testing.assert_allclose(got, 0.5 * np.exp(TONE[place]) - 1.0, rtol=1e-4)
        got = change(grey, tone=-1000.0, shown=shown)[0, SIDE // 2, SIDE // 2]
        darkest = np.exp(-SHADE[place] * np.array(DARKENING))
        np.testing.assert_allclose(got, 0.5 * darkest - 1.0, rtol=1e-4)
    np.testing.assert_allclose(change(plane(-1, -1, -1), tone=1000.0), -1.0)
    brown = (change(plane(0.0, -0.3, -0.6), tone=0.7) + 1.0) / 2.0
    np.testing.assert_allclose(brown / brown[..., :1], plane(1.0, 0.7, 0.4), rtol=1e-5)


def test_texture_is_strengthened_or_taken_and_none_is_made():
    def strength(images):
        return brightness(images).numpy()[MIDDLE].std()

    own = strength(grain())
    assert strength(change(grain(), texture=5.0)) > 0.73 * np.exp(TEXTURE[FILLED]) * own
    assert strength(change(grain(), texture=-5.0)) < 1.37 * np.exp(-SMOOTHING[FILLED]) * own
    of_shown = strength(change(grain(), texture=5.0, shown=100.0))
    assert own < of_shown < 1.01 * np.exp(TEXTURE[SHOWN]) * own
    flat = plane(0.2, 0.1, 0.0)
    np.testing.assert_allclose(change(flat, texture=5.0), flat, atol=1e-6)
    # Black skin is not to shine.
    dark = 0.1 * grain() - 0.9
    assert strength(change(dark, texture=5.0)) < 1.1 * strength(dark)


def test_detail_is_grey_fine_and_small():
    flat = plane(0.2, 0.1, 0.0)
    np.testing.assert_allclose(change(flat, detail=1000.0), flat, atol=1e-6)
    dots = 1000.0 * np.sign(np.random.default_rng(0).normal(size=(1, SIDE, SIDE, 1)))
    moved = change(flat, detail=dots) - flat
    assert np.abs(moved).max() <= 4 * DETAIL[FILLED]
    assert np.abs(moved[MIDDLE]).mean() > DETAIL[FILLED]
    np.testing.assert_allclose(moved[..., 0], moved[..., 2], atol=1e-6)


@pytest.mark.parametrize("name", ["tone", "texture", "detail"])
def test_nothing_happens_where_there_is_no_head_or_at_the_border(name):
    np.testing.assert_allclose(change(grain(), head=-100.0, **{name: 3.0}), grain(), atol=1e-6)
    wanted = 3.0 * np.sign(np.random.default_rng(0).normal(size=(1, SIDE, SIDE, 1)))
    moved = np.abs(change(grain(), **{name: wanted if name == "detail" else 3.0}) - grain())
    assert moved[MIDDLE].max() > 0.01
    assert moved[:, 0].max() < 0.2 * moved[MIDDLE].max()


def test_texture_ends_before_the_outline():
    head = np.full((1, SIDE, SIDE, 1), 100.0, np.float32)
    head[:, :, 40:] = -100.0
    moved = np.abs(change(grain(), head=head, texture=5.0) - grain()).max(axis=(0, 1, 3))
    assert moved[10:32].min() > 0.05
    assert moved[33:].max() < 1e-6
