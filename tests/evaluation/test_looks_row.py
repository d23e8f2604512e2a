import numpy as np
import pytest

from dagan_tf.evaluation.face_set import FaceSet
from dagan_tf.evaluation.looks import colour_distance
from dagan_tf.evaluation.looks_row import laid_photos, looks_row
from dagan_tf.evaluation.measure import Measure
from dagan_tf.simulator.registration import Registration

SIDE = 56
HALO, HUE, DETAIL = (
    Measure("change beside the outline, grey levels"),
    Measure("hue, distance to own photo"),
    Measure("finest detail, share of own photo"),
)


@pytest.fixture
def views():
    """Two views with a chequered head in the middle of a plain backdrop."""
    images = np.full((2, SIDE, SIDE, 3), 200, np.uint8)
    chequered = np.indices((28, 28)).sum(axis=0) % 2
    images[:, 14:42, 14:42] = (60 + 40 * chequered)[None, :, :, None]
    return images


def test_row_by_hand(views):
    refined = views.copy()
    refined[0, :13] += 6  # above the first head; below it and beside it nothing
    refined[1, 14:42, 14:42, 0] += 30
    inside = np.zeros((SIDE, SIDE), np.uint8)
    inside[20:36, 20:36] = 255
    softer = (views.astype(float) / 2 + 50).astype(np.uint8)
    laid = [Registration(views[0], inside, 0.1), Registration(softer[1], inside, 0.1)]
    faces = FaceSet(refined, np.array(["a", "b"]), {})
    row = looks_row(faces, views, laid, [-45.0, 45.0])
    # The first view's ring changed by 6 in part, the second's not at all.
    assert 0.5 < row[HALO].value < 3
    # The first has its photo's colours and detail; the second is red, and twice as contrasted.
    want = colour_distance(refined[1], softer[1], inside)
    assert want > 5
    assert row[HUE].value == pytest.approx(want / 2, rel=1e-5)
    assert row[DETAIL].value == pytest.approx((1 + 4) / 2, rel=0.01)
    plain = looks_row(FaceSet(views, faces.people, {}), views, laid, [-45.0, 45.0])
    assert plain[HALO].value == 0.0


def test_what_cannot_be_measured_is_none(views):
    faces = FaceSet(views, np.array(["a", "b"]), {})
    row = looks_row(faces, views, [None, None], [-45.0, 45.0])
    assert row[HALO].value == 0.0
    assert (row[HUE], row[DETAIL]) == (None, None)
    noise = np.random.default_rng(0).integers(0, 256, views.shape).astype(np.uint8)
    row = looks_row(FaceSet(noise, faces.people, {}), noise, [None, None], [-45.0, 45.0])
    assert row[HALO] is None
    whole = np.full((SIDE, SIDE), 255, np.uint8)
    assert laid_photos(noise, noise, [whole, whole], [-45.0, 45.0]) == [None, None]
    assert laid_photos(views, views, [None, None], [-45.0, 45.0]) == [None, None]
