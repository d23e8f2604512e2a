"""The colour of hair alone, where most of what is seen of a head is skin or mixed with it."""

import numpy as np
import pytest

from dagan_tf.simulator.scene.hair_pixels import dark_hair, near_places

SKIN, BROWN, WHITE = np.array([[200.0, 150.0, 130.0], [60.0, 45.0, 38.0], [190.0, 192.0, 195.0]])
SIDE, NONE = 120, np.zeros((0, 2))


def painted(*bands):
    """A photo of horizontal bands, each a colour and its rows; skin elsewhere."""
    photo = np.tile(SKIN, (SIDE, SIDE, 1))
    for colour, rows in bands:
        photo[rows] = colour
    return photo.astype(np.uint8)


def found(photo, ears=NONE, own=None, skin=SKIN):
    """What is read of a photo whose middle is scalp."""
    grid = np.stack(np.meshgrid(np.arange(10, 110, 5.0), np.arange(10, 110, 5.0)), -1)
    own = np.ones((SIDE, SIDE), bool) if own is None else own
    return dark_hair(photo, grid.reshape(-1, 2), ears, own, 4, skin)


def mixed(share):
    """Skin of which a share, in logarithms, is hair."""
    return np.exp((1.0 - share) * np.log(SKIN) + share * np.log(BROWN))


def test_a_strip_of_hair_beside_a_high_forehead_and_thin_hair_gives_the_colour():
    thin = [
        (mixed(share), slice(40 + k, 41 + k)) for k, share in enumerate(np.linspace(0, 0.6, 30))
    ]
    photo = painted(*thin, (BROWN, slice(70, 85)))
    np.testing.assert_allclose(found(photo), BROWN, atol=2.0)


def test_the_darkest_of_it_is_not_its_colour():
    photo = painted((0.6 * BROWN, slice(20, 32)), (BROWN, slice(32, 90)))
    np.testing.assert_allclose(found(photo), BROWN, atol=2.0)


@pytest.mark.parametrize("share", [0.0, 0.25])
def test_a_shadow_on_a_bald_head_is_no_hair(share):
    assert found(painted((mixed(share), slice(60, 110)))) is None


def test_dark_roots_of_white_hair_are_not_its_colour():
    roots = (BROWN, slice(20, 35))
    assert found(painted(roots, (WHITE, slice(35, 110)))) is None
    # Gloss on dark hair is less than the hair.
    np.testing.assert_allclose(
        found(painted((BROWN, slice(20, 90)), (WHITE, slice(90, 110)))), BROWN, atol=2.0
    )


def test_neither_ears_nor_backdrop_count():
    photo = painted((BROWN, slice(20, 40)), ((5.0, 5.0, 5.0), slice(80, 110)))
    assert found(photo)[0] < 40.0
    backdrop = np.ones((SIDE, SIDE), bool)
    backdrop[78:] = False
    np.testing.assert_allclose(found(photo, own=backdrop), BROWN, atol=2.0)
    ears = np.stack(np.meshgrid(np.arange(0, 120, 4.0), np.arange(80, 110, 4.0)), -1)
    np.testing.assert_allclose(found(photo, ears=ears.reshape(-1, 2)), BROWN, atol=2.0)


def test_hardly_any_pixels_tell_nothing():
    assert dark_hair(painted((BROWN, slice(0, 120))), np.full((1, 2), 60.0), NONE,
                     np.ones((SIDE, SIDE), bool), 3, SKIN) is None  # fmt: skip


def test_what_is_near_places():
    near = near_places(np.array([[10.0, 20.0]]), 2, (40, 40))
    assert near[[20, 22, 20], [10, 10, 12]].all()
    assert near.sum() < 25
