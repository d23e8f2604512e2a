import cv2
import numpy as np

from dagan_tf.simulator.scene.backdrop import Backdrop, Plate, clean_plates, seen_behind
from tests.simulator.scene.test_outline import disc


def halved(photo):
    return cv2.resize(photo, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)


def test_the_plate_keeps_no_trace_of_what_was_removed():
    photo = np.full((120, 120, 3), (20, 120, 220), np.uint8)
    person = disc(120, (60, 60), 30)
    photo[person] = (250, 0, 0)
    mask = disc(60, (29.5, 29.5), 15)
    (plate, kept), *_ = clean_plates(
        photo, halved(photo), mask, mask, margin=2.0, shown=np.ones((120, 120), bool)
    )
    assert plate[..., 0].max() < 60
    assert kept[60, 60] == 0
    corner = (slice(0, 10), slice(0, 10))
    np.testing.assert_array_equal(plate[corner], photo[corner])
    assert kept[corner].min() == 1


def test_the_body_stays_but_is_not_smeared_over_the_backdrop():
    photo = np.full((120, 120, 3), 220, np.uint8)
    photo[80:] = 10  # dark clothes
    head, person = disc(60, (29.5, 29.5), 9), disc(60, (29.5, 29.5), 9)
    person[40:] = True
    (plate, kept), alone, _ = clean_plates(
        photo, halved(photo), head, person, margin=2.0, shown=np.ones((120, 120), bool)
    )
    assert plate[59, 59].min() > 200
    assert plate[110, 60].max() == 10
    assert kept[110, 60] == 1
    # From the side there is no body before the throat.
    assert alone.image[110, 60].min() > 200
    assert alone.kept[110, 60] == 0
    np.testing.assert_array_equal(alone.image[:20], plate[:20])


def test_the_neck_stays_up_to_the_row_where_the_head_ends():
    photo = np.full((120, 120, 3), 220, np.uint8)
    head, person = np.zeros((60, 60), bool), np.zeros((60, 60), bool)
    head[10:30, 20:40] = True
    person[10:50, 20:40] = True
    photo[np.kron(person, np.ones((2, 2), bool))] = 90
    (plate, kept), *_ = clean_plates(
        photo, halved(photo), head, person, margin=4.0, shown=np.ones((120, 120), bool)
    )
    assert kept[62, 60] == 1
    assert plate[62, 60].max() == 90
    assert plate[40, 60].min() > 200


def test_a_single_hair_beside_the_head_goes_and_a_patterned_backdrop_stays():
    head = np.zeros((128, 128), bool)
    head[44:84, 44:84] = True
    plain = np.full((256, 256, 3), 200, np.uint8)
    hair = plain.copy()
    hair[100:160, 180:182] = 120
    (plate, kept), *_ = clean_plates(
        hair, halved(hair), head, head, margin=2.0, shown=np.ones((256, 256), bool)
    )
    np.testing.assert_allclose(plate, plain, atol=2)
    assert kept[130, 181] == 0
    assert kept[20, 20] == 1
    stripes = plain.copy()
    stripes[:, ::8] = 120
    (plate, kept), *_ = clean_plates(
        stripes, halved(stripes), head, head, margin=2.0, shown=np.ones((256, 256), bool)
    )
    assert kept[130, 181] == 1


def test_nothing_beyond_the_photo_s_edge_is_kept_or_spread():
    photo = np.full((120, 120, 3), (20, 120, 220), np.uint8)
    photo[:, :30] = 255  # what the canvas holds beyond the photo
    shown = np.ones((120, 120), bool)
    shown[:, :30] = False
    mask = disc(60, (29.5, 29.5), 12)
    (plate, kept), *_ = clean_plates(photo, halved(photo), mask, mask, margin=2.0, shown=shown)
    assert kept[:, :30].max() == 0
    np.testing.assert_allclose(plate[60, 40], (20, 120, 220), atol=2)
    np.testing.assert_allclose(plate[60, 5], (20, 120, 220), atol=2)


def test_what_is_behind_goes_out_of_focus_and_shoulders_do_not():
    size = 100
    y, x = np.mgrid[:size, :size].astype(np.float32)
    places = np.stack([x, y], axis=-1)
    stripes = np.where(x % 4 < 2, 50, 200)[..., None].astype(np.uint8).repeat(3, axis=2)
    person = np.zeros((size, size), np.float32)
    person[60:] = 1.0
    cloth = stripes.copy()
    cloth[60:, :, 1:] = 0
    cloth[60:, :, 0] = np.where(x[60:] % 40 < 20, 50, 200)
    whole = np.ones((size, size), np.float32)
    taken = Backdrop(Plate(cloth, whole), Plate(stripes, 0.5 * whole), person)
    sharp, known = seen_behind(taken, places, 0.0, 0.0)
    np.testing.assert_allclose(sharp, cloth, atol=1e-3)
    np.testing.assert_allclose(known, 1.0)
    soft, _ = seen_behind(taken, places, 0.0, 1.0)
    assert soft[10:50, 10:90].std() < 0.2 * sharp[10:50, 10:90].std()
    np.testing.assert_allclose(soft[10:50, 10:90].mean(), 125.0, atol=2.0)
    # Cloth keeps its pattern, and its colour does not reach into the backdrop.
    assert np.corrcoef(soft[70:, :, 0].ravel(), cloth[70:, :, 0].ravel())[0, 1] > 0.95
    assert np.abs(soft[:55, 10:90, 1] - soft[:55, 10:90, 0]).max() < 2.0
    half, _ = seen_behind(taken, places, 0.0, 0.5)
    np.testing.assert_allclose(half, 0.5 * (sharp + soft), atol=0.5)
    # Without the person all of it is backdrop.
    alone, known = seen_behind(taken, places, 1.0, 1.0)
    assert np.ptp(alone, axis=2).max() < 1e-3
    np.testing.assert_allclose(known, 0.5)
    # Where nobody is told from the backdrop it is in focus, or shoulders would blur.
    unknown, _ = seen_behind(taken._replace(person=None), places, 0.0, 1.0)
    np.testing.assert_array_equal(unknown, sharp)
    unknown, _ = seen_behind(taken._replace(person=None), places, 1.0, 1.0)
    np.testing.assert_array_equal(unknown, stripes)
