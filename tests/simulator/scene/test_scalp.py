from types import SimpleNamespace

import numpy as np

from dagan_tf.simulator.scene.scalp import read_scalp

BROWN, GREY, DARK = (180.0, 120.0, 90.0), (150.0, 130.0, 122.0), (50.0, 36.0, 30.0)
FACE = np.repeat([1.0, 0.0], [100, 200])


def head(hairs, colour=GREY, top=range(200, 300)):
    """Colours of 200 points of a face, the lower half a grey beard, and 100 of a scalp."""
    grain = np.random.default_rng(0).normal(1.0, 0.02, (300, 1))
    parts = [(BROWN, 100), (GREY, 100), (colour, hairs), (BROWN, 100 - hairs)]
    colours = np.concatenate([np.tile(part, (count, 1)) for part, count in parts])
    scalp = np.repeat([0.0, 1.0], [200, 100])
    regions = SimpleNamespace(hair=scalp, top=np.isin(np.arange(300), top))
    return colours * grain, scalp, regions


def test_little_grey_hair_above_a_grey_beard_is_hair():
    colours, scalp, regions = head(hairs=15)
    read = read_scalp(colours, scalp, FACE, regions)
    assert read.grown[200:215].min() > 0.9
    assert read.grown[215:].max() < 0.1
    assert read.grown[:200].max() == 0
    assert not read.bald
    np.testing.assert_allclose(read.colour(colours, np.zeros(3)), GREY, rtol=0.05)


def test_only_a_top_that_is_seen_bare_makes_a_bald_head():
    colours, scalp, regions = head(hairs=0)
    read = read_scalp(colours, scalp, FACE, regions)
    assert read.bald
    np.testing.assert_allclose(read.colour(colours, np.zeros(3)), BROWN, rtol=0.05)
    # Temples alone tell nothing: the photo is cut at the brows.
    seen = np.where(np.arange(300) < 250, scalp, 0.0)
    temples = read_scalp(colours, seen, FACE, head(hairs=0, top=range(250, 300))[2])
    assert not temples.bald
    assert temples.bare.max() == 0
    np.testing.assert_array_equal(temples.colour(colours, np.array(DARK)), DARK)


def test_a_bare_top_above_hair_leaves_the_sides_their_hair():
    colours, scalp, regions = head(hairs=20, colour=DARK, top=range(260, 300))
    read = read_scalp(colours, scalp, FACE, regions)
    assert not read.bald
    assert read.bare[260:].min() > 0.9
    assert read.bare[:260].max() == 0
    np.testing.assert_allclose(read.colour(colours, np.zeros(3)), DARK, rtol=0.05)


def test_of_little_hair_the_darker_of_it_and_the_brows_is_taken():
    colours, scalp, regions = head(hairs=3, colour=DARK)
    read = read_scalp(colours, scalp, FACE, regions)
    assert read.tells.max() == 0
    np.testing.assert_allclose(read.colour(colours, np.array(GREY)), DARK, rtol=0.05)
    np.testing.assert_array_equal(read.colour(colours, np.full(3, 9.0)), 9.0)


def test_a_blue_edge_of_a_bare_head_is_no_grey_hair():
    colours, scalp, regions = head(hairs=20, colour=(168.0, 128.0, 125.0))
    # Skin is not all of one brightness.
    colours *= np.random.default_rng(1).normal(1.0, 0.15, (300, 1))
    colours[200:220] = (168.0, 128.0, 125.0)
    colours[220:] = BROWN
    assert read_scalp(colours, scalp, FACE, regions).grown.sum() < 1
    # Grey hair is less red, but not that much bluer.
    colours[200:220] = (158.0, 134.0, 108.0)
    assert read_scalp(colours, scalp, FACE, regions).grown.sum() > 15
