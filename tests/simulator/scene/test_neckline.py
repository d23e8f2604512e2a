"""A collar's edge is found where a made-up photo shows one on both sides, and nowhere else."""

import cv2
import numpy as np
import pytest

from dagan_tf.simulator.scene.neckline import find_neckline
from tests.simulator.scene.test_long_hair import BROWN, SHIRT, SIDE, SKIN, Person

JACKET = (40, 45, 70)


def find(someone: Person, shown: np.ndarray | None = None):
    skin = someone.placed[someone.regions.lower_face > 0.9, :2].astype(np.float32)
    shown = np.ones((SIDE, SIDE), bool) if shown is None else shown
    return find_neckline(someone.photo, shown, skin, someone.landmarks)


def neck(someone: Person) -> None:
    """A neck that reaches down to the photo's lower edge, in the shade of the jaw."""
    below = someone.rows > someone.landmarks[8, 1] - 12
    wide = np.abs(someone.columns - someone.middle) < 34
    someone.add(below & wide & ~someone.bare, tuple(int(0.8 * one) for one in SKIN))


def edge(someone: Person, front: float, rise: float) -> np.ndarray:
    """(W, W) bool, below a V, heights below the chin in the middle and its rise at the jaw."""
    left, right = someone.landmarks[[4, 12], 0]
    chin = someone.landmarks[8, 1]
    across = np.abs(someone.columns - 0.5 * (left + right)) / (0.5 * (right - left))
    low = someone.rows - chin > (front - rise * across) * (chin - someone.brow)
    return low & ~(someone.bare & (someone.rows < chin))


@pytest.fixture
def someone() -> Person:
    someone = Person()
    neck(someone)
    return someone


@pytest.mark.parametrize("colour", [SHIRT, JACKET, (120, 150, 220)])
@pytest.mark.parametrize(("front", "rise"), [(0.45, 0.4), (0.35, 0.25)])
def test_a_v_is_found_where_it_is(someone, front, rise, colour):
    someone.add(edge(someone, front, rise), colour)
    line = find(someone)
    assert line is not None
    assert line.front == pytest.approx(front, abs=0.04)
    assert line.rise == pytest.approx(rise, abs=0.06)
    assert line.chin == pytest.approx(someone.landmarks[8, 1])
    np.testing.assert_allclose(line.below_chin(np.array([-1.0, 1.0])), line.front - line.rise)


def test_a_fingertip_on_it_does_not_move_it(someone):
    """Skin covers a fifth of the edge, on one side."""
    someone.add(edge(someone, 0.45, 0.3), SHIRT)
    right = someone.columns - someone.middle
    finger = (right > 15) & (right < 27) & ~edge(someone, 0.62, 0.3)
    someone.add(finger & edge(someone, 0.44, 0.3), SKIN)
    line = find(someone)
    assert line is not None
    assert line.front == pytest.approx(0.45, abs=0.03)
    # A line through all columns rises by 0.21.
    assert line.rise == pytest.approx(0.3, abs=0.05)


def test_none_on_bare_skin(someone):
    assert find(someone) is None


@pytest.mark.parametrize("front", [0.25, 0.5])
def test_none_of_a_round_neckline(someone, front):
    someone.add(edge(someone, front, 0.0), SHIRT)
    assert find(someone) is None


def test_none_of_a_scarf_higher_on_one_side(someone):
    left = someone.columns < someone.middle
    someone.add(edge(someone, 0.45, 0.2) & left, SHIRT)
    someone.add(edge(someone, 0.2, 0.2) & ~left, SHIRT)
    assert find(someone) is None


def test_none_of_one_side_alone(someone):
    someone.add(edge(someone, 0.45, 0.4) & (someone.columns < someone.middle), SHIRT)
    assert find(someone) is None


def test_none_of_hair_beside_the_neck(someone):
    someone.hang(inner=24.0)
    assert find(someone) is None


def test_none_below_the_photo(someone):
    someone.add(edge(someone, 0.45, 0.4), SHIRT)
    shown = np.ones((SIDE, SIDE), bool)
    shown[round(someone.landmarks[8, 1]) + 8 :] = False
    assert find(someone, shown) is None


def test_a_dark_beard_is_no_collar(someone):
    """It reaches round the jaw, and skin follows it."""
    chin = round(float(someone.landmarks[8, 1]))
    beard = np.zeros((SIDE, SIDE), np.uint8)
    jaw = np.rint(someone.landmarks[3:14]).astype(np.int32)
    cv2.polylines(beard, [jaw.reshape(-1, 1, 2)], isClosed=False, color=1, thickness=10)
    someone.add((beard > 0) & (someone.rows < chin + 8), BROWN)
    assert find(someone) is None
