"""However far the refiner wants to go, the change stays within its limits."""

import numpy as np

from dagan_tf.gan.bounded_change import DARKENING, SHADE, TONE, BoundedChange

SIDE = 64
# Away from the image's border, where nothing changes.
MIDDLE = (slice(None), slice(20, -20), slice(20, -20))
# Places of the limits.
SHOWN, FILLED = 0, 1


def change(images, tone, head=100.0, shown=-100.0):
    """What is asked for, of a head that the photo did not show."""
    tone, head, shown = (
        np.zeros((1, SIDE, SIDE, 1), np.float32) + np.asarray(value, np.float32)
        for value in (tone, head, shown)
    )
    return np.asarray(BoundedChange()([images, tone, np.concatenate([head, shown], axis=-1)]))


def plane(*colour):
    return np.broadcast_to(np.asarray(colour, np.float32), (1, SIDE, SIDE, 3)).copy()


def grain():
    return np.random.default_rng(0).uniform(-0.4, 0.4, (1, SIDE, SIDE, 3)).astype(np.float32)


def test_wanting_nothing_changes_nothing():
    np.testing.assert_array_equal(change(grain(), tone=0.0), grain())


def test_tone_multiplies_the_brightness_up_to_its_limit():
    grey = plane(-0.5, -0.5, -0.5)
    for place, shown in ((SHOWN, 100.0), (FILLED, -100.0)):
        got = change(grey, tone=1000.0, shown=shown)[MIDDLE]
        np.testing.assert_allclose(got, 0.5 * np.exp(TONE[place]) - 1.0, rtol=1e-4)
        got = change(grey, tone=-1000.0, shown=shown)[0, SIDE // 2, SIDE // 2]
        darkest = np.exp(-SHADE[place] * np.array(DARKENING))
        np.testing.assert_allclose(got, 0.5 * darkest - 1.0, rtol=1e-4)
        assert got[0] > got[1] > got[2]  # Grey in the shade is a little red.
    np.testing.assert_allclose(change(plane(-1, -1, -1), tone=1000.0), -1.0)
    brown = (change(plane(0.0, -0.3, -0.6), tone=0.7) + 1.0) / 2.0
    np.testing.assert_allclose(brown / brown[..., :1], plane(1.0, 0.7, 0.4), rtol=1e-5)


def test_nothing_happens_where_there_is_no_head_or_at_the_border():
    np.testing.assert_allclose(change(grain(), tone=3.0, head=-100.0), grain(), atol=1e-6)
    moved = np.abs(change(grain(), tone=3.0) - grain())
    assert moved[MIDDLE].max() > 0.01
    assert moved[:, 0].max() < 0.2 * moved[MIDDLE].max()


def test_it_sets_in_from_the_outline_on():
    head = np.full((1, SIDE, SIDE, 1), 100.0, np.float32)
    head[:, :, 40:] = -100.0
    moved = np.abs(change(plane(0, 0, 0), tone=1000.0, head=head)).max(axis=(0, 1, 3))
    most = np.exp(TONE[FILLED]) - 1.0
    assert moved[40:].max() < 1e-6
    assert moved[39] < 0.1 * most
    assert np.all(np.diff(moved[25:40]) < 0)
    np.testing.assert_allclose(moved[16:25], most, rtol=1e-4)
