from pathlib import Path

from dagan_tf.data.manifest import ManifestRow
from dagan_tf.data.photos import PhotoItem
from dagan_tf.evaluation.pairs import gallery_photos, pair_views


def photo(path, yaw, identity="ann"):
    return PhotoItem(Path(path), identity, Path(path).stem, yaw)


def view(path, source, yaw, identity="ann"):
    return ManifestRow(path, "", source, identity, yaw, 0.0, 0.0, 0.01)


FRONT, SMILE = photo("/old/neutral_front/1.jpg", 0.0), photo("/old/smiling_front/1.jpg", 0.0)
SIDE, SMILING_SIDE = photo("/old/neutral_left/1.jpg", -45.0), photo("/old/smiling_left/1.jpg", -45)
PHOTOS = [FRONT, SMILING_SIDE, SIDE, SMILE, photo("/old/neutral_front/2.jpg", -45.0, "ben")]


def yaw_of(item):
    return item.yaw


def test_a_view_is_held_against_its_person_s_photo_of_that_side():
    views = [
        view("b.png", "/moved/smiling_front/1.jpg", -45.0),
        view("a.png", "/moved/neutral_front/1.jpg", -40.0),
        view("c.png", "/moved/neutral_front/1.jpg", 45.0),  # not photographed from there
        view("d.png", "/moved/elsewhere/1.jpg", -45.0),  # of an unknown photo
    ]
    pairs = pair_views(views, PHOTOS, yaw_of)
    assert [(pair.view.path, pair.source, pair.real) for pair in pairs] == [
        ("a.png", FRONT, SIDE),
        ("b.png", SMILE, SMILING_SIDE),
    ]
    assert pair_views(views, PHOTOS, yaw_of, yaws=[45.0]) == []
    assert len(pair_views(views, PHOTOS, yaw_of, yaws=[-50.0])) == 1


def test_the_nearest_yaw_comes_first_and_the_own_source_never():
    near, far = photo("/p/ann/near.jpg", -44.0), photo("/p/ann/far.jpg", -40.0)
    source, unknown = photo("/p/ann/source.jpg", -45.0), photo("/p/ann/unknown.jpg", None)
    views = [view("a.png", "/p/ann/source.jpg", -45.0)]
    (pair,) = pair_views(views, [far, source, unknown, near], yaw_of)
    assert pair.real == near
    assert pair_views(views, [source, unknown], yaw_of) == []


def test_the_gallery_takes_a_frontal_photo_that_made_no_view_else_the_last():
    third = photo("/p/ann/3.jpg", 10.0)
    sources = {FRONT.path, SMILE.path}
    assert gallery_photos([FRONT, SMILE], sources, yaw_of) == {"ann": SMILE}
    assert gallery_photos([third, FRONT, SMILE, SIDE], sources, yaw_of) == {"ann": third}
    assert gallery_photos([photo("/p/b/1.jpg", 20.0, "ben")], sources, yaw_of) == {}
