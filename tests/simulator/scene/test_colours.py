import numpy as np

from dagan_tf.simulator.scene.colours import (
    BALD,
    brow_colour,
    grown_hair,
    hair_is_hidden,
    is_skin,
    like_hair,
    of_one_colour,
    of_one_hue,
    without_purple,
)

BROWN, GREY = (180.0, 120.0, 90.0), (120.0, 120.0, 122.0)


def head(hairs):
    """Colours of 200 points of a face, the lower half a grey beard, and 100 of a scalp."""
    grain = np.random.default_rng(0).normal(1.0, 0.02, (300, 1))
    colours = np.concatenate(
        [
            np.tile(BROWN, (100, 1)),
            np.tile(GREY, (100, 1)),
            np.tile(GREY, (hairs, 1)),
            np.tile(BROWN, (100 - hairs, 1)),
        ]
    )
    scalp = np.repeat([0.0, 1.0], [200, 100])
    return colours * grain, scalp


def test_little_grey_hair_above_a_grey_beard_is_hair():
    colours, scalp = head(hairs=10)
    grown = grown_hair(colours, scalp, np.repeat([1.0, 0.0], [100, 200]), None)
    np.testing.assert_allclose(grown[200:210], 1.0)
    assert grown[210:].max() < 0.1
    assert grown[:200].max() == 0
    # Held against face and beard alike, it passes for skin, and the head for bald.
    with_beard = grown_hair(colours, scalp, np.repeat([1.0, 0.0], [200, 100]), None)
    np.testing.assert_array_equal(with_beard, scalp)


def test_a_scalp_of_the_skin_s_colour_is_bald():
    colours, scalp = head(hairs=0)
    face = np.repeat([1.0, 0.0], [100, 200])
    np.testing.assert_array_equal(grown_hair(colours, scalp, face, None), scalp)
    # A few dark points, as a shadow has, are no hair.
    few = round(100 * BALD) - 1
    np.testing.assert_array_equal(grown_hair(*head(few), face, None), scalp)


def test_gloss_on_black_hair_is_not_its_colour():
    colours, scalp = head(hairs=0)
    black = 0.3 * colours  # hair and skin alike
    black[200:225] = 220.0  # what shines
    grown = grown_hair(black, scalp, np.repeat([1.0, 0.0], [100, 200]), None)
    assert grown[200:225].max() < 0.1
    assert np.median(grown[225:]) > 0.9
    # White hair is no gloss: there is much of it.
    black[200:280] = 220.0
    assert grown_hair(black, scalp, np.repeat([1.0, 0.0], [100, 200]), None)[200:280].min() > 0.9


def test_the_edge_of_a_lock_gives_hair_no_colour():
    colours, scalp = head(hairs=60)
    like = np.repeat([0.0, 1.0, 0.5, 0.0], [200, 40, 20, 40])
    grown = grown_hair(colours, scalp, np.repeat([1.0, 0.0], [100, 200]), like)
    assert grown[200:240].min() > 0.9
    assert grown[240:260].max() == 0.0


def test_gloss_on_a_bald_head_is_no_white_hair():
    colours, scalp = head(hairs=0)
    colours[200:225] = 250.0
    grown = grown_hair(colours, scalp, np.repeat([1.0, 0.0], [100, 200]), None)
    assert grown[200:225].max() < 0.1
    assert np.median(grown[225:]) > 0.9


def test_a_few_highlights_do_not_make_white_hair_gloss():
    """White hair in the shade is as bright as skin: only its hue tells it."""
    shine = np.random.default_rng(0).normal(1.0, 0.2, (300, 1)).clip(0.6, 1.4)
    colours, scalp = np.tile(BROWN, (300, 1)) * shine, np.repeat([0.0, 1.0], [200, 100])
    colours[200:230] = (160.0, 135.0, 125.0)
    colours[230:236] = 250.0
    grown = grown_hair(colours, scalp, 1.0 - scalp, None)
    assert grown[200:230].min() > 0.9
    assert grown[236:].mean() < 0.1


def test_likeness_to_hair_is_the_way_from_skin_to_hair_in_logarithms():
    levels = np.array([144.0, 24.0, 54.0, 300.0, 6.0])  # 150, 30, 60, 306 and 12 with what is added
    colours = np.repeat(np.repeat(levels, 10)[:, None], 3, axis=1)
    skin, hair = np.arange(50) < 10, (np.arange(50) >= 10) & (np.arange(50) < 20)
    like = like_hair(colours, hair, skin, None)
    np.testing.assert_allclose(like[:20], [0.0] * 10 + [1.0] * 10, atol=1e-6)
    np.testing.assert_allclose(like[20:30], np.log(150 / 60) / np.log(150 / 30), atol=1e-6)
    # Held against hair that is known to be darker than what is seen of it, that is half-way.
    darker = like_hair(colours, hair, skin, np.full(3, 0.0))  # 6 with what is added
    np.testing.assert_allclose(darker[10:20], np.log(150 / 30) / np.log(150 / 6), atol=1e-6)
    # Neither a highlight nor a shadow counts for more than skin and hair themselves by far.
    np.testing.assert_allclose(like[30:], [-0.2] * 10 + [1.2] * 10, atol=1e-6)


def test_what_cannot_be_told_apart_is_not_guessed():
    colours = np.full((40, 3), 100.0)
    colours[20:] = 100.0 * np.exp(-0.2)
    skin, hair = np.arange(40) < 20, np.arange(40) >= 20
    assert like_hair(colours, hair, skin, None) is None
    colours[20:] = 20.0
    assert like_hair(colours, hair, skin, None) is not None
    assert like_hair(colours, hair & (np.arange(40) < 25), skin, None) is None


def test_what_hair_there_is_is_hidden_only_where_little_of_the_head_is_shown():
    grows = np.repeat([0.0, 1.0], [100, 100])
    scalp, none = 0.9 * grows, np.zeros(200)
    few = np.where(np.arange(200) < 105, 0.9 * grows, 0.0)  # 5 of 100 places
    # Bald, as far as it is shown (`grown_hair` returns the scalp itself), or hair all over.
    assert not hair_is_hidden(scalp, scalp, grows)
    assert hair_is_hidden(few, few, grows)
    assert hair_is_hidden(none, none, grows)
    assert not hair_is_hidden(0.5 * few, few, grows)


def test_gloss_and_shade_on_a_bald_head_are_skin_and_white_or_dark_hair_is_not():
    skin = np.array(BROWN)
    for gloss in (skin, 1.3 * skin, 0.8 * skin, skin * [1.1, 1.0, 0.9]):
        assert is_skin(gloss, skin)
    for hair in (np.array(GREY), 0.4 * skin, 1.1 * skin * [1.0, 1.0, 0.7]):
        assert not is_skin(hair, skin)
    # Gloss adds white, of which dark skin turns greyer; a head that is white all over is not that.
    dark = np.array([68.0, 53.0, 48.0])
    assert is_skin(dark + 12.0, dark)
    assert not is_skin(np.full(3, 150.0), dark)
    # So near to the skin a hue tells nothing.
    assert is_skin(np.array([206.0, 162.0, 162.0]), np.array([212.0, 169.0, 156.0]))


def test_brows_tell_the_hair_s_colour():
    photo = np.full((60, 60, 3), (200, 150, 130), np.uint8)
    photo[28:33, 10:50] = (100, 75, 65)
    places = np.stack([np.linspace(12, 47, 10), np.full(10, 30.0)], axis=1).astype(np.float32)
    skin = np.array([200.0, 150.0, 130.0])
    # Half as bright as the skin, and .4 of the way, in logarithms, farther.
    found = brow_colour(photo, places, 4, skin)
    np.testing.assert_allclose(found, np.array([100, 75, 65]) * 0.5**0.4, rtol=0.03)
    assert brow_colour(photo, places[:3], 4, skin) is None
    # Brighter brows than skin, as of an old man, stay as they are.
    white = brow_colour(np.full_like(photo, 240), places, 4, skin)
    np.testing.assert_allclose(white, 240.0)


def test_white_hair_is_as_bright_as_skin_and_no_skin():
    colours, scalp = head(hairs=0)
    # Light and shade on the face reach as far as to the hair's colour.
    shades = np.exp(np.random.default_rng(1).normal(0.0, 0.25, (300, 1)))
    colours *= np.where(np.arange(300)[:, None] < 100, shades, 1.0)
    colours[200:260] = np.mean(BROWN)
    face = np.repeat([1.0, 0.0], [100, 200])
    assert of_one_colour(colours, face)[200:260].min() > 0.5
    grown = grown_hair(colours, scalp, face, None)
    assert grown[200:260].min() > 0.9
    assert grown[260:].max() < 0.1


def test_a_hue_is_told_from_skin_s_whatever_its_light():
    skin = np.array([180.0, 120.0, 90.0])
    shades, greys = skin * np.linspace(0.4, 1.3, 20)[:, None], np.full((10, 3), 130.0)
    alike = of_one_hue(np.concatenate([shades, greys]), np.repeat([1.0, 0.0], [20, 10]))
    np.testing.assert_allclose(alike, np.repeat([1.0, 0.0], [20, 10]), atol=1e-6)
    few = np.repeat([1.0, 0.0], [4, 26])
    np.testing.assert_array_equal(of_one_hue(np.concatenate([shades, greys]), few), 1.0)


def test_hair_is_not_purple_by_mixture_but_may_be_by_dye():
    colours = np.array(
        [[100, 80, 96], [90, 70, 50], [60, 60, 60], [90, 100, 120], [150, 60, 140]], np.float32
    )
    # The green of the first rises to the lesser of the two others; of the last too much lacks.
    wanted = colours.copy()
    wanted[0, 1] = 96
    np.testing.assert_allclose(without_purple(colours), wanted)
    assert without_purple(colours).dtype == np.float32
