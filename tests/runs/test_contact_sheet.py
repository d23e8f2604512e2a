"""Photos and their views in one picture."""

import cv2
import numpy as np

from dagan_tf.runs.contact_sheet import Row, contact_sheet, in_square

SIDE = 40


def test_the_sheet_shows_photo_simulated_and_refined(astronaut):
    random = np.random.default_rng(0)
    simulated, refined = random.integers(0, 256, (2, 1, SIDE, SIDE, 3)).astype(np.uint8)
    sheet = contact_sheet([Row(in_square(astronaut, SIDE), [30.0], simulated, refined)])
    top, left = sheet.shape[0] // 2, SIDE + 6
    np.testing.assert_array_equal(sheet[18 : 18 + SIDE, left : left + SIDE], simulated[0])
    below = sheet[top + 18 : top + 18 + SIDE, left : left + SIDE]
    np.testing.assert_array_equal(below, refined[0])
    small = cv2.resize(astronaut, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    assert np.abs(sheet[18 : 18 + SIDE, :SIDE].astype(int) - small).mean() < 3


def test_rows_of_fewer_views_end_in_white():
    views = np.zeros((2, SIDE, SIDE, 3), np.uint8)
    photo = views[0]
    sheet = contact_sheet(
        [Row(photo, [0.0, 30.0], views, views), Row(photo, [0.0], views[:1], views[:1])]
    )
    assert (sheet[sheet.shape[0] // 2 :, -SIDE:] == 255).all()
    assert (sheet[18 : 18 + SIDE, -SIDE - 6 : -6] == 0).all()


def test_a_whole_photo_stands_in_the_middle_of_its_square():
    square = in_square(np.zeros((10, 40, 3), np.uint8), 20)
    assert (square[:7] == 255).all()
    assert (square[8:12] == 0).all()
    assert (square[13:] == 255).all()
