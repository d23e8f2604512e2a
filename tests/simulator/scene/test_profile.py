"""Profiles lose what a front's grazing light leaves on a face, and get dark lashes."""

from types import SimpleNamespace

import numpy as np
import pytest

from dagan_tf.simulator.scene.profile import as_profile

SIDE = 128
SKIN = (180, 140, 120)
REGIONS = SimpleNamespace(beside_nose="nose", under_eyes="under", jaw_slope="jaw", eyes="eyes")


@pytest.fixture
def view():
    image = np.full((SIDE, SIDE, 3), SKIN, np.uint8)
    image[40:42, 40:60] = (90, 70, 60)  # lashes
    image[50:53, 45:55] = (250, 240, 235)  # a bright drop under the eye
    shares = {name: np.zeros((SIDE, SIDE), np.float32) for name in ("nose", "under", "jaw", "eyes")}
    shares["eyes"][34:56, 35:65] = 1.0
    shares["under"][46:60, 35:65] = 1.0
    return image, shares


def drawn(view, turn=90.0, uncovered: np.ndarray | bool = True):
    image, shares = view
    cover = np.ones((SIDE, SIDE), np.float32)
    return as_profile(image, cover, uncovered, REGIONS, shares.__getitem__, turn).astype(int)


def test_the_drop_under_the_eye_goes_and_lashes_are_darker(view):
    found = drawn(view)
    assert (np.abs(found[51, 50] - SKIN) < 35).all()
    assert (found[40, 45:55] < 0.85 * view[0][40, 45:55]).all()
    np.testing.assert_allclose(found[100, 20:100], view[0][100, 20:100], atol=1)


def test_up_to_60_degrees_nothing_changes_nor_under_hair(view):
    np.testing.assert_array_equal(drawn(view, 60.0), view[0])
    covered = drawn(view, uncovered=np.zeros((SIDE, SIDE), bool))
    np.testing.assert_allclose(covered, view[0], atol=1)
